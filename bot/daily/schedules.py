"""The schedules of daily posts as people handle them: set, shown, paused, resumed, removed, and their log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.daily.calendar import next_run
from bot.daily.zones import load_zone
from bot.db.models import Generation
from bot.db.schedules import PauseReason, Post, PostContent, PostStatus, Schedule
from bot.db.session import Database, storable_text
from bot.talk.refusals import ServiceError

DEFAULT_CATCH_UP = 6
LONGEST_CATCH_UP = 23
"""Hours that a run may be late; below a day, so that a late post never meets the next one."""

SPREAD = timedelta(minutes=1)
"""Posts of the same minute are spread over this, so that thousands of servers do not post in one second."""

LOG_LENGTH = 10
"""Runs that the log shows."""


class NoScheduleError(ServiceError):
    """There is no such schedule. No parameters."""

    key = "error.no_schedule"


@dataclass(frozen=True)
class Plan:
    """What somebody wants: where, when, how many."""

    guild_id: int
    channel_id: int
    user_id: int
    local_time: time
    zone: str
    weekdays: frozenset[int]
    """Monday is 0; at least one."""
    count: int = 1
    catch_up_hours: int = DEFAULT_CATCH_UP
    content: PostContent = PostContent.FRESH
    text: str | None = None
    """The line above each post."""
    role_id: int | None = None
    """The role that each post pings."""
    model_id: int | None = None
    """The model that draws; None: the server's usual one."""


@dataclass(frozen=True)
class ScheduleView:
    """A schedule as it stands in the database."""

    id: int
    plan: Plan
    paused: PauseReason | None
    failures: int
    next_run_at: datetime | None
    """The instant of the plan; the post follows within SPREAD."""


@dataclass(frozen=True)
class PostView:
    """A run in the log. `seed` is that of its first icon."""

    local_date: date
    due_at: datetime
    status: PostStatus
    seed: str | None
    message_id: int | None
    error: str | None


class ScheduleService:
    """Keeps the schedules. What they post is the business of `bot.daily.posting`."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def set(self, plan: Plan) -> ScheduleView:
        """Create the channel's schedule, or change it; a schedule that rests goes on.

        A date that has been posted, or is being posted, under the old plan is not posted again under the new one.
        Raises ZoneError, and ValueError for a plan without weekdays.
        """
        await asyncio.to_thread(load_zone, plan.zone)
        try:
            return await self._set(plan)
        except IntegrityError:  # somebody was faster by an instant: there is one to change now
            return await self._set(plan)

    async def _set(self, plan: Plan) -> ScheduleView:
        now = self._clock()
        async with self._database.write() as session:
            query = select(Schedule).where(Schedule.channel_id == plan.channel_id).with_for_update()
            row = (await session.scalars(query)).one_or_none()
            if row is None:
                row = Schedule(channel_id=plan.channel_id, created_at=now)
                session.add(row)
            row.guild_id, row.user_id = plan.guild_id, plan.user_id
            row.local_time, row.zone, row.weekdays = plan.local_time, plan.zone, to_bits(plan.weekdays)
            row.count, row.catch_up_hours, row.content = plan.count, plan.catch_up_hours, plan.content
            row.text, row.role_id = plan.text and storable_text(plan.text), plan.role_id
            row.model_id = plan.model_id
            row.paused, row.failures = None, 0
            await session.flush()  # gives a new row its id
            await plan_next(session, row, now)
            return view(row)

    async def of_guild(self, guild_id: int) -> list[ScheduleView]:
        """The schedules of a server, the oldest first."""
        query = select(Schedule).where(Schedule.guild_id == guild_id).order_by(Schedule.id)
        async with self._database.read() as session:
            return [view(row) for row in await session.scalars(query)]

    async def pause(self, schedule_id: int, reason: PauseReason = PauseReason.ASKED) -> bool:
        """Let a schedule rest. False: it rests already. Raises NoScheduleError."""
        async with self._database.write() as session:
            row = await _row(session, schedule_id)
            if row.paused is not None:
                return False
            row.paused, row.next_run_at, row.next_date = reason, None, None
            return True

    async def resume(self, schedule_id: int) -> ScheduleView:
        """Let a schedule go on with the next run that lies ahead; what it slept through is no missed run.

        Raises NoScheduleError and ZoneError.
        """
        async with self._database.write() as session:
            row = await _row(session, schedule_id)
            if row.paused is not None:
                await asyncio.to_thread(load_zone, row.zone)
                row.paused, row.failures = None, 0
                await plan_next(session, row, self._clock())
            return view(row)

    async def remove(self, schedule_id: int) -> None:
        """Forget a schedule and its log; the messages and their icons stay. Raises NoScheduleError."""
        async with self._database.write() as session:
            result = await session.execute(delete(Schedule).where(Schedule.id == schedule_id))
            if not cast("CursorResult[Any]", result).rowcount:
                raise NoScheduleError(f"There is no schedule {schedule_id}.")

    async def log(self, schedule_id: int, limit: int = LOG_LENGTH) -> list[PostView]:
        """The last runs and what became of them, the newest first."""
        query = (
            select(Post, Generation.seed_text)
            .outerjoin(Generation, Post.generation_id == Generation.id)
            .where(Post.schedule_id == schedule_id)
            .order_by(Post.local_date.desc())
            .limit(limit)
        )
        async with self._database.read() as session:
            return [
                PostView(row.local_date, row.due_at, row.status, seed, row.message_id, row.error)
                for row, seed in await session.execute(query)
            ]

    async def post_counts(self) -> dict[str, int]:
        """How many runs there are of each status, over all servers."""
        query = select(Post.status, func.count()).group_by(Post.status)
        async with self._database.read() as session:
            found = {status.value: count for status, count in await session.execute(query)}
        return {status.value: found.get(status.value, 0) for status in PostStatus}


async def _row(session: AsyncSession, schedule_id: int) -> Schedule:
    row = await session.get(Schedule, schedule_id, with_for_update=True)
    if row is None:
        raise NoScheduleError(f"There is no schedule {schedule_id}.")
    return row


async def plan_next(session: AsyncSession, row: Schedule, after: datetime) -> None:
    """Let a schedule go on with the next run later than `after` whose date has no post yet."""
    plan, zone, oldest = view(row).plan, load_zone(row.zone), after.date() - timedelta(days=3)
    query = select(Post.local_date).where(Post.schedule_id == row.id, Post.local_date >= oldest)
    taken = set(await session.scalars(query))
    day, instant = next_run(plan.local_time, zone, plan.weekdays, after)
    while day in taken:
        day, instant = next_run(plan.local_time, zone, plan.weekdays, instant)
    row.next_date, row.next_run_at = day, instant + delay(row.id)


def view(row: Schedule) -> ScheduleView:
    """A row as the rest of the bot sees it."""
    plan = Plan(
        guild_id=row.guild_id,
        channel_id=row.channel_id,
        user_id=row.user_id,
        local_time=row.local_time,
        zone=row.zone,
        weekdays=from_bits(row.weekdays),
        count=row.count,
        catch_up_hours=row.catch_up_hours,
        content=row.content,
        text=row.text,
        role_id=row.role_id,
        model_id=row.model_id,
    )
    planned = None if row.next_run_at is None else row.next_run_at - delay(row.id)
    return ScheduleView(row.id, plan, row.paused, row.failures, planned)


def delay(schedule_id: int) -> timedelta:
    """How long after its instant a schedule posts: below SPREAD, whole seconds, always the same for the same one."""
    # 37 shares no factor with 60, so that schedules that were set one after the other lie far apart.
    return timedelta(seconds=(schedule_id - 1) * 37 % SPREAD.total_seconds())


def to_bits(weekdays: Iterable[int]) -> int:
    """Weekdays (Monday 0) as bits."""
    return sum(1 << day for day in set(weekdays))


def from_bits(bits: int) -> frozenset[int]:
    """Bits as weekdays (Monday 0)."""
    return frozenset(day for day in range(7) if bits >> day & 1)
