"""Daily posts while clocks are set back or forward, and while zones get new rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from bot.daily import runs, schedules
from bot.db.schedules import Post, PostStatus, Schedule
from tests.bot.daily.posts import Channel, Clock, Crash, Process, schedule_row, statuses
from tests.bot.daily.test_posting import CLAIMED, MISSED, PLAN, SENT, UNKNOWN


def new_rules(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """An update of the system: every zone has the rules of that one now."""
    for module in (runs, schedules):
        monkeypatch.setattr(module, "load_zone", lambda _: ZoneInfo(zone))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Europe/London", "Europe/Berlin"),
        ("Europe/Berlin", "Europe/London"),
        ("Etc/GMT+11", "Etc/GMT-13"),  # Samoa, to the other side of the date line and back
        ("Etc/GMT-13", "Etc/GMT+11"),
    ],
)
async def test_new_rules_of_a_zone_drop_no_date_and_double_none(
    first: Process,
    channel: Channel,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    after: str,
) -> None:
    new_rules(monkeypatch, before)
    await first.schedules.set(replace(PLAN, zone=before))
    for hours in range(3, 24 * 7, 3):
        if hours == 24 * 3 + 3:
            new_rules(monkeypatch, after)
        clock.move(hours=3)
        await first.posts.run_due(channel)
    found = await statuses(first.database)
    dates = [datetime.fromisoformat(date).date() for date, _ in found]
    span = [dates[0] + timedelta(days=each) for each in range((dates[-1] - dates[0]).days + 1)]
    assert dates == span
    assert {status for _, status in found} <= {SENT, MISSED}
    assert channel.dates == [date for date, (_, status) in zip(dates, found, strict=True) if status is SENT]
    assert [status for _, status in found].count(MISSED) <= (before == "Etc/GMT+11")


async def test_a_schedule_from_before_its_date_was_written_down_goes_on(
    first: Process, channel: Channel, clock: Clock
) -> None:
    await first.schedules.set(PLAN)
    async with first.database.write() as session:
        await session.execute(update(Schedule).values(next_date=None))
    clock.move(hours=1)
    await first.posts.run_due(channel)
    assert [each.day for each in channel.dates] == [28]


@pytest.mark.parametrize("back", [timedelta(seconds=31), timedelta(hours=1), timedelta(days=400)])
async def test_a_clock_set_back_after_a_crash_posts_nothing_twice(
    first: Process, channel: Channel, clock: Clock, monkeypatch: pytest.MonkeyPatch, back: timedelta
) -> None:
    """The message stands there, the crash came before that was written down, and Discord forgets the nonce."""

    async def crash(*_: Any) -> None:
        raise Crash

    await first.schedules.set(PLAN)
    clock.move(hours=1)
    with monkeypatch.context() as patch:
        patch.setattr(first.runs, "sent", crash)
        with pytest.raises(BaseExceptionGroup):
            await first.posts.run_due(channel)
    channel._nonces.clear()
    clock.now -= back
    await first.posts.run_due(channel)
    assert await statuses(first.database) == [("2026-03-28", UNKNOWN)]
    for _ in range(48):
        clock.move(hours=1)
        await first.posts.run_due(channel)
    assert channel.dates.count(channel.dates[0]) == 1


async def test_a_clock_set_back_after_a_crash_before_sending_locks_nobody_out(
    first: Process, channel: Channel, clock: Clock
) -> None:
    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    assert await first.runs.claim(schedule.id) is not None  # and then nothing more
    clock.move(seconds=-30)  # within what the clocks of two machines may differ
    await first.posts.run_due(channel)
    assert await statuses(first.database) == [("2026-03-28", CLAIMED)]
    clock.move(hours=-5)
    await first.posts.run_due(channel)
    assert await statuses(first.database) == [("2026-03-28", SENT)]
    clock.move(hours=6)
    await first.posts.run_due(channel)
    assert len(channel.messages) == 1


async def test_what_was_planned_while_the_clock_was_years_ahead_is_planned_again(
    first: Process, channel: Channel, clock: Clock
) -> None:
    right = clock.now
    await first.schedules.set(PLAN)
    clock.now = datetime(2036, 1, 1, 12, tzinfo=UTC)
    async with first.database.write() as session:  # it slept through ten years: their dates are not the point
        ahead = {"next_date": clock.now.date(), "next_run_at": clock.now}
        await session.execute(update(Schedule).values(**ahead))
    await first.posts.run_due(channel)
    clock.now = right
    assert await first.posts.run_due(channel) == datetime(2026, 3, 28, 7, tzinfo=UTC)
    clock.move(hours=1)
    await first.posts.run_due(channel)
    assert [each.isoformat() for each in channel.dates] == ["2036-01-01", "2026-03-28"]
    assert (await schedule_row(first.database)).next_run_at == datetime(2026, 3, 29, 6, tzinfo=UTC)


async def test_a_clock_set_forward_while_a_post_is_on_its_way_does_not_lose_it(
    first: Process, second: Process, channel: Channel, clock: Clock
) -> None:
    async def jump() -> None:
        channel.before = None
        clock.move(minutes=10)
        await second.posts.run_due(channel)
        assert await statuses(first.database) == [("2026-03-28", PostStatus.UNKNOWN)]

    await first.schedules.set(PLAN)
    clock.move(hours=1)
    channel.before = jump
    await first.posts.run_due(channel)
    assert await statuses(first.database) == [("2026-03-28", SENT)]
    assert len(channel.messages) == 1


@pytest.mark.parametrize("back", [0, 40])
async def test_a_claim_is_fresh_for_as_long_as_it_takes(
    first: Process, second: Process, clock: Clock, back: int
) -> None:
    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    claim = await first.runs.claim(schedule.id)
    assert claim is not None
    if back:
        clock.move(seconds=-back)
        assert await second.runs.stale() == [claim.post_id]
        assert await second.runs.take_over(claim.post_id) is not None
        return
    for seconds in (0, 29):
        clock.now = claim.claimed_at + timedelta(seconds=seconds)
        assert await second.runs.stale() == []
        assert await second.runs.take_over(claim.post_id) is None
    async with first.database.read() as session:
        post = await session.get_one(Post, claim.post_id)
        assert (post.claimed_at, post.attempts) == (claim.claimed_at, 1)
    clock.now = claim.claimed_at + timedelta(seconds=30)
    assert await second.runs.take_over(claim.post_id) is not None
