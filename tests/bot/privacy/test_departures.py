"""Servers that the bot was removed from: remembered for some days, then deleted, in every table."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select

from bot.db.guilds import BlockedUser, GuildSettings, LeftGuild, Quota
from bot.db.models import Base, CommandSync
from bot.db.session import Database
from bot.privacy.departures import DELETED, FORGOTTEN, KEPT_FOR, DepartureService
from bot.talk.access import AccessService

GONE, STAYING = 2**62, 2**62 + 1


def test_each_column_that_holds_a_server_is_deleted_or_forgotten() -> None:
    """A new table with a server's id has to be named in one of the two lists of bot/services/departures.py."""
    known = {column.property.columns[0] for column in (*DELETED, *FORGOTTEN)}
    known |= {LeftGuild.__table__.c.guild_id, CommandSync.__table__.c.guild_id}
    found = {column for table in Base.metadata.tables.values() for column in table.columns if "guild" in column.name}
    assert found == known


class Time:
    """A clock that is moved by hand."""

    now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def test_a_lost_server_is_deleted_when_its_time_is_over(database: Database) -> None:
    time = Time()
    departures, access = DepartureService(database, time), AccessService(database, time)
    async with database.write() as session:
        for guild in (GONE, STAYING, 0):  # 0: the host's own quota is no server
            await session.execute(insert(Quota).values(guild_id=guild, user_id=1, started_at=time.now, used=1))
    for guild in (GONE, STAYING):
        await access.change(guild, quota=5)
        await access.block(guild, [7], by=1)
    await departures.ready([STAYING])  # it was lost while the bot was away
    time.now += KEPT_FOR - timedelta(seconds=1)
    await departures.ready([STAYING])
    assert (await access.settings(GONE)).quota == 5
    await departures.left(GONE)  # said twice: the first time counts
    time.now += timedelta(seconds=1)
    await departures.ready([STAYING])
    async with database.read() as session:
        for column in (GuildSettings.guild_id, BlockedUser.guild_id):
            assert list(await session.scalars(select(column))) == [STAYING]
        assert list(await session.scalars(select(Quota.guild_id))) == []  # their hours are over
        assert list(await session.scalars(select(LeftGuild.guild_id))) == []


async def test_what_is_over_is_deleted_once_a_day(sqlite_database: Database) -> None:
    """While the bot goes on running, and also after a day on which the database was out of reach."""
    time = Time()
    departures, access = DepartureService(sqlite_database, time), AccessService(sqlite_database, time)
    assert departures.every == timedelta(days=1)
    departures.every = timedelta()
    await access.change(GONE, quota=5)
    await departures.left(GONE)
    time.now += KEPT_FOR
    sweep, failures = departures.sweep, [RuntimeError("no database")]

    async def fail_first() -> None:
        if failures:
            raise failures.pop()
        await sweep()

    departures.sweep = fail_first  # type: ignore[method-assign]
    departures.start()
    async with asyncio.timeout(60):
        while (await access.settings(GONE)).quota is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert departures._daily is not None
    await departures.stop(0)
    assert departures._daily.cancelled()
    assert failures == []
    await DepartureService(sqlite_database, time).stop(0)  # one that never started


async def test_a_removal_dated_in_the_future_is_counted_from_today(sqlite_database: Database) -> None:
    time = Time()
    departures, access = DepartureService(sqlite_database, time), AccessService(sqlite_database, time)
    await access.change(GONE, quota=5)
    time.now += timedelta(days=3_000)  # the clock is wrong, and set right afterwards
    await departures.left(GONE)
    time.now -= timedelta(days=3_000)
    await departures.sweep()
    time.now += KEPT_FOR
    await departures.sweep()
    assert (await access.settings(GONE)).quota is None


async def test_a_server_that_comes_back_in_time_keeps_all(database: Database) -> None:
    time = Time()
    departures, access = DepartureService(database, time), AccessService(database, time)
    await access.change(GONE, quota=5)
    await departures.left(GONE)
    await departures.joined(GONE)
    time.now += 2 * KEPT_FOR
    await departures.ready([GONE])
    assert (await access.settings(GONE)).quota == 5
    await departures.left(GONE)
    await departures.ready([GONE])  # added again while the bot was away
    time.now += 2 * KEPT_FOR
    await departures.ready([GONE])
    assert (await access.settings(GONE)).quota == 5
