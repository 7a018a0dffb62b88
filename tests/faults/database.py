"""Databases that go and come back, stand still, or are locked, while the bot writes and posts.

    python -m tests.faults.database --times 3

A real PostgreSQL is killed and started again, or stopped with SIGSTOP, and another process locks an SQLite file. Who
writes is told that it failed, or the row is there; afterwards everything works again without a new start. `times`:
rounds.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from bot.daily.posting import DailyPost
from bot.db import session as session_module
from bot.db.guilds import BlockedUser
from bot.db.session import Database
from bot.db.upgrade import upgrade
from tests.bot.daily.posts import Channel, Clock, start, statuses, stop
from tests.bot.daily.test_posting import PLAN
from tests.bot.postgresql import NoServerError, Server, running_server
from tests.faults.findings import Finding, alone, among
from tests.faults.ground import tiny_bundle

GONE = 30.0
"""Seconds that a server is away; that of a statement's limit, and of a wait for a lock, is shorter here."""

LIMIT = 4
BACK = 10.0
"""Seconds after which everything works again, at the latest."""


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """PostgreSQL first, where its programs are installed."""
    del seed
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        stack.enter_context(patch.object(session_module, "GIVE_UP_TIMEOUT", float(LIMIT)))
        folder, good = Path(name), ("works again",)
        try:
            server = stack.enter_context(running_server())
        except NoServerError as reason:
            yield Finding("PostgreSQL", 0, f"not tried: {reason}", holds=True)
        else:
            upgrade(server.url)
            tried = _away(server, times)
            yield among(f"PostgreSQL is killed while rows are written, and gone for {GONE:g} s", tried, good)
            yield among(
                "PostgreSQL stands still (SIGSTOP) for longer than a statement may take", _still(server, times), good
            )
            posts = asyncio.run(_posts(server, folder, times))
            yield among("PostgreSQL is killed while a daily post is on its way", posts, ("sent, posted 1",))
        yield among("another process locks SQLite, for a moment or too long", _locked(folder, times), good)


def _away(server: Server, times: int) -> Counter[str]:
    ends = Counter[str]()
    for turn in range(times):
        ends[asyncio.run(_write_through(server.url, _killed(server, GONE if not turn else 2.0), 1_000 * turn))] += 1
    return ends


def _killed(server: Server, seconds: float) -> Callable[[], Awaitable[None]]:
    async def trouble() -> None:
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(server.start)

    return trouble


def _still(server: Server, times: int) -> Counter[str]:
    async def trouble() -> None:
        server.signal(signal.SIGSTOP)
        await asyncio.sleep(2.5 * LIMIT)
        server.signal(signal.SIGCONT)

    ends = Counter[str]()
    for turn in range(times):
        ends[asyncio.run(_write_through(server.url, trouble, 100_000 + 1_000 * turn))] += 1
    return ends


async def _write_through(url: str, trouble: Callable[[], Awaitable[None]], first: int) -> str:
    """Three write without a pause, through the trouble and after it: what was told as written is there."""
    database, told, numbers, over = Database(url), set[int](), iter(range(first, first + 1_000)), asyncio.Event()
    longest = 0.0

    async def write() -> None:
        nonlocal longest
        while not over.is_set():
            number, began = next(numbers), time.monotonic()
            try:
                async with database.write() as session:
                    session.add(BlockedUser(guild_id=number, user_id=1, blocked_by=2, created_at=datetime.now(UTC)))
                told.add(number)
            except (SQLAlchemyError, OSError):
                pass
            longest = max(longest, time.monotonic() - began)
            await asyncio.sleep(0.1)

    writers = [asyncio.create_task(write()) for _ in range(3)]
    await asyncio.sleep(0.5)
    before = len(told)
    await trouble()
    during = set(told)
    with suppress(TimeoutError):
        async with asyncio.timeout(BACK):
            while len(told) < len(during) + 6:  # noqa: ASYNC110 - six more rows
                await asyncio.sleep(0.05)
    over.set()
    await asyncio.gather(*writers)
    async with database.read() as session:
        found = set(await session.scalars(select(BlockedUser.guild_id).where(BlockedUser.guild_id >= first)))
    await database.close()
    if not before or len(told) < len(during) + 6:
        return f"does not work again: {before} rows before, {len(told)} after"
    if not told <= found:
        return f"{len(told - found)} rows are lost"
    if longest > session_module.CONNECT_TIMEOUT + LIMIT + BACK:
        return f"somebody waited for {longest:.0f} s"
    return "works again, and no row is lost"


async def _posts(server: Server, folder: Path, times: int) -> Counter[str]:
    """The server goes while Discord has a post in hand, and comes back before, or after, the next look."""
    ends, clock = Counter[str](), Clock()
    process = await start(server.url, await asyncio.to_thread(tiny_bundle, folder / "tiny"), folder / "data", clock)
    channel = Channel(clock)
    await process.schedules.set(PLAN)
    deliver = channel.deliver

    async def and_then_it_is_gone(post: DailyPost) -> int:
        message_id = await deliver(post)
        await asyncio.to_thread(server.stop)
        return message_id

    for turn in range(times):
        before = len(channel.messages)
        clock.now = datetime(2026, 3, 29 + turn % 2, 7, 30, tzinfo=UTC) + timedelta(days=2 * (turn // 2))
        with patch.object(channel, "deliver", and_then_it_is_gone), suppress(SQLAlchemyError, OSError):
            await process.posts.run_due(channel)
        if turn % 2:
            with suppress(SQLAlchemyError, OSError):
                await process.posts.run_due(channel)
        await asyncio.to_thread(server.start)
        for seconds in (31, 31):
            clock.move(seconds=seconds)
            await process.posts.run_due(channel)
        book = await statuses(process.database)
        ends[f"{book[-1][1].value}, posted {len(channel.messages) - before}"] += 1
    await stop(process)
    return ends


def _locked(folder: Path, times: int) -> Counter[str]:
    ends, url = Counter[str](), f"sqlite:///{folder / 'locked.db'}"
    upgrade(url)

    def lock(seconds: float) -> Callable[[], Awaitable[None]]:
        code = "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None);"
        code += "c.execute('BEGIN EXCLUSIVE'); time.sleep(float(sys.argv[2]))"

        async def trouble() -> None:
            command = (sys.executable, "-c", code, str(folder / "locked.db"), str(seconds))
            await (await asyncio.create_subprocess_exec(*command)).wait()

        return trouble

    with patch.object(session_module, "LOCK_TIMEOUT", 2):
        for turn in range(times):
            for number, seconds in enumerate((1.0, 5.0)):
                ends[asyncio.run(_write_through(url, lock(seconds), 10_000 * turn + 1_000 * number + 1))] += 1
    return ends


if __name__ == "__main__":
    alone("database", experiment, 1)
