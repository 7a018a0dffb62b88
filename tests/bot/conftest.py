"""The simulated world, and databases to test with: a file of SQLite, and a real PostgreSQL where one is installed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from bot.db.session import Database
from bot.db.upgrade import upgrade
from bot.logs import QUIET
from tests.bot.postgresql import NoServerError, running_server
from tests.bot.world import World, open_world


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """The doors set up the log for their process."""
    root, libraries = logging.getLogger(), [logging.getLogger(name) for name in QUIET]
    handlers, levels = root.handlers[:], [logger.level for logger in (root, *libraries)]
    yield
    root.handlers[:] = handlers
    for logger, level in zip((root, *libraries), levels, strict=True):
        logger.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A throw-away PostgreSQL server on a socket in a folder of its own: the folder of the socket."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_server())
        except NoServerError as reason:
            pytest.skip(str(reason))
        yield str(server.folder)


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
