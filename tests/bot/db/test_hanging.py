"""A PostgreSQL server that hangs half open: given up after a time, and found again when it is back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bot.db import session as module
from bot.db.session import Database
from bot.db.upgrade import upgrade


@pytest.fixture
async def server(postgresql_url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(upgrade, postgresql_url)
    database = Database(postgresql_url)
    yield database
    await database.close()


@asynccontextmanager
async def hanging(database: Database) -> AsyncIterator[None]:
    """The server's process behind the one open connection stands still while entered."""
    async with database.read() as session:
        backend = await session.scalar(text("SELECT pg_backend_pid()"))
    assert isinstance(backend, int)
    os.kill(backend, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(backend, signal.SIGCONT)


@pytest.mark.parametrize("writing", [False, True])
async def test_a_connection_that_hangs_is_given_up_for_a_new_one(
    server: Database, writing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GIVE_UP_TIMEOUT", 0.05)
    async with hanging(server), server.write() if writing else server.read() as session:
        assert await session.scalar(text("SELECT 2")) == 2


async def test_a_server_that_hangs_in_the_middle_is_given_up(server: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GIVE_UP_TIMEOUT", 0.2)
    with pytest.raises(OperationalError):
        async with server.write() as session:
            await session.execute(text("SELECT pg_sleep(60)"))
    monkeypatch.undo()
    async with server.write() as session:
        assert await session.scalar(text("SELECT 2")) == 2
