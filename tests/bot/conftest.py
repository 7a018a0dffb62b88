"""The simulated world, and databases to test with: a file of SQLite, and a real PostgreSQL where one is installed."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from bot.db.session import Database
from bot.db.upgrade import upgrade
from tests.bot.world import World, open_world

_DEBIAN_FOLDERS = Path("/usr/lib/postgresql")


def _find_programs() -> Path | None:
    """The folder of initdb and pg_ctl: on the path, or the newest that Debian has installed beside it."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    versions = sorted(_DEBIAN_FOLDERS.glob("*/bin/initdb"), key=lambda program: int(program.parts[-3]))
    return versions[-1].parent if versions else None


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A throw-away PostgreSQL server on a socket in a folder of its own: the folder of the socket."""
    programs = _find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's server programs (initdb, pg_ctl) are not installed")
    owner = None  # the server refuses to run as root
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        owner = next((name for name in ("postgres", "nobody") if name in names), None)
        if owner is None:
            pytest.skip("PostgreSQL refuses to run as root, and there is no user 'postgres' to run it as")
    folder = Path(tempfile.mkdtemp(prefix="mojigan-pg-"))  # short: a socket's path has at most 107 bytes
    if owner is not None:
        shutil.chown(folder, owner)
    data = folder / "data"

    def call(program: str, *arguments: str) -> None:
        with (folder / "out.txt").open("w") as out:  # not a pipe: the server would keep it open
            done = subprocess.run(
                [programs / program, *arguments],
                user=owner,
                group=pwd.getpwnam(owner).pw_gid if owner else None,
                extra_groups=[] if owner else None,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            pytest.fail(f"{program}: {(folder / 'out.txt').read_text()}{_read(folder / 'log.txt')}")

    try:
        call("initdb", "-D", str(data), "-U", "mojigan", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        options = f"-k {folder} -c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=60"
        call("pg_ctl", "-D", str(data), "-l", str(folder / "log.txt"), "-o", options, "-w", "start")
        try:
            yield str(folder)
        finally:
            call("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """The URL of an empty PostgreSQL database."""
    with psycopg.connect(host=postgresql_server, user="mojigan", dbname="postgres", autocommit=True) as connection:
        # What a test that failed has left open would hold its tables.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND usename = 'mojigan'"
        )
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return f"postgresql://mojigan@/postgres?host={postgresql_server}"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'data' / 'mojigan.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, once of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database with the newest schema, once of each kind."""
    await asyncio.to_thread(upgrade, database_url)
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[Database]:
    """An open SQLite database with the newest schema."""
    await asyncio.to_thread(upgrade, sqlite_url)
    opened = Database(sqlite_url)
    yield opened
    await opened.close()


@pytest.fixture
async def world(tiny_bundle_path: Path, tmp_path: Path) -> AsyncIterator[World]:
    """The bot in a simulated server, with people in it."""
    async with open_world(tiny_bundle_path, tmp_path) as opened:
        yield opened
