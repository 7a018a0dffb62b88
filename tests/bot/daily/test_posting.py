"""The daily posts on both databases: once per date, through crashes, errors and a second process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select, update

from bot.daily import posting
from bot.daily.posting import ChannelClosedError, NotTakenError, nonce_of
from bot.daily.schedules import NoScheduleError, Plan, delay
from bot.daily.zones import ZoneError
from bot.db.models import Generation, GenerationKind
from bot.db.schedules import PauseReason, PostStatus, Schedule
from bot.icons.rows import Origin
from bot.icons.sheets import Drawn, draw_chosen
from bot.models.library import Model
from generator.seeds import Seed
from tests.bot.daily.posts import Channel, Clock, Process, schedule_row, statuses

PLAN = Plan(
    guild_id=2**62,
    channel_id=2**62 + 1,
    user_id=2**62 + 2,
    local_time=time(8),
    zone="Europe/Berlin",
    weekdays=frozenset(range(7)),
)


SENT, MISSED, FAILED = PostStatus.SENT, PostStatus.MISSED, PostStatus.FAILED


CLAIMED, UNKNOWN = PostStatus.CLAIMED, PostStatus.UNKNOWN


async def test_a_run_is_posted_when_it_is_due_and_once(first: Process, channel: Channel, clock: Clock) -> None:
    schedule = await first.schedules.set(PLAN)
    assert schedule.next_run_at == datetime(2026, 3, 28, 7, tzinfo=UTC)
    assert await first.posts.run_due(channel) == schedule.next_run_at
    assert channel.messages == []
    clock.move(hours=1)
    following = await first.posts.run_due(channel)
    assert following == datetime(2026, 3, 29, 6, tzinfo=UTC)  # the clocks have changed
    (post,) = channel.messages
    assert (post.local_date, post.late, post.nonce) == (date(2026, 3, 28), False, f"d{schedule.id:x}20260328")
    assert await first.posts.run_due(channel) == following
    (logged,) = await first.schedules.log(schedule.id)
    assert (logged.status, logged.message_id, logged.seed) == (SENT, 1_001, post.sheet.icons[0].seed.text)
    async with first.database.read() as session:
        row = (await session.scalars(select(Generation))).one()
    assert (row.kind, row.message_id) == (GenerationKind.DAILY, 1_001)
    assert (row.guild_id, row.channel_id, row.user_id) == (PLAN.guild_id, PLAN.channel_id, PLAN.user_id)


@pytest.mark.parametrize("hours", [5.9, 6.0, 6.1, 22.5])
async def test_what_was_missed_goes_out_late_or_is_recorded(
    first: Process, channel: Channel, clock: Clock, hours: float
) -> None:
    await first.schedules.set(PLAN)
    clock.move(hours=1 + hours)
    following = await first.posts.run_due(channel)
    assert following is not None
    assert following > clock()
    if hours <= 6:
        assert [(post.local_date.day, post.late) for post in channel.messages] == [(28, True)]
        assert await statuses(first.database) == [("2026-03-28", SENT)]
    else:
        assert channel.messages == []
        assert (await statuses(first.database))[0] == ("2026-03-28", MISSED)


async def test_after_days_the_last_run_is_caught_up_and_the_others_recorded(
    first: Process, channel: Channel, clock: Clock
) -> None:
    await first.schedules.set(PLAN)
    clock.now = datetime(2026, 4, 1, 8, tzinfo=UTC)
    await first.posts.run_due(channel)
    assert [(post.local_date.isoformat(), post.late) for post in channel.messages] == [("2026-04-01", True)]
    days = [(f"2026-03-{day}", MISSED) for day in range(28, 32)]
    assert await statuses(first.database) == [*days, ("2026-04-01", SENT)]


async def test_the_limit_belongs_to_the_schedule(first: Process, channel: Channel, clock: Clock) -> None:
    await first.schedules.set(Plan(**{**vars(PLAN), "catch_up_hours": 1}))
    clock.move(hours=3)
    await first.posts.run_due(channel)
    assert await statuses(first.database) == [("2026-03-28", MISSED)]


@pytest.mark.parametrize("reason", [PauseReason.CHANNEL_GONE, PauseReason.FORBIDDEN])
async def test_a_closed_channel_pauses_and_is_told_once(
    first: Process, second: Process, channel: Channel, clock: Clock, reason: PauseReason
) -> None:
    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    channel.trouble = [ChannelClosedError(reason, "no") for _ in range(5)]
    for _ in range(4):
        await asyncio.gather(first.posts.run_due(channel), second.posts.run_due(channel))
        clock.move(days=1)
    assert channel.told == [(schedule.id, reason)]
    row = await schedule_row(first.database)
    assert (row.paused, row.next_run_at, row.failures) == (reason, None, 1)
    assert await statuses(first.database) == [("2026-03-28", FAILED)]
    resumed = await first.schedules.resume(schedule.id)
    assert (resumed.paused, resumed.failures) == (None, 0)
    assert resumed.next_run_at == datetime(2026, 4, 2, 6, tzinfo=UTC)


async def test_other_errors_have_one_more_attempt(first: Process, channel: Channel, clock: Clock) -> None:
    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    channel.trouble = [RuntimeError("down")]
    assert await first.posts.run_due(channel) == clock() + timedelta(seconds=30)
    assert await statuses(first.database) == [("2026-03-28", CLAIMED)]
    clock.move(seconds=30)
    await first.posts.run_due(channel)
    (logged,) = await first.schedules.log(schedule.id)
    assert (logged.status, logged.error) == (SENT, None)
    assert (await schedule_row(first.database)).failures == 0


async def test_the_second_error_is_the_last(first: Process, channel: Channel, clock: Clock) -> None:
    schedule = await first.schedules.set(PLAN)
    for day in (1, 2):
        clock.now = datetime(2026, 3, 28 + day, 6, tzinfo=UTC)
        channel.trouble = [NotTakenError("x" * 999), NotTakenError("full")]
        await first.posts.run_due(channel)
        clock.move(seconds=30)
        await first.posts.run_due(channel)
        assert (await schedule_row(first.database)).failures == day
    logged = await first.schedules.log(schedule.id)
    assert [(post.status, post.error) for post in logged[:2]] == [(FAILED, "NotTakenError: full")] * 2
    clock.move(days=1)
    await first.posts.run_due(channel)
    assert (await schedule_row(first.database)).failures == 0
    assert len(channel.messages) == 1


NO = NotTakenError("no")
DOWN = RuntimeError("down")
GONE = ChannelClosedError(PauseReason.CHANNEL_GONE, "gone")


@pytest.mark.parametrize(
    ("trouble", "status", "failures"),
    [
        ([DOWN, DOWN], UNKNOWN, 0),
        ([DOWN, NO], UNKNOWN, 0),
        ([NO, DOWN], UNKNOWN, 0),
        ([NO, NO], FAILED, 1),
        ([DOWN, GONE], UNKNOWN, 0),
        ([NO, GONE], FAILED, 1),
        ([GONE], FAILED, 1),
        ([TimeoutError(), TimeoutError()], UNKNOWN, 0),
    ],
    ids=lambda value: "-".join(type(each).__name__ for each in value) if isinstance(value, list) else str(value),
)
async def test_a_run_has_failed_only_where_discord_has_certainly_not_taken_it(
    first: Process,
    channel: Channel,
    clock: Clock,
    trouble: list[BaseException],
    status: PostStatus,
    failures: int,
) -> None:
    await first.schedules.set(PLAN)
    clock.move(hours=1)
    channel.trouble = list(trouble)
    for _ in range(3):
        await first.posts.run_due(channel)
        clock.move(seconds=30)
    assert await statuses(first.database) == [("2026-03-28", status)]
    assert (await schedule_row(first.database)).failures == failures
    assert channel.messages == []


async def test_what_cannot_be_drawn_has_failed(
    first: Process, channel: Channel, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no memory")

    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    monkeypatch.setattr(first.icons, "draw", broken)
    for _ in range(2):
        await first.posts.run_due(channel)
        clock.move(seconds=30)
    (logged,) = await first.schedules.log(schedule.id)
    assert (logged.status, logged.error) == (FAILED, "RuntimeError: no memory")


async def test_discord_has_a_limit_of_time(
    first: Process, channel: Channel, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    monkeypatch.setattr(posting, "SEND_LIMIT", 0.01)
    channel.before = hang
    async with asyncio.timeout(60):
        await first.posts.run_due(channel)
    (logged,) = await first.schedules.log(schedule.id)
    assert (logged.status, logged.error) == (CLAIMED, "TimeoutError: ")
    channel.before = None
    clock.move(seconds=30)
    await first.posts.run_due(channel)
    assert await statuses(first.database) == [("2026-03-28", SENT)]


async def test_one_broken_schedule_does_not_touch_the_others(first: Process, channel: Channel, clock: Clock) -> None:
    await first.schedules.set(PLAN)
    good = await first.schedules.set(Plan(**{**vars(PLAN), "channel_id": 7}))
    async with first.database.write() as session:
        await session.execute(update(Schedule).where(Schedule.channel_id != 7).values(zone="Mars/Olympus"))
    clock.move(hours=1, seconds=59)
    assert await first.posts.run_due(channel) == clock() + timedelta(seconds=30)  # no busy loop
    assert [post.schedule.id for post in channel.messages] == [good.id]


async def test_a_changed_plan_does_not_post_a_date_twice(first: Process, channel: Channel, clock: Clock) -> None:
    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    await first.posts.run_due(channel)
    changed = await first.schedules.set(Plan(**{**vars(PLAN), "local_time": time(18), "count": 4}))
    assert changed.id == schedule.id
    assert changed.next_run_at == datetime(2026, 3, 29, 16, tzinfo=UTC)
    clock.now = changed.next_run_at
    await first.posts.run_due(channel)
    assert [(post.local_date.day, len(post.sheet.icons)) for post in channel.messages] == [(28, 1), (29, 4)]


async def test_posts_of_one_minute_are_spread_over_it(first: Process, clock: Clock) -> None:
    assert {delay(number) for number in range(1, 61)} == {timedelta(seconds=number) for number in range(60)}
    for number in range(3):
        schedule = await first.schedules.set(replace(PLAN, channel_id=number))
        assert schedule.next_run_at == clock() + timedelta(hours=1)  # as it was planned
    clock.move(hours=1)
    for seconds in (14, 23, 22):
        (schedule_id,) = await first.runs.due()
        claim = await first.runs.claim(schedule_id)
        assert claim is not None
        assert claim.due_at == datetime(2026, 3, 28, 7, tzinfo=UTC)
        clock.move(seconds=seconds)
    planned = {each.next_run_at for each in await first.schedules.of_guild(PLAN.guild_id)}
    assert planned == {datetime(2026, 3, 29, 6, tzinfo=UTC)}


async def test_the_log_shows_the_last_runs(first: Process, channel: Channel, clock: Clock) -> None:
    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)
    await first.posts.run_due(channel)
    clock.move(days=12)
    await first.posts.run_due(channel)
    logged = await first.schedules.log(schedule.id)
    assert [post.local_date for post in logged] == [date(2026, 4, 9) - timedelta(days=each) for each in range(10)]
    assert [post.due_at for post in logged] == [
        datetime(2026, 4, 9, 6, tzinfo=UTC) - timedelta(days=each) for each in range(10)
    ]


async def test_paused_schedules_rest_and_sleep_through_their_runs(
    first: Process, channel: Channel, clock: Clock
) -> None:
    schedule = await first.schedules.set(PLAN)
    assert await first.schedules.pause(schedule.id)
    assert not await first.schedules.pause(schedule.id)
    clock.move(days=3)
    assert await first.posts.run_due(channel) is None
    resumed = await first.schedules.resume(schedule.id)
    assert resumed.next_run_at == datetime(2026, 3, 31, 6, tzinfo=UTC) + timedelta(days=0 if clock().hour < 6 else 1)
    assert await first.schedules.resume(schedule.id) == resumed
    assert await statuses(first.database) == []


async def test_what_is_removed_while_it_is_sent_breaks_nothing(first: Process, channel: Channel, clock: Clock) -> None:
    schedule = await first.schedules.set(PLAN)
    clock.move(hours=1)

    async def remove() -> None:
        await first.schedules.remove(schedule.id)

    channel.before = remove
    assert await first.posts.run_due(channel) is None
    assert len(channel.messages) == 1
    assert await statuses(first.database) == []
    for act in (first.schedules.remove, first.schedules.pause, first.schedules.resume):
        with pytest.raises(NoScheduleError):
            await act(schedule.id)


async def test_fresh_icons_are_new_to_the_server(first: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter([42, 43, 500, 42, 44])
    here, there = Origin(PLAN.guild_id, 1, 1), Origin(5, 1, 1)
    await first.icons.draw(Seed.of(43), where=here)
    await first.icons.draw(Seed.of(500), where=there)
    monkeypatch.setattr(Seed, "random", staticmethod(lambda: Seed.of(next(numbers))))
    monkeypatch.setattr("bot.icons.service.enough_for", lambda *_: 3)
    seen: list[Seed] = []
    monkeypatch.setattr("bot.icons.service.draw_chosen", _noted(seen))
    await first.icons.draw(None, where=here)
    assert [seed.number for seed in seen] == [42, 500, 44]


def _noted(seen: list[Seed]) -> Callable[..., Awaitable[tuple[list[Seed], list[Drawn]]]]:
    async def draw(
        model: Model, candidates: Sequence[Seed], count: int, truncation: float | None
    ) -> tuple[list[Seed], list[Drawn]]:
        seen.extend(candidates)
        return await draw_chosen(model, candidates, count, truncation)

    return draw


async def test_a_test_post_leaves_the_book_alone(first: Process, channel: Channel) -> None:
    schedule = await first.schedules.set(replace(PLAN, zone="Pacific/Pago_Pago"))
    assert await first.posts.test(schedule, channel, 5) == 1_001
    assert await first.posts.test(schedule, channel, 5) == 1_002
    assert all(post.test for post in channel.messages)
    assert {(post.local_date, post.due_at) for post in channel.messages} == {(date(2026, 3, 27), first.runs._clock())}
    assert await statuses(first.database) == []
    async with first.database.read() as session:
        rows = list(await session.scalars(select(Generation).order_by(Generation.id)))
    assert [(row.user_id, row.message_id, row.kind) for row in rows] == [
        (5, 1_001, GenerationKind.DAILY),
        (5, 1_002, GenerationKind.DAILY),
    ]


async def test_a_plan_with_an_unknown_zone_is_refused(first: Process) -> None:
    with pytest.raises(ZoneError):
        await first.schedules.set(Plan(**{**vars(PLAN), "zone": "Mars/Olympus"}))


def test_nonces_fit_into_discord() -> None:
    assert len(nonce_of(2**63 - 1, date(2026, 1, 1))) <= 25
    assert len({nonce_of(1, date(2026, 1, 1)), nonce_of(1, date(2026, 1, 2)), nonce_of(17, date(2026, 1, 1))}) == 3
