"""What `python -m bot check` looks at: token, servers, database, bundle, data folder, health. One sentence for each."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import discord

from bot import probe
from bot.db.errors import DatabaseError, SchemaError, describe
from bot.db.session import Database, parse_url, sqlite_file
from bot.db.upgrade import require_head
from bot.settings import TOKEN_VARIABLE, Settings, variable_of
from bot.talk.places import PERMISSIONS, invitation
from bot.talk.reach import UNREACHABLE
from generator.checkpoint import BundleError, read_bundle
from generator.studio import DeviceError, Studio

FREE_SPACE = 500
"""MiB that the data folder's disk should have left."""

SERVERS_LOOKED_AT = 25
"""Servers whose permissions are looked at; each costs two requests."""

DISCORD_PATIENCE = 60.0
"""Seconds for all requests to Discord together."""

_MIB = 2**20


@dataclass(frozen=True)
class CheckResult:
    """What a check found: its name ("token"), whether all is well, and one sentence."""

    name: str
    ok: bool
    sentence: str


async def run_checks(settings: Settings, client: discord.Client | None = None) -> list[CheckResult]:
    """Look at everything that the bot needs. Raises nothing that can be foreseen; changes nothing.

    `client` replaces the one that talks to Discord; it stays open.
    """
    return [
        *await check_discord(settings, client),
        await check_database(settings),
        await asyncio.to_thread(check_bundle, settings),
        await asyncio.to_thread(check_data_folder, settings),
        await asyncio.to_thread(check_disk, settings),
        await asyncio.to_thread(check_health, settings),
    ]


async def check_discord(settings: Settings, client: discord.Client | None = None) -> list[CheckResult]:
    """Whether Discord accepts the token, and what the bot may do in its servers ("token", "servers")."""
    if settings.token is None:
        return [
            CheckResult(
                "token",
                False,
                f"{TOKEN_VARIABLE} is not set: put the bot's token into the environment or into .env "
                "(the README tells where to get one), or try `python -m bot preview`, which needs none.",
            )
        ]
    results = []
    try:
        async with asyncio.timeout(DISCORD_PATIENCE), _borrowed(client) as discord_client:
            await discord_client.login(settings.token.get_secret_value())
            application_id = discord_client.application_id or 0  # known after the login
            known = (
                f"Discord knows {discord_client.user} (application {application_id}); it needs no privileged intent."
            )
            results.append(CheckResult("token", True, known))
            results.append(await _check_servers(discord_client, application_id, settings.development_guild))
    except discord.LoginFailure:
        reason = (
            f"Discord does not accept {TOKEN_VARIABLE}: reset the token on the application's Bot page, copy it again."
        )
        results.append(CheckResult("token", False, reason))
    except discord.HTTPException as error:
        reason = f"Discord answered with an error ({error.status}, code {error.code}): try again later."
        results.append(CheckResult("servers" if results else "token", False, reason))
    except UNREACHABLE as error:
        reason = f"Discord cannot be reached ({_words(error)}): check the network."
        results.append(CheckResult("servers" if results else "token", False, reason))
    return results


async def _check_servers(client: discord.Client, application_id: int, development_guild: int | None) -> CheckResult:
    guilds = [guild async for guild in client.fetch_guilds(limit=None)]
    if not guilds:
        return CheckResult(
            "servers", False, f"The bot is in no server yet: invite it with {invitation(application_id)}"
        )
    if development_guild is not None and development_guild not in {guild.id for guild in guilds}:
        name = variable_of("development_guild")
        return CheckResult("servers", False, f"{name} is {development_guild}, and the bot is not in that server.")
    lacking = []
    for guild in guilds[:SERVERS_LOOKED_AT]:
        missing = await _missing_permissions(client, guild.id)
        if missing:
            lacking.append(f"{guild.name} ({missing})")
    if lacking:
        return CheckResult("servers", False, f"The bot's roles lack permissions in: {'; '.join(lacking)}.")
    looked_at = f"{len(guilds)}" if len(guilds) <= SERVERS_LOOKED_AT else f"{SERVERS_LOOKED_AT} of {len(guilds)}"
    return CheckResult("servers", True, f"The bot's roles have the permissions they need in {looked_at} servers.")


async def _missing_permissions(client: discord.Client, guild_id: int) -> str:
    assert client.user is not None  # noqa: S101 - logged in
    guild = await client.fetch_guild(guild_id, with_counts=False)
    own = (await guild.fetch_member(client.user.id)).guild_permissions
    missing = [name for name, wanted in PERMISSIONS if wanted and not getattr(own, name)]
    return ", ".join(name.replace("_", " ").title() for name in missing)


async def check_database(settings: Settings) -> CheckResult:
    """Whether the database can be reached, and has the newest schema or gets it by `run`."""
    try:
        database = Database(settings.database_url)
        try:
            await require_head(database)
        finally:
            await database.close()
    except SchemaError as error:
        file = sqlite_file(parse_url(settings.database_url))
        problem = None if file is None else await asyncio.to_thread(_unwritable, file.absolute().parent)
        if problem is not None:
            return CheckResult("database", False, f"Database {file}: nothing can be written there ({problem}).")
        return CheckResult("database", True, f"{str(error).partition(';')[0]}; `run` brings it to the newest schema.")
    except DatabaseError as error:
        return CheckResult("database", False, str(error))
    return CheckResult("database", True, f"Database {describe(database.url)}: reachable, with the newest schema.")


def check_bundle(settings: Settings) -> CheckResult:
    """Whether the bundle can be read and draws an icon on the chosen device. Blocking."""
    try:
        bundle = read_bundle(settings.bundle)
        studio = Studio(bundle, settings.device)
        try:
            start = time.perf_counter()
            studio.draw([0])
            took = time.perf_counter() - start
        finally:
            studio.close()
    except (BundleError, DeviceError) as error:
        return CheckResult("bundle", False, str(error))
    except RuntimeError as error:  # torch: out of memory, a driver that does not fit
        reason = f"{settings.bundle}: the network does not run on {settings.device} ({_words(error)})."
        return CheckResult("bundle", False, reason)
    data, size = bundle.card.data, bundle.image_size
    return CheckResult(
        "bundle",
        True,
        f"{settings.bundle}: trained on {data.count} icons ({data.name}), draws {size} x {size} pixels "
        f"on {studio.device} in {1000 * took:.0f} ms.",
    )


def check_data_folder(settings: Settings) -> CheckResult:
    """Whether the bot can write where it keeps its things. Blocking; makes no folder."""
    folder = settings.data.absolute()
    problem = _unwritable(folder)
    if problem is not None:
        name = variable_of("data")
        reason = f"{folder}: nothing can be written here ({problem}); choose another folder with {name}."
        return CheckResult("data folder", False, reason)
    return CheckResult("data folder", True, f"{folder}: {'can be written' if folder.is_dir() else 'will be made'}.")


def check_disk(settings: Settings) -> CheckResult:
    """Whether there is room for what the bot keeps. Blocking."""
    free = shutil.disk_usage(_nearest(settings.data.absolute())).free // _MIB
    where = f"{free} MiB are free for the data folder"
    if free < FREE_SPACE:
        return CheckResult("disk", False, f"{where}, fewer than {FREE_SPACE}: make room.")
    return CheckResult("disk", True, f"{where}.")


def check_health(settings: Settings) -> CheckResult:
    """Whether a bot that runs on this machine is ready. Blocking."""
    name, host, port = variable_of("health_port"), probe.local(settings.health_host), settings.health_port
    if port is None:
        return CheckResult("health", True, f"{name} is not set: no port for /livez, /readyz and /metrics is opened.")
    try:
        problems = probe.ask(host, port)
    except (OSError, ValueError) as error:
        return CheckResult("health", False, f"{_words(error)} Choose another port with {name}, or stop what holds it.")
    if problems is None:
        return CheckResult("health", True, f"{host}:{port}: free; no bot runs there now.")
    if problems:
        return CheckResult("health", False, f"{host}:{port}: a bot runs, and is not ready: {' '.join(problems)}")
    return CheckResult("health", True, f"{host}:{port}: a bot runs, and is ready.")


@asynccontextmanager
async def _borrowed(client: discord.Client | None) -> AsyncIterator[discord.Client]:
    if client is not None:
        yield client
        return
    async with discord.Client(intents=discord.Intents.none(), max_ratelimit_timeout=30) as own:
        yield own


def _unwritable(folder: Path) -> str | None:
    """Why nothing can be written into a folder, which may not be there yet; None when it can. Makes no folder."""
    there = _nearest(folder)
    try:
        if folder.is_dir():
            with tempfile.TemporaryFile(dir=folder):
                return None
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{there} is not a folder")
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"{there} cannot be written")
    except OSError as error:
        return error.strerror or str(error)
    return None


def _nearest(path: Path) -> Path:
    """The path itself, or the nearest one above it that exists."""
    return next((each for each in (path, *path.parents) if each.exists()), Path("/"))


def _words(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
