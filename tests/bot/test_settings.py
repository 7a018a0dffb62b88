"""Settings: defaults, one sentence per problem, secrets that stay secret; and the log's set-up."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sqlite3
from datetime import datetime
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from rich.console import Console
from sqlalchemy import inspect

from bot.db.newest import prepare_file
from bot.db.session import create_engine
from bot.db.upgrade import upgrade
from bot.db.urls import parse_url, sqlite_file, sqlite_url
from bot.logs import current_id, log_id, new_id, set_up_logging
from bot.settings import DEFAULT_BUNDLE, PREFIX, Settings, SettingsError, load_settings, variable_of

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def problems(env_file: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(env_file)
    for sentence in caught.value.problems:
        assert sentence.endswith(".")
        assert "\n" not in sentence
    return caught.value.problems


def test_all_has_a_default() -> None:
    found = load_settings(None)
    assert found.token is None
    assert found.database_url == "sqlite+aiosqlite:///data/mojigan.db"
    assert found.data == Path("data")
    assert found.bundle == DEFAULT_BUNDLE
    assert (found.device, found.log_level, found.development_guild) == ("auto", "info", None)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", " abc.def \n")
    monkeypatch.setenv("MOJIGAN_DATABASE_URL", "postgres://u:hunter2@h/d")
    monkeypatch.setenv("MOJIGAN_DATA", "~/mojigan")
    monkeypatch.setenv("MOJIGAN_DEVICE", "CUDA")
    monkeypatch.setenv("mojigan_log_level", "Debug")
    monkeypatch.setenv("MOJIGAN_DEVELOPMENT_GUILD", "1234567890123456789")
    found = load_settings(None)
    assert found.token == SecretStr("abc.def")
    assert found.database_url == "postgresql+psycopg://u:hunter2@h/d"
    assert found.data == Path.home() / "mojigan"
    assert (found.device, found.log_level) == ("cuda", "debug")
    assert found.development_guild == 1234567890123456789


def test_the_database_lies_in_the_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOJIGAN_DATA", "/var/lib/mojigan")
    assert load_settings(None).database_url == "sqlite+aiosqlite:////var/lib/mojigan/mojigan.db"


ODD_NAMES = (
    *("100%", "50%20off", "what?", "what?x=1", "#1", "a b", "a+b", "a&b=c", "a@b:c", "file:x", ":memory:", "[x]"),
    *("ünï", "笑", "'q'", '"q"', "x;y", "back\\slash", "$HOME", "%(x)s", "{x}", "new\nline", "-x"),
)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_data_folder_is_the_one_that_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its database, as the migrations and the engine open it."""
    for folder in (tmp_path / name, Path(name)):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MOJIGAN_DATA", str(folder))
        url = load_settings(None).database_url
        file = sqlite_file(parse_url(url))
        assert file is not None
        assert file.absolute() == folder.absolute() / "mojigan.db"
        prepare_file(file)
        connection = sqlite3.connect((folder / "mojigan.db").absolute())
        connection.execute("CREATE TABLE IF NOT EXISTS mark (x)")
        connection.close()
        assert asyncio.run(_has_mark(url))
    assert [each.name for each in tmp_path.iterdir()] == [name]


async def _has_mark(url: str) -> bool:
    engine = create_engine(parse_url(url))
    async with engine.connect() as connection:
        found = await connection.run_sync(lambda sync: inspect(sync).has_table("mark"))
    await engine.dispose()
    return found


def test_migrations_go_to_the_file_that_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "50%20 off?#1 %(here)s"
    upgrade(sqlite_url(folder / "mojigan.db"))
    assert (folder / "mojigan.db").stat().st_size > 10_000
    assert [each.name for each in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_bundle_is_the_folder_that_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOJIGAN_BUNDLE", str(tmp_path / name))
    assert load_settings(None).bundle == tmp_path / name


@pytest.mark.parametrize("name", [name for name in ODD_NAMES if "\n" not in name])
def test_paths_in_a_file_of_settings_are_those_that_are_quoted(name: str, tmp_path: Path) -> None:
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    (tmp_path / ".env").write_text(f"MOJIGAN_DATA='/x/{quoted}'\nMOJIGAN_BUNDLE='/y/{quoted}'\n", encoding="utf-8")
    found = load_settings(tmp_path / ".env")
    assert (found.data, found.bundle) == (Path("/x") / name, Path("/y") / name)


def test_a_zero_byte_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"MOJIGAN_DATA=a\0b\n")
    assert problems(tmp_path / ".env") == ["MOJIGAN_DATA: no file or folder has a name with a zero byte in it."]


def test_the_environment_counts_more_than_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("MOJIGAN_DEVICE=cpu\nMOJIGAN_LOG_LEVEL='warning'\nOTHER_PROGRAM=1\nDISCORD_TOKEN=from.file\n")
    monkeypatch.setenv("MOJIGAN_DEVICE", "cuda")
    found = load_settings(file)
    assert (found.device, found.log_level, found.token) == ("cuda", "warning", SecretStr("from.file"))


def test_what_is_left_empty_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.setenv(variable_of(field), "")
    assert load_settings(None) == Settings(_env_file=None)  # type: ignore[call-arg]  # pydantic-settings adds it


def test_each_problem_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DISCORD_TOKEN": "two words",
        "MOJIGAN_DATABASE_URL": "mysql://u:hunter2@h/d",
        "MOJIGAN_DATA": "~no_such_user/x",
        "MOJIGAN_DEVICE": "gpu",
        "MOJIGAN_LOG_LEVEL": "loud",
        "MOJIGAN_DEVELOPMENT_GUILD": "my server",
    }.items():
        monkeypatch.setenv(name, value)
    found = problems()
    assert [sentence.split(":")[0] for sentence in found] == [
        "DISCORD_TOKEN",
        "MOJIGAN_DATA",
        "MOJIGAN_DATABASE_URL",
        "MOJIGAN_DEVICE",
        "MOJIGAN_LOG_LEVEL",
        "MOJIGAN_DEVELOPMENT_GUILD",
    ]
    everything = "\n".join(found)
    assert "hunter2" not in everything
    assert "two words" not in everything
    assert "'gpu' is none of 'auto', 'cpu', 'cuda', 'mps'." in everything


@pytest.mark.parametrize("guild", ["0", "-5", str(2**63), "1.5", "9" * 5000])
def test_a_server_id_is_a_snowflake(guild: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOJIGAN_DEVELOPMENT_GUILD", guild)
    (sentence,) = problems()
    assert sentence.startswith("MOJIGAN_DEVELOPMENT_GUILD: ")
    assert len(sentence) < 200


@pytest.mark.parametrize("port", ["0", "65536", "eighty", "80.5"])
def test_a_port_is_a_number(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOJIGAN_HEALTH_PORT", port)
    assert problems() == [f"MOJIGAN_HEALTH_PORT: '{port}' is not a port, a number from 1 to 65535."]


def test_a_misspelled_setting_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOJIGAN_DATABSE_URL", "sqlite:///x.db")
    (tmp_path / ".env").write_text("mojigan_colour=red\n")
    first, second = problems(tmp_path / ".env")
    assert first.startswith("MOJIGAN_COLOUR: there is no such setting; ")
    assert second == "MOJIGAN_DATABSE_URL: there is no such setting; perhaps MOJIGAN_DATABASE_URL is meant."


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"DISCORD_TOKEN=\xff\xfe\x00")
    assert problems(tmp_path / ".env") == [f"{tmp_path}/.env: this is not a UTF-8 text file."]


def test_secrets_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "s3cret.token")
    monkeypatch.setenv("MOJIGAN_DATABASE_URL", "postgresql://u:hunter2@h/d")
    found = load_settings(None)
    for shown in (repr(found), str(found)):
        assert "s3cret" not in shown
        assert "hunter2" not in shown


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(sorted(Settings.model_fields)), st.text(st.characters(codec="utf-8", exclude_characters="\0"))
    )
)
def test_any_environment_is_settings_or_sentences(values: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for field, value in values.items():
            patch.setenv(variable_of(field), value)
        try:
            load_settings(None)
        except SettingsError as error:
            found = error.problems
        else:
            found = []
    names = {variable_of(field) for field in values}
    for sentence in found:
        assert sentence.partition(":")[0] in names
        assert "\n" not in sentence


def test_the_example_names_every_setting() -> None:
    assert set(dotenv_values(EXAMPLE)) == {variable_of(field) for field in Settings.model_fields}


def test_the_example_is_the_defaults() -> None:
    assert load_settings(EXAMPLE) == load_settings(None)


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml"])
def test_the_container_sets_what_is_a_setting(name: str) -> None:
    found = set(re.findall(rf"^ +({PREFIX}\w+)[=:]", (EXAMPLE.parent / name).read_text(), re.MULTILINE))
    assert {"MOJIGAN_DATA", "MOJIGAN_HEALTH_PORT"} <= found <= {variable_of(field) for field in Settings.model_fields}


def test_plain_log_lines() -> None:
    out = io.StringIO()
    set_up_logging("info", Console(file=out))
    logging.getLogger("bot.test").info("outside")
    with log_id("ab12cd") as given:
        assert given == current_id() == "ab12cd"
        logging.getLogger("bot.test").warning("inside")
        logging.getLogger("bot.test").debug("not at this level")
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO    bot\.test \[-\] outside", lines[0])
    assert lines[1].endswith("WARNING bot.test [ab12cd] inside")


def test_log_lines_in_a_terminal() -> None:
    out = io.StringIO()
    set_up_logging("debug", Console(file=out, force_terminal=True, width=100))
    with log_id("ab12cd"):
        logging.getLogger("bot.test").info("seed [bold]42[/bold]")
    assert "[ab12cd] seed [bold]42[/bold]" in re.sub(r"\x1b\[[\d;]*m", "", out.getvalue())


def test_json_log_lines() -> None:
    out = io.StringIO()
    set_up_logging("info", Console(file=out, force_terminal=True), "json")
    with log_id("ab12cd", {"command": "icon", "guild": None, "user": 7}):
        logging.getLogger("bot.test").warning("a line\nand %s", "another")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("bot.test").exception("outside")
    first, second = map(json.loads, out.getvalue().splitlines())
    assert datetime.fromisoformat(first.pop("time")).tzinfo is not None
    work = {"id": "ab12cd", "command": "icon", "guild": None, "user": 7}
    assert first == {"level": "warning", "logger": "bot.test", **work, "message": "a line\nand another"}
    assert (second["id"], second["level"]) == ("-", "error")
    assert second["exception"].endswith("ValueError: broken")


async def test_tasks_keep_the_id_of_who_started_them() -> None:
    async def inner() -> str:
        await asyncio.sleep(0)
        return current_id()

    async def outer() -> tuple[str, str]:
        with log_id() as name:
            return name, await asyncio.create_task(inner())

    pairs = await asyncio.gather(*(outer() for _ in range(5)))
    assert all(name == seen for name, seen in pairs)
    assert len({name for name, _ in pairs}) == 5
    assert current_id() == "-"


def test_ids_are_short() -> None:
    assert re.fullmatch("[0-9a-f]{6}", new_id())
