"""Settings, blocks and quotas in the database, on both kinds of it, and by two processes at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bot.db.guilds import BlockedUser
from bot.db.session import Database
from bot.talk.access import FAMILIES, AccessService, QuotaError, ServerSettings

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
GUILD, OTHER_GUILD, ADA, GIL = 2**62, 2**62 + 1, 11, 12


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


async def test_settings_are_kept_one_by_one(database: Database) -> None:
    access = AccessService(database, Time())
    assert await access.settings(GUILD) == ServerSettings()
    await access.change(GUILD, channels=[5, 2**62], quota=9)
    await access.change(GUILD, language="ja")
    await access.set_roles(GUILD, "icon", {8, 7})
    await access.set_roles(GUILD, "morph", {7})
    assert (await access.set_roles(GUILD, "icon", [])).roles == {"icon": (), "morph": (7,)}
    expected = ServerSettings("ja", (5, 2**62), {"icon": (), "morph": (7,)}, quota=9)
    assert await AccessService(database, Time()).settings(GUILD) == expected
    assert await access.change(GUILD, quota=None, spoiler=True, cooldown=5) != expected
    assert await access.settings(OTHER_GUILD) == ServerSettings()


async def test_roles_of_several_families_can_be_chosen_at_once(database: Database) -> None:
    second = Database(database.url.render_as_string(hide_password=False))
    try:
        processes = [AccessService(each, Time()) for each in (database, second)]
        choices = [processes[i % 2].set_roles(GUILD, family, [i]) for i, family in enumerate(FAMILIES)]
        await asyncio.gather(*choices)
    finally:
        await second.close()
    assert (await processes[0].settings(GUILD)).roles == {family: (i,) for i, family in enumerate(FAMILIES)}


async def test_people_are_blocked_in_one_server(database: Database) -> None:
    access = AccessService(database, Time())
    await access.block(GUILD, [ADA, GIL], by=1)
    await access.block(GUILD, [ADA], by=2)
    assert await access.blocked(GUILD) == [ADA, GIL]
    assert await access.rules(GUILD, ADA) == (ServerSettings(), True)
    assert await access.rules(OTHER_GUILD, ADA) == (ServerSettings(), False)
    await access.block(OTHER_GUILD, [ADA], by=1)
    await access.unblock(GUILD, [ADA])
    assert await access.blocked(GUILD) == [GIL]
    assert await access.blocked(OTHER_GUILD) == [ADA]


async def test_who_was_blocked_last_stands_first_and_by_whom_is_written_down(database: Database) -> None:
    clock = Time()
    access = AccessService(database, clock)
    await access.block(GUILD, [ADA], by=1)
    clock.now += timedelta(minutes=1)
    await access.block(GUILD, [GIL], by=2)
    await access.block(GUILD, [], by=3)  # only bots were chosen
    assert await access.blocked(GUILD) == [GIL, ADA]
    async with database.read() as session:
        rows = await session.scalars(select(BlockedUser).order_by(BlockedUser.user_id))
        assert [(row.user_id, row.blocked_by) for row in rows] == [(ADA, 1), (GIL, 2)]


async def test_a_quota_counts_for_an_hour_and_says_what_is_left(database: Database) -> None:
    time = Time()
    access = AccessService(database, time)
    assert await access.consume(GUILD, ADA, 9, None) is None
    assert await access.consume(GUILD, ADA, 0, 10) is None  # its hour begins with the first icon
    time.now += timedelta(minutes=1)
    assert await access.consume(GUILD, ADA, 9, 10)
    time.now += timedelta(minutes=59)
    with pytest.raises(QuotaError) as refusal:
        await access.consume(GUILD, ADA, 4, 10)
    end = int((START + timedelta(hours=1, minutes=1)).timestamp())
    assert refusal.value.parameters == {"count": 4, "left": 1, "limit": 10, "when": f"<t:{end}:R>"}
    assert await access.consume(GUILD, ADA, 1, 10)
    assert await access.consume(GUILD, GIL, 9, 10)
    assert await access.consume(OTHER_GUILD, ADA, 9, 10)
    time.now += timedelta(minutes=1)
    assert await access.consume(GUILD, ADA, 9, 10)


async def test_a_quota_from_the_future_shuts_nobody_out(database: Database) -> None:
    """The clock was years ahead when it began, and has been set right since."""
    time = Time()
    access = AccessService(database, time)
    time.now += timedelta(days=3_000)
    assert await access.consume(GUILD, ADA, 10, 10)
    time.now = START
    assert await access.consume(GUILD, ADA, 10, 10)
    time.now -= timedelta(seconds=30)  # another machine's clock is a little behind
    with pytest.raises(QuotaError):
        await access.consume(GUILD, ADA, 1, 10)


async def test_more_than_the_whole_quota_is_never_drawn(database: Database) -> None:
    access = AccessService(database, Time())
    with pytest.raises(QuotaError) as refusal:
        await access.consume(GUILD, ADA, 9, 5)
    assert refusal.value.parameters["left"] == 5
    assert await access.consume(GUILD, ADA, 4, 5)
    with pytest.raises(QuotaError) as refusal:  # the server has less to give by now
        await access.consume(GUILD, ADA, 1, 3)
    assert refusal.value.parameters["left"] == 0


async def test_what_is_given_back_can_be_drawn_in_the_same_hour_only(database: Database) -> None:
    time = Time()
    access = AccessService(database, time)
    first = await access.consume(GUILD, ADA, 9, 9)
    assert first is not None
    assert await access.consume(GUILD, GIL, 9, 9)
    await access.refund(first)
    with pytest.raises(QuotaError):  # it was not given to others
        await access.consume(GUILD, GIL, 1, 9)
    again = await access.consume(GUILD, ADA, 8, 9)
    assert again is not None
    assert await access.consume(GUILD, ADA, 1, 9)
    await access.refund(again)
    assert await access.consume(GUILD, ADA, 8, 9)
    with pytest.raises(QuotaError):
        await access.consume(GUILD, ADA, 1, 9)
    time.now += timedelta(hours=1)
    await access.consume(GUILD, ADA, 9, 9)
    await access.refund(again)  # of the hour before
    with pytest.raises(QuotaError):
        await access.consume(GUILD, ADA, 1, 9)


async def test_the_host_counts_everything_together(database: Database) -> None:
    access = AccessService(database, Time(), host_quota=10)
    with pytest.raises(QuotaError):  # the server allows less
        await access.consume(GUILD, ADA, 5, 4)
    charge = await access.consume(GUILD, ADA, 4, 4)
    await access.consume(None, ADA, 4, None)
    with pytest.raises(QuotaError) as refusal:
        await access.consume(OTHER_GUILD, ADA, 4, 100)
    assert refusal.value.parameters["left"] == 2
    await access.consume(OTHER_GUILD, ADA, 2, 2)  # the refusal counted nothing there
    assert charge is not None
    await access.refund(charge)
    assert await access.consume(GUILD, ADA, 4, 4)
    with pytest.raises(QuotaError):  # in all servers together, it was given back once
        await access.consume(None, ADA, 1, None)


async def test_two_processes_never_count_more_than_the_limit(database: Database) -> None:
    second = Database(database.url.render_as_string(hide_password=False))
    try:
        processes = [AccessService(each, Time()) for each in (database, second)]
        tries = [process.consume(GUILD, ADA, 2, 9) for _ in range(5) for process in processes]
        results = await asyncio.gather(*tries, return_exceptions=True)
    finally:
        await second.close()
    assert sum(not isinstance(result, QuotaError) for result in results) == 4
    assert all(not isinstance(result, BaseException) or isinstance(result, QuotaError) for result in results)
