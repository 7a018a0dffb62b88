"""The book of runs: who goes first, which claims hold, and what is never changed again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from bot.daily.posting import ChannelClosedError
from bot.daily.runs import Claim
from bot.db.schedules import PauseReason, Post
from bot.icons.rows import Origin
from generator.seeds import Seed
from tests.bot.daily.posts import Channel, Clock, Process, schedule_row, statuses
from tests.bot.daily.test_posting import CLAIMED, MISSED, PLAN, SENT


async def claimed(process: Process, clock: Clock) -> Claim:
    """The claim of a run that has just become due."""
    schedule = await process.schedules.set(PLAN)
    clock.move(hours=1)
    claim = await process.runs.claim(schedule.id)
    assert claim is not None
    return claim


async def an_icon(process: Process) -> int:
    """Something that could be posted."""
    where = Origin(PLAN.guild_id, PLAN.channel_id, PLAN.user_id)
    return (await process.icons.draw(Seed.of(1), 1, where=where)).icons[0].id


async def test_who_has_waited_longest_goes_first(first: Process, clock: Clock) -> None:
    later = await first.schedules.set(replace(PLAN, local_time=time(8, 1)))
    sooner = await first.schedules.set(replace(PLAN, channel_id=7))
    clock.move(hours=1.1)
    assert await first.runs.due() == [sooner.id, later.id]
    claims = []
    for each in (later, sooner):
        claims.append(await first.runs.claim(each.id))
        clock.move(seconds=1)
    clock.move(seconds=30)
    assert await first.runs.stale() == [claim.post_id for claim in claims if claim is not None]


async def test_runs_of_the_same_instant_are_not_taken_for_each_other(
    first: Process, channel: Channel, clock: Clock
) -> None:
    schedules = [await first.schedules.set(replace(PLAN, channel_id=each)) for each in (7, 8, 9)]
    clock.move(hours=1.1)
    await first.posts.run_due(channel)
    assert sorted(post.schedule.id for post in channel.messages) == [each.id for each in schedules]
    assert [status for _, status in await statuses(first.database)] == [SENT] * 3
    for each in schedules:
        (logged,) = await first.schedules.log(each.id)
        (post,) = [post for post in channel.messages if post.schedule.id == each.id]
        assert logged.seed == post.sheet.icons[0].seed.text


async def test_what_came_while_others_were_posted_is_looked_for_at_once(
    first: Process, channel: Channel, clock: Clock
) -> None:
    await first.schedules.set(PLAN)
    await first.schedules.set(replace(PLAN, channel_id=7, local_time=time(8, 1)))

    async def take_long() -> None:
        clock.move(minutes=2)

    clock.move(hours=1)
    channel.before = take_long
    following = await first.posts.run_due(channel)
    assert following is not None
    assert following <= clock()


async def test_the_next_look_is_when_a_claim_may_have_been_left(first: Process, clock: Clock) -> None:
    claim = await claimed(first, clock)
    assert await first.runs.next_wake() == claim.claimed_at + timedelta(seconds=30)


async def test_a_weekly_run_is_not_taken_for_one_that_a_wrong_clock_has_planned(
    first: Process, channel: Channel, clock: Clock
) -> None:
    await first.schedules.set(replace(PLAN, weekdays=frozenset({5})))
    clock.move(hours=1)
    following = await first.posts.run_due(channel)
    assert following == datetime(2026, 4, 4, 6, tzinfo=UTC)
    assert await first.runs.due() == []


async def test_a_date_that_is_in_the_book_is_not_posted_again_and_stops_nothing(
    first: Process, channel: Channel, clock: Clock
) -> None:
    """A clock was ahead for a day. The date before is older than the one that was posted, and is not caught up."""
    schedule = await first.schedules.set(replace(PLAN, catch_up_hours=23))
    day, clock.now = date(2026, 3, 29), datetime(2026, 3, 29, 6, tzinfo=UTC)
    async with first.database.write() as session:
        session.add(Post(schedule_id=schedule.id, local_date=day, due_at=clock.now, status=SENT, attempts=1))
    assert await first.posts.run_due(channel) == datetime(2026, 3, 30, 6, tzinfo=UTC)
    assert channel.messages == []
    assert await statuses(first.database) == [("2026-03-28", MISSED), ("2026-03-29", SENT)]


async def test_a_run_that_was_sent_stays_so(first: Process, channel: Channel, clock: Clock) -> None:
    """Another process has looked for what was left behind before, and comes to it long after."""
    await first.schedules.set(PLAN)
    clock.move(hours=1)
    await first.posts.run_due(channel)
    clock.move(hours=1)
    assert await first.runs.stale() == []
    assert await first.runs.take_over(1) is None
    assert await statuses(first.database) == [("2026-03-28", SENT)]


async def test_a_run_that_was_given_up_is_not_sent_and_not_counted_any_more(
    first: Process, second: Process, clock: Clock
) -> None:
    claim = await claimed(first, clock)
    clock.move(hours=6.1)
    assert await second.runs.take_over(claim.post_id) is None
    assert not await first.runs.pass_gate(claim, await an_icon(first))
    assert not await first.runs.went_wrong(claim, "no", refused=True, final=True)
    assert await statuses(first.database) == [("2026-03-28", MISSED)]
    assert (await schedule_row(first.database)).failures == 0


async def test_who_has_given_a_claim_back_cannot_send_with_it(first: Process, second: Process, clock: Clock) -> None:
    given_back = await claimed(first, clock)
    await first.runs.release(given_back)
    clock.move(seconds=1)
    taken = await second.runs.take_over(given_back.post_id)
    assert taken is not None
    assert taken.attempts == given_back.attempts
    assert not await first.runs.pass_gate(given_back, await an_icon(first))
    assert await second.runs.pass_gate(taken, await an_icon(second))


async def test_a_clock_that_is_a_little_behind_goes_on_with_a_post(
    first: Process, second: Process, clock: Clock
) -> None:
    """Drawing took long, and the process that goes on has a clock that is behind: it was tried in its future."""
    claim = await claimed(first, clock)
    clock.move(seconds=50)
    assert await first.runs.pass_gate(claim, await an_icon(first))
    clock.move(seconds=-15)
    assert await second.runs.take_over(claim.post_id) is not None
    assert await statuses(first.database) == [("2026-03-28", CLAIMED)]


@pytest.mark.parametrize("removed", [False, True])
async def test_nobody_is_told_of_a_closed_channel_whose_schedule_rests_or_is_gone(
    first: Process, channel: Channel, clock: Clock, removed: bool
) -> None:
    """Somebody was faster, while a post was on its way."""
    schedule = await first.schedules.set(PLAN)

    async def meanwhile() -> None:
        await (first.schedules.remove if removed else first.schedules.pause)(schedule.id)

    clock.move(hours=1)
    channel.before, channel.trouble = meanwhile, [ChannelClosedError(PauseReason.CHANNEL_GONE, "gone")]
    await first.posts.run_due(channel)
    assert channel.told == []
    if not removed:
        assert (await schedule_row(first.database)).paused is PauseReason.ASKED


@pytest.mark.parametrize(("minutes", "late"), [(5, False), (6, True)])
async def test_a_post_says_when_it_was_due_if_it_is_late(
    first: Process, channel: Channel, clock: Clock, minutes: int, late: bool
) -> None:
    await first.schedules.set(PLAN)
    clock.move(hours=1, minutes=minutes)
    await first.posts.run_due(channel)
    assert [(post.late, post.due_at) for post in channel.messages] == [(late, datetime(2026, 3, 28, 7, tzinfo=UTC))]
