"""Daily posts go out once, whatever process ends when."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.db.models import Generation
from bot.db.schedules import PostStatus
from bot.icons.rows import Origin
from generator.seeds import Seed
from tests.bot.daily.posts import Channel, Clock, Crash, Process, schedule_row, statuses
from tests.bot.daily.test_posting import CLAIMED, FAILED, MISSED, PLAN, SENT, UNKNOWN


async def test_two_processes_post_once(first: Process, second: Process, channel: Channel, clock: Clock) -> None:
    await first.schedules.set(PLAN)
    for _ in range(3):
        clock.move(hours=25)
        await asyncio.gather(*(process.posts.run_due(channel) for process in (first, second, first, second)))
    assert channel.dates == [date(2026, 3, day) for day in (29, 30, 31)][: len(channel.dates)]
    assert len(set(channel.dates)) == len(channel.messages) == 3
    assert {status for _, status in await statuses(first.database)} <= {SENT, MISSED}


async def test_a_crash_between_claim_and_sending(
    first: Process, second: Process, channel: Channel, clock: Clock
) -> None:
    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    assert await first.runs.claim(schedule.id) is not None  # and then nothing more
    assert await second.posts.run_due(channel) == clock() + timedelta(seconds=30)
    assert channel.messages == []
    clock.move(seconds=30)
    await second.posts.run_due(channel)
    assert [(post.local_date, post.late) for post in channel.messages] == [(date(2026, 3, 28), False)]
    assert await statuses(first.database) == [("2026-03-28", SENT)]


async def test_a_slow_process_that_lost_its_claim_does_not_send(
    first: Process, second: Process, channel: Channel, clock: Clock
) -> None:
    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    slow = await first.runs.claim(schedule.id)
    assert slow is not None
    clock.move(seconds=31)
    await second.posts.run_due(channel)
    channel._nonces.clear()  # it is so slow that Discord would take its post for a new one
    await first.posts._post(slow, channel)
    assert len(channel.messages) == 1


@pytest.mark.parametrize(
    ("seconds", "status", "message_id"),
    [(40, SENT, 1_001), (119, SENT, 1_001), (121, UNKNOWN, None), (9_000, UNKNOWN, None)],
)
async def test_a_crash_between_sending_and_commit(
    first: Process,
    second: Process,
    channel: Channel,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
    status: PostStatus,
    message_id: int | None,
) -> None:
    async def crash(*_: Any) -> None:
        raise Crash

    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    monkeypatch.setattr(first.runs, "sent", crash)
    with pytest.raises(BaseExceptionGroup):
        await first.posts.run_due(channel)
    assert await statuses(second.database) == [("2026-03-28", CLAIMED)]
    clock.move(seconds=seconds)
    await second.posts.run_due(channel)
    assert len(channel.messages) == 1
    (logged,) = await second.schedules.log(schedule.id)
    assert (logged.status, logged.message_id) == (status, message_id)
    assert logged.seed == channel.messages[0].sheet.icons[0].seed.text


async def test_a_crash_on_the_way_sends_the_same_icon_again(first: Process, channel: Channel, clock: Clock) -> None:
    await first.schedules.set(PLAN)
    clock.move(hours=1)
    channel.trouble = [Crash()]
    with pytest.raises(BaseExceptionGroup):
        await first.posts.run_due(channel)
    async with first.database.read() as session:
        drawn = (await session.scalars(select(Generation.seed))).one()
    clock.move(seconds=45)
    await first.posts.run_due(channel)
    assert [post.sheet.icons[0].seed.number for post in channel.messages] == [drawn]


async def test_a_post_that_is_stopped_goes_back_at_once(
    first: Process, second: Process, channel: Channel, clock: Clock
) -> None:
    handed = asyncio.Event()

    async def hang() -> None:
        handed.set()
        await asyncio.Event().wait()

    await first.schedules.set(PLAN)
    clock.move(hours=1)
    channel.before = hang
    stopped = asyncio.create_task(first.posts.run_due(channel))
    await handed.wait()
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    channel.before = None
    await second.posts.run_due(channel)
    assert await statuses(first.database) == [("2026-03-28", SENT)]
    assert len(channel.messages) == 1


async def test_a_nonce_is_as_old_as_the_first_attempt(
    first: Process, channel: Channel, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message stands and its answer is lost; the second attempt ends in a crash, long after the first one."""
    deliver = channel.deliver

    async def lose_the_answer(post: Any) -> int:
        await deliver(post)
        raise ConnectionResetError

    await first.schedules.set(PLAN)
    clock.move(hours=1)
    with monkeypatch.context() as patch:
        patch.setattr(channel, "deliver", lose_the_answer)
        await first.posts.run_due(channel)
    clock.move(seconds=100)
    channel.trouble = [Crash()]
    with pytest.raises(BaseExceptionGroup):
        await first.posts.run_due(channel)
    clock.move(seconds=100)
    await first.posts.run_due(channel)
    assert len(channel.messages) == 1
    assert await statuses(first.database) == [("2026-03-28", UNKNOWN)]


async def test_who_has_lost_a_claim_can_do_nothing_with_it(first: Process, second: Process, clock: Clock) -> None:
    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    lost = await first.runs.claim(schedule.id)
    clock.move(seconds=31)
    assert lost is not None
    taken = await second.runs.take_over(lost.post_id)
    assert taken is not None
    sheet = await first.icons.draw(Seed.of(1), 1, where=Origin(PLAN.guild_id, PLAN.channel_id, PLAN.user_id))
    assert not await first.runs.pass_gate(lost, sheet.icons[0].id)
    await first.runs.skip(lost)
    await first.runs.release(lost)
    assert not await first.runs.went_wrong(lost, "no", refused=True, final=True)
    assert await second.runs.stale() == []
    assert await second.runs.pass_gate(taken, sheet.icons[0].id)
    assert await statuses(first.database) == [("2026-03-28", CLAIMED)]


@pytest.mark.parametrize(("tried", "status", "failures"), [(False, FAILED, 1), (True, UNKNOWN, 0)])
async def test_a_run_that_ends_each_process_is_given_up(
    first: Process, clock: Clock, tried: bool, status: PostStatus, failures: int
) -> None:
    """Before it is sent, or while it is on its way and its nonce would still keep it single."""
    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    claim = await first.runs.claim(schedule.id)
    assert claim is not None
    if tried:
        sheet = await first.icons.draw(Seed.of(1), 1, where=Origin(PLAN.guild_id, PLAN.channel_id, PLAN.user_id))
        assert await first.runs.pass_gate(claim, sheet.icons[0].id)
    for attempts in (2, 3):
        clock.move(seconds=31)
        again = await first.runs.take_over(claim.post_id)
        assert again is not None
        assert (again.attempts, again.tried) == (attempts, tried)
    clock.move(seconds=31)
    assert await first.runs.take_over(claim.post_id) is None
    assert await statuses(first.database) == [("2026-03-28", status)]
    assert (await schedule_row(first.database)).failures == failures


@pytest.mark.parametrize("paused", [False, True])
async def test_what_was_left_behind_too_long_or_is_not_wanted_any_more_is_missed(
    first: Process, clock: Clock, paused: bool
) -> None:
    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    claim = await first.runs.claim(schedule.id)
    assert claim is not None
    if paused:
        await first.schedules.pause(schedule.id)
    clock.move(hours=0.1 if paused else 6.1)
    assert await first.runs.take_over(claim.post_id) is None
    assert await statuses(first.database) == [("2026-03-28", MISSED)]


async def test_being_stopped_is_no_attempt(first: Process, second: Process, clock: Clock) -> None:
    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    claim = await first.runs.claim(schedule.id)
    for process in (first, second) * 3:
        assert claim is not None
        assert claim.attempts == 1
        await process.runs.release(claim)
        assert await process.runs.stale() == [claim.post_id]  # at once
        claim = await second.runs.take_over(claim.post_id)


async def test_what_was_sent_is_written_down_before_the_end(
    first: Process, channel: Channel, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told to stop between the sending and the commit, it finishes the commit."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    sent = first.runs.sent

    async def slowly(*given: Any) -> None:
        begun.set()
        await go_on.wait()
        await sent(*given)

    await first.schedules.set(PLAN)
    clock.move(hours=1)
    monkeypatch.setattr(first.runs, "sent", slowly)
    stopped = asyncio.create_task(first.posts.run_due(channel))
    await begun.wait()
    stopped.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    assert await statuses(first.database) == [("2026-03-28", SENT)]
    async with first.database.read() as session:
        assert (await session.scalars(select(Generation.message_id))).one() == 1_001


async def test_who_is_told_to_stop_claims_nothing_more(first: Process, channel: Channel, clock: Clock) -> None:
    await first.schedules.set(PLAN)
    clock.move(hours=1)
    await first.posts.run_due(channel, lambda: False)
    assert await statuses(first.database) == []
    assert len(await first.runs.due()) == 1
