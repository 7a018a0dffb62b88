"""What `python -m bot check` looks at on this machine: database, bundle, data folder, disk, health.

Loads neither torch nor Discord, and SQLAlchemy only where SQLite has no answer: whoever looks wants to know at once.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bot import probe
from bot.db.errors import DatabaseError, SchemaError, no_file
from bot.db.newest import is_newest
from bot.db.urls import plain_file
from bot.settings import Settings, variable_of
from generator.files import BundleError, check_files

FREE_SPACE = 500
"""MiB that the data folder's disk should have left."""

_MIB = 2**20


@dataclass(frozen=True)
class CheckResult:
    """What a check found: its name ("token"), whether all is well, and one sentence."""

    name: str
    ok: bool
    sentence: str


async def check_database(settings: Settings) -> CheckResult:
    """Whether the database can be reached, and has the newest schema or gets it by `run`."""
    file = plain_file(settings.database_url)
    try:
        if file is not None and not await asyncio.to_thread(file.exists):
            raise no_file(file)
        if file is not None and await asyncio.to_thread(is_newest, file):
            name = str(file)
        else:
            name = await _require_head(settings.database_url)
    except SchemaError as error:
        problem = None if file is None else await asyncio.to_thread(_unwritable, file.absolute().parent)
        if problem is not None:
            return CheckResult("database", False, f"Database {file}: nothing can be written there ({problem}).")
        return CheckResult("database", True, f"{str(error).partition(';')[0]}; `run` brings it to the newest schema.")
    except DatabaseError as error:
        return CheckResult("database", False, str(error))
    return CheckResult("database", True, f"Database {name}: reachable, with the newest schema.")


async def _require_head(url: str) -> str:
    """The name of a database that has the newest schema. Raises DatabaseError."""
    from bot.db.errors import describe
    from bot.db.migrating import require_head
    from bot.db.session import Database

    database = Database(url)
    try:
        await require_head(database)
    finally:
        await database.close()
    return describe(database.url)


def check_bundle(settings: Settings) -> CheckResult:
    """Whether the bundle's files are whole. Blocking."""
    try:
        data = check_files(settings.bundle).data
    except BundleError as error:
        return CheckResult("bundle", False, str(error))
    reason = f"{settings.bundle}: trained on {data.count} icons ({data.name}); its files are whole."
    return CheckResult("bundle", True, reason)


def check_drawing(settings: Settings) -> CheckResult:
    """Whether the whole bundle can be read, and draws an icon on the chosen device. Blocking; loads torch."""
    from generator.checkpoint import read_bundle
    from generator.studio import DeviceError, Studio

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
        reason = f"{settings.bundle}: the network does not run on {settings.device} ({words_of(error)})."
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
        return CheckResult(
            "health", False, f"{words_of(error)} Choose another port with {name}, or stop what holds it."
        )
    if problems is None:
        return CheckResult("health", True, f"{host}:{port}: free; no bot runs there now.")
    if problems:
        return CheckResult("health", False, f"{host}:{port}: a bot runs, and is not ready: {' '.join(problems)}")
    return CheckResult("health", True, f"{host}:{port}: a bot runs, and is ready.")


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


def words_of(error: BaseException) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
