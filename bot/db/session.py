"""The engine and its sessions: SQLite by default, PostgreSQL by URL. One session is one unit of work."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from datetime import timedelta
from typing import Any
from weakref import WeakSet

from sqlalchemy import Connection, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bot.db.errors import DatabaseError, describe, explain
from bot.db.newest import LOCK_TIMEOUT, prepare_file
from bot.db.urls import parse_url, sqlite_file

CONNECT_TIMEOUT, GIVE_UP_TIMEOUT = 10, 30.0
"""Seconds that a PostgreSQL server has to answer: to a new connection, and for one unit of work."""

CLOCK_SKEW = timedelta(seconds=30)
"""How far the clocks of two machines on one database may differ. What is dated farther in the future was written before
a clock was set back: nobody knows then how long ago that is."""

_READ_ONLY = "mojigan_read_only"
_ACTIVE = 1  # libpq's PQTRANS_ACTIVE: a command is in progress

log = logging.getLogger(__name__)


def prepare(url: URL) -> None:
    """Prepare the file of an SQLite database, as `prepare_file` says. Blocking. Raises DatabaseError."""
    file = sqlite_file(url)
    if file is not None:
        prepare_file(file)


def create_engine(url: URL, *, foreign_keys: bool = True) -> AsyncEngine:
    """An engine for a URL of `parse_url`. `foreign_keys=False` is for migrations that rebuild SQLite tables.

    Raises DatabaseError when the driver is not installed.
    """
    if url.get_backend_name() != "sqlite":
        try:
            return create_async_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_TIMEOUT})
        except ImportError as error:
            raise DatabaseError(
                "PostgreSQL needs the psycopg driver: run python -m pip install 'mojigan[postgres]'."
            ) from error
    # Without an isolation level the driver opens no transaction of its own: `_begin` below does.
    engine = create_async_engine(url, connect_args={"timeout": LOCK_TIMEOUT, "isolation_level": None})

    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute("PRAGMA journal_mode = WAL")  # readers and one writer do not block each other
            cursor.execute("PRAGMA synchronous = FULL")  # a claim that is committed outlives a power cut
            cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
            cursor.close()
        except BaseException:
            connection.close()  # the pool does not know it yet, and its thread would outlive the event loop
            raise

    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    """Start a transaction of SQLite. A writer locks at once: one that read first could not wait for another."""
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


class Database:
    """The bot's database. `read()` and `write()` each give a session that is one transaction."""

    def __init__(self, url: str) -> None:
        """Prepare an engine; nothing is opened yet. Raises DatabaseError for a URL that cannot be used."""
        self.url = parse_url(url)
        self.engine = create_engine(self.url)
        self._writers = async_sessionmaker(self.engine, expire_on_commit=False)
        readers = self.engine.execution_options(**{_READ_ONLY: True})
        self._readers = async_sessionmaker(readers, expire_on_commit=False, autoflush=False)
        # SQLite's own writers wait for each other by looking again and again; ours stand in line before that.
        self._turn = asyncio.Lock() if self.url.get_backend_name() == "sqlite" else None
        self._servers = WeakSet[Any]()
        if self._turn is None:
            event.listen(self.engine.sync_engine, "connect", self._note)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A session that commits at its end, or rolls back on an exception.

        On SQLite there is one at a time: no session of this kind may be opened within another.
        """
        async with self._turn or nullcontext(), self._given_up(), self._writers.begin() as session:
            yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session to look things up in; what is changed in it is not kept."""
        async with self._given_up(), self._readers() as session:
            yield session

    @asynccontextmanager
    async def _given_up(self) -> AsyncIterator[None]:
        """End a unit of work that the server does not answer: it raises OperationalError then.

        A server that hangs, or is cut off half way, never closes the connection; cancelling a query would ask it, too.
        """
        if self._turn is not None:
            yield
            return
        timer = asyncio.get_running_loop().call_later(GIVE_UP_TIMEOUT, self._hang_up)
        try:
            yield
        finally:
            timer.cancel()

    def _note(self, _: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        self._servers.add(record.driver_connection)

    def _hang_up(self) -> None:
        """Cut the connections on which an answer is waited for."""
        for each in self._servers:
            if not each.closed and each.pgconn.transaction_status == _ACTIVE:
                log.warning("database %s does not answer: a connection is given up", describe(self.url))
                with suppress(OSError), socket.socket(fileno=os.dup(each.pgconn.socket)) as line:
                    line.shutdown(socket.SHUT_RDWR)

    async def connect(self) -> None:
        """Open the first connection. Raises DatabaseError, one sentence, when that fails."""
        await asyncio.to_thread(prepare, self.url)
        try:
            async with self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            raise explain(self.url, error) from error

    async def ping(self) -> None:
        """Ask the smallest question, waiting for no writer. Raises DatabaseError when there is no answer."""
        try:
            async with self.read() as session:
                await session.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            raise explain(self.url, error) from error

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def insert_into(session: AsyncSession, table: type[Any]) -> Any:
    """An INSERT that can say what to do on a conflict; SQLAlchemy has one for each database."""
    return (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(table)


def storable_text(text: str) -> str:
    """A text that a database takes: PostgreSQL refuses NUL, and none takes half a surrogate pair."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
