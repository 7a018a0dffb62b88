"""`python -m bot check`: what is wrong, one sentence each, seen through a simulated Discord and a broken world."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import discord
import pytest
from aiohttp import web
from pydantic import SecretStr
from simcord.env import Env

from bot.db.upgrade import upgrade
from bot.operating import machine, servers
from bot.operating.checks import run_checks
from bot.operating.machine import CheckResult
from bot.settings import Settings
from bot.talk.invitation import PERMISSIONS
from generator.files import FILES


@pytest.fixture
def all_well(tmp_path: Path, tiny_bundle_path: Path) -> Settings:
    """Settings under which nothing is wrong."""
    found = Settings(
        token=SecretStr("s3cret.token"),
        bundle=tiny_bundle_path,
        data=tmp_path / "data",
        database_url=f"sqlite:///{tmp_path}/data/mojigan.db",
        device="cpu",
        _env_file=None,  # type: ignore[call-arg]  # pydantic-settings adds it
    )
    upgrade(found.database_url)
    return found


def change(settings: Settings, **changes: object) -> Settings:
    return settings.model_copy(update=changes)


@pytest.fixture
def simcord_bot() -> discord.Client:
    """A client without commands: the checks log in and ask, no more."""
    return discord.Client(intents=discord.Intents(guilds=True))


def add_server(env: Env, name: str, permissions: discord.Permissions = PERMISSIONS) -> int:
    """A server in which the bot's roles have these permissions alone; its id."""
    guild = env.create_guild(name)
    for role in env.backend.get_guild(guild.id).roles.values():
        role.permissions = permissions.value
    return guild.id


async def look(
    settings: Settings, client: discord.Client | None = None, *, draw: bool = False
) -> dict[str, CheckResult]:
    """All results by name, each a sentence on one line that shows no secret."""
    results = await run_checks(settings, client, draw=draw)
    for result in results:
        assert "\n" not in result.sentence
        assert "s3cret" not in result.sentence
        assert "hunter2" not in result.sentence
    return {result.name: result for result in results}


async def test_all_is_well(all_well: Settings, simcord_env: Env) -> None:
    add_server(simcord_env, "Icons")
    found = await look(all_well, simcord_env.bot)
    assert list(found) == ["token", "servers", "database", "bundle", "data folder", "disk", "health"]
    assert [result.sentence for result in found.values() if not result.ok] == []
    assert f"application {simcord_env.bot.application_id}" in found["token"].sentence
    assert "in 1 servers" in found["servers"].sentence
    assert "newest schema" in found["database"].sentence
    assert found["bundle"].sentence == f"{all_well.bundle}: trained on 40 icons (drawn); its files are whole."
    drawn = (await look(all_well, simcord_env.bot, draw=True))["bundle"]
    assert drawn.ok
    assert "draws 64 x 64 pixels on cpu in " in drawn.sentence


async def test_without_a_token_the_rest_is_looked_at(all_well: Settings) -> None:
    found = await look(change(all_well, token=None))
    assert list(found) == ["token", "database", "bundle", "data folder", "disk", "health"]
    assert not found["token"].ok
    assert "DISCORD_TOKEN is not set" in found["token"].sentence
    assert "python -m bot preview" in found["token"].sentence
    assert found["database"].ok


async def test_a_bot_without_a_server_is_told_how_to_get_into_one(all_well: Settings, simcord_env: Env) -> None:
    servers = (await look(all_well, simcord_env.bot))["servers"]
    assert not servers.ok
    assert f"client_id={simcord_env.bot.application_id}" in servers.sentence
    assert f"permissions={PERMISSIONS.value}" in servers.sentence
    assert "applications.commands" in servers.sentence


async def test_servers_that_lack_permissions_are_named(all_well: Settings, simcord_env: Env) -> None:
    add_server(simcord_env, "Fine")
    add_server(simcord_env, "Admin", discord.Permissions(administrator=True))
    add_server(simcord_env, "Mute", discord.Permissions(view_channel=True, send_messages_in_threads=True))
    servers = (await look(all_well, simcord_env.bot))["servers"]
    assert not servers.ok
    assert servers.sentence == "The bot's roles lack permissions in: Mute (Send Messages, Attach Files)."


async def test_the_development_server(all_well: Settings, simcord_env: Env) -> None:
    here = add_server(simcord_env, "Here")
    assert (await look(change(all_well, development_guild=here), simcord_env.bot))["servers"].ok
    servers = (await look(change(all_well, development_guild=77), simcord_env.bot))["servers"]
    assert servers.sentence == "MOJIGAN_DEVELOPMENT_GUILD is 77, and the bot is not in that server."


async def test_many_servers(all_well: Settings, simcord_env: Env, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        add_server(simcord_env, f"Server {number}")
    monkeypatch.setattr(servers, "SERVERS_LOOKED_AT", 2)
    assert "in 2 of 3 servers" in (await look(all_well, simcord_env.bot))["servers"].sentence


async def test_discord_has_a_bad_day(all_well: Settings, simcord_env: Env) -> None:
    simcord_env.inject_error("GET", "/users/@me/guilds", status=500)
    found = await look(all_well, simcord_env.bot)
    assert found["token"].ok
    assert found["servers"].sentence.startswith("Discord answered with an error (500, ")


@asynccontextmanager
async def discord_at(address: str) -> AsyncIterator[None]:
    """Send the requests of the real client to another address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discord.http.Route, "BASE", address)
        yield


async def test_a_token_that_discord_does_not_know(all_well: Settings) -> None:
    """The real client, which speaks to a server that answers as Discord does."""
    asked = []

    async def refuse(request: web.Request) -> web.Response:
        asked.append((request.path, request.headers["Authorization"]))
        return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    try:
        async with discord_at(f"http://127.0.0.1:{port}/api/v10"):
            found = await look(all_well)
    finally:
        await runner.cleanup()
    assert asked == [("/api/v10/users/@me", "Bot s3cret.token")]
    assert "servers" not in found
    assert not found["token"].ok
    assert found["token"].sentence.startswith("Discord does not accept DISCORD_TOKEN: ")


async def test_discord_cannot_be_reached(all_well: Settings) -> None:
    with socket.socket() as held:  # bound, and nobody listens
        held.bind(("127.0.0.1", 0))
        async with discord_at(f"http://127.0.0.1:{held.getsockname()[1]}/api/v10"):
            found = await look(all_well)
    assert not found["token"].ok
    assert found["token"].sentence.startswith("Discord cannot be reached (")


async def test_databases(all_well: Settings, tmp_path: Path) -> None:
    bare = change(all_well, token=None, database_url=f"sqlite:///{tmp_path}/none/mojigan.db")
    database = (await look(bare))["database"]
    assert database.ok  # before the first `run`, which makes it
    assert database.sentence == (
        f"Database {tmp_path}/none/mojigan.db: there is none yet; `run` brings it to the newest schema."
    )
    assert not await asyncio.to_thread((tmp_path / "none").exists)
    (tmp_path / "file").touch()
    nowhere = (await look(change(bare, database_url=f"sqlite:///{tmp_path}/file/none/mojigan.db")))["database"]
    assert not nowhere.ok
    assert f"{tmp_path}/file is not a folder" in nowhere.sentence
    away = change(bare, database_url="postgresql://mia:hunter2@127.0.0.1:1/mojigan")
    assert "the server cannot be reached" in (await look(away))["database"].sentence


async def test_databases_with_another_schema(all_well: Settings, tmp_path: Path) -> None:
    bare, file = change(all_well, token=None), tmp_path / "data" / "mojigan.db"
    for revision, ok, words in (
        ("0001", True, "it is older than this Mojigan; `run` brings it to the newest schema."),
        ("0999", False, "a newer Mojigan has written it (revision 0999); update Mojigan."),
    ):
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
            connection.commit()
        database = (await look(bare))["database"]
        assert (database.ok, database.sentence) == (ok, f"Database {file}: {words}")
    file.write_text("a poem, and no database, and it goes on for a while")
    assert "not an SQLite database" in (await look(bare))["database"].sentence


async def test_bundles(all_well: Settings, tmp_path: Path) -> None:
    bare = change(all_well, token=None)
    for draw in (False, True):
        missing = (await look(change(bare, bundle=tmp_path / "missing"), draw=draw))["bundle"]
        assert missing.sentence == f"{tmp_path}/missing: there is no bundle folder here."
    broken = Path(shutil.copytree(all_well.bundle, tmp_path / "broken"))
    (broken / FILES[0]).write_bytes(b"\x80\x04pickle")
    for draw in (False, True):
        assert "this is a pickle" in (await look(change(bare, bundle=broken), draw=draw))["bundle"].sentence
    device = (await look(change(bare, device="cuda:77"), draw=True))["bundle"]
    assert not device.ok
    assert "cuda:77" in device.sentence


async def test_a_network_that_does_not_run(all_well: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("CUDA out of memory.\nTried to allocate 2 GiB")

    monkeypatch.setattr("generator.studio.Studio.draw", fail)
    bundle = (await look(change(all_well, token=None), draw=True))["bundle"]
    assert not bundle.ok
    assert "does not run on cpu (CUDA out of memory. Tried to allocate 2 GiB)" in bundle.sentence


async def test_data_folders(all_well: Settings, tmp_path: Path) -> None:
    bare = change(all_well, token=None)
    new = (await look(change(bare, data=tmp_path / "new" / "folder")))["data folder"]
    assert (new.ok, new.sentence) == (True, f"{tmp_path}/new/folder: will be made.")
    assert not await asyncio.to_thread((tmp_path / "new").exists)
    (tmp_path / "taken").write_text("x")
    taken = (await look(change(bare, data=tmp_path / "taken")))["data folder"]
    assert not taken.ok
    assert "MOJIGAN_DATA" in taken.sentence
    under = (await look(change(bare, data=tmp_path / "taken" / "below")))["data folder"]
    assert not under.ok


async def test_a_full_disk(all_well: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "FREE_SPACE", 2**50)
    disk = (await look(change(all_well, token=None)))["disk"]
    assert not disk.ok
    assert disk.sentence.endswith("make room.")
