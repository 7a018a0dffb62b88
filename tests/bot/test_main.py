"""The bot's door: its sentences and its exit codes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import discord
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from bot.__main__ import app
from bot.app import StartError, run_bot, sync_bot, until_stopped
from tests.bot.gateway import Gateway, discord_that, refusing
from tests.bot.world import SETTLE_LIMIT, settings_for

runner = CliRunner()
UNKNOWN_TOKEN = "not.a.token"  # noqa: S105 - it opens nothing


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_bundle_path: Path) -> None:
    """A folder of its own."""
    monkeypatch.setenv("MOJIGAN_BUNDLE", str(tiny_bundle_path))
    monkeypatch.setenv("MOJIGAN_DEVICE", "cpu")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that no Discord knows."""
    monkeypatch.setenv("DISCORD_TOKEN", UNKNOWN_TOKEN)


@pytest.mark.parametrize("command", [["run"], ["sync"]])
def test_without_a_token_it_says_what_to_do(command: list[str]) -> None:
    result = runner.invoke(app, command)
    assert result.exit_code == 2
    assert result.stderr.startswith("There is no token: put DISCORD_TOKEN=... into the environment or a file .env")
    assert "python -m bot preview" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("data").exists()


def flip_a_byte(bundle: Path) -> None:
    file = bundle / "generator.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def remove_a_file(bundle: Path) -> None:
    (bundle / "neighbors.safetensors").unlink()


def put_a_pickle(bundle: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, bundle / "generator.safetensors")


def put_nan(bundle: Path) -> None:
    file = bundle / "generator.safetensors"
    weights = load_file(file)
    next(value for value in weights.values() if value.is_floating_point()).view(-1)[0] = float("nan")
    save_file(weights, file)
    card = json.loads((bundle / "card.json").read_text())
    card["files"][file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    (bundle / "card.json").write_text(json.dumps(card))


def come_from_the_future(bundle: Path) -> None:
    card = json.loads((bundle / "card.json").read_text())
    (bundle / "card.json").write_text(json.dumps({**card, "format_version": 99}))


DAMAGES: list[tuple[Callable[[Path], None], str]] = [
    (flip_a_byte, "the file is damaged"),
    (remove_a_file, "the bundle lacks its file neighbors.safetensors"),
    (put_a_pickle, "this is a pickle"),
    (put_nan, "not finite"),
    (come_from_the_future, "the bundle has format version 99"),
    (shutil.rmtree, "there is no bundle folder here"),
]


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(("damage", "reason"), DAMAGES, ids=[damage.__name__ for damage, _ in DAMAGES])
@pytest.mark.parametrize("command", [["run"], ["preview", "--no-browser"]], ids=["run", "preview"])
def test_a_broken_bundle_is_one_sentence_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    tiny_bundle_path: Path,
    command: list[str],
    damage: Callable[[Path], None],
    reason: str,
) -> None:
    bundle = tmp_path / "broken"
    shutil.copytree(tiny_bundle_path, bundle)
    damage(bundle)
    monkeypatch.setenv("MOJIGAN_BUNDLE", str(bundle))
    result = runner.invoke(app, command)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert str(bundle) in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("MOJIGAN_DEVICE", "toaster", "'toaster' is none of"),
        ("MOJIGAN_DATABASE_URL", "mysql://here", "not supported"),
        ("MOJIGAN_BUNDEL", "x", "perhaps MOJIGAN_BUNDLE is meant"),
    ],
)
def test_wrong_settings_are_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str) -> None:
    monkeypatch.setenv(name, value)
    result = runner.invoke(app, ["run"])
    assert result.exit_code == 2
    assert result.stderr.startswith(name)
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


def test_db_upgrade_makes_a_database() -> None:
    result = runner.invoke(app, ["db", "upgrade"])
    assert result.exit_code == 0
    assert Path("data/mojigan.db").is_file()
    Path("data/mojigan.db").write_text("this is a poem, and no database, and it goes on for a while")
    result = runner.invoke(app, ["db", "upgrade"])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_check_names_what_is_wrong_and_says_so_with_its_exit_code() -> None:
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("FAIL token: ")
    assert lines[1].startswith("ok   database: ")  # `run` makes it
    assert lines[2].startswith("ok   bundle: ")
    assert lines[-1] == "No icon was drawn: `python -m bot check --draw` does that, too."
    drawn = runner.invoke(app, ["check", "--draw"])
    assert drawn.exit_code == 1
    assert " on cpu in " in drawn.stdout
    assert "No icon was drawn" not in drawn.stdout


@pytest.mark.parametrize("command", [[], ["run"], ["preview"], ["check"], ["sync"], ["db"], ["db", "upgrade"]])
def test_each_door_explains_itself(command: list[str]) -> None:
    result = runner.invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.stdout


async def test_run_joins_discord_and_leaves_on_a_signal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_bundle_path: Path
) -> None:
    settings = settings_for(tiny_bundle_path, tmp_path, token=UNKNOWN_TOKEN)
    gateway = Gateway()
    async with discord_that(gateway.answer, monkeypatch):
        for _ in range(2):
            running = asyncio.create_task(until_stopped(run_bot(settings)))
            async with asyncio.timeout(SETTLE_LIMIT):
                joined = asyncio.create_task(gateway.joined.wait())
                await asyncio.wait([joined, running], return_when=asyncio.FIRST_COMPLETED)
                assert not running.done()
                os.kill(os.getpid(), signal.SIGTERM)
                await running
                await gateway.left.wait()
            gateway.joined.clear()
    assert gateway.identified["intents"] == discord.Intents(guilds=True).value
    assert gateway.requests.count("PUT /api/applications/3/commands") == 1
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("studio")]


async def test_sync_sends_the_commands_without_joining(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_bundle_path: Path
) -> None:
    settings = settings_for(tiny_bundle_path, tmp_path, token=UNKNOWN_TOKEN)
    gateway = Gateway()
    async with discord_that(gateway.answer, monkeypatch):
        assert await sync_bot(settings, force=False)
        assert not await sync_bot(settings, force=False)
        assert await sync_bot(settings, force=True)
    assert gateway.requests.count("PUT /api/applications/3/commands") == 2
    assert "GET /gateway" not in gateway.requests


async def test_a_token_that_discord_does_not_know(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_bundle_path: Path
) -> None:
    settings = settings_for(tiny_bundle_path, tmp_path, token=UNKNOWN_TOKEN)
    async with discord_that(refusing(401), monkeypatch):
        with pytest.raises(StartError, match="Discord does not know this token"):
            await run_bot(settings)
        with pytest.raises(StartError, match="Discord does not know this token"):
            await sync_bot(settings, force=False)


async def test_a_discord_that_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_bundle_path: Path) -> None:
    async with discord_that(refusing(403), monkeypatch):
        with pytest.raises(StartError, match="Discord refused: 403"):
            await run_bot(settings_for(tiny_bundle_path, tmp_path, token=UNKNOWN_TOKEN))


async def test_a_discord_that_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_bundle_path: Path
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(discord.http.Route, "BASE", f"http://127.0.0.1:{closed.getsockname()[1]}/api")
        with pytest.raises(StartError, match="Discord cannot be reached"):
            await run_bot(settings_for(tiny_bundle_path, tmp_path, token=UNKNOWN_TOKEN))


def test_the_preview_ends_cleanly_on_signals(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "bot", "preview", "--no-browser"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if "Ctrl-C here ends it" in line:
                break
        assert [each.name.startswith("mojigan-preview-") for each in temporary.iterdir()] == [True]
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        assert process.stderr.read() == ""
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_work_close_what_it_opened(number: signal.Signals) -> None:
    closed = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0)
            closed.append(True)

    asyncio.run(until_stopped(work()))
    assert closed == [True]


def test_what_the_work_raises_comes_through() -> None:
    async def work() -> None:
        raise StartError("no")

    with pytest.raises(StartError):
        asyncio.run(until_stopped(work()))


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["db", "upgrade"]])
def test_what_draws_nothing_starts_without_torch(arguments: list[str]) -> None:
    """It alone takes seconds. Wrong settings are told without it, too."""
    code = (
        "import sys; from bot.__main__ import app; app(sys.argv[1:], standalone_mode=False); "
        "sys.exit(', '.join({'torch', 'discord'} & sys.modules.keys()) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
