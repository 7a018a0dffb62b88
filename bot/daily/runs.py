"""The book of runs: which are due, who has claimed which, and how each ended. Every change of a claim is one commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, Select, Update, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.daily.calendar import run_from
from bot.daily.schedules import ScheduleView, delay, plan_next, view
from bot.daily.zones import load_zone
from bot.db.schedules import ERROR_LENGTH, Post, PostStatus, Schedule
from bot.db.session import CLOCK_SKEW, Database

log = logging.getLogger(__name__)

STALE_AFTER = timedelta(seconds=30)
"""A claim that was not renewed for so long is open to others, and to a second attempt."""

NONCE_WINDOW = timedelta(minutes=2)
"""Discord returns the first message of a nonce "in the past few minutes"; we count on fewer of them than it keeps."""

MAX_ATTEMPTS = 2
"""Attempts at a run that goes wrong; crashes have one more."""

FARTHEST = timedelta(days=30)
"""No run is farther ahead: one that is was planned while the clock was wrong."""

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Claim:
    """A run in hand. `claimed_at` is its token: who comes with an older one has lost it."""

    post_id: int
    schedule: ScheduleView
    local_date: date
    due_at: datetime
    claimed_at: datetime
    attempts: int
    generation_id: int | None
    tried: bool
    """Whether an earlier attempt may have gone out."""


class RunBook:
    """The only one that writes the table `posts`."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def due(self) -> list[int]:
        """The schedules whose next run has come, the longest waiting first."""
        now = self._clock()
        come = or_(Schedule.next_run_at <= now, Schedule.next_run_at > now + FARTHEST)
        query = select(Schedule.id).where(come).order_by(Schedule.next_run_at)
        async with self._database.read() as session:
            return list(await session.scalars(query))

    async def stale(self) -> list[int]:
        """The posts whose claim was left behind by a crash, or waits for its second attempt."""
        async with self._database.read() as session:
            return list(await session.scalars(self._stale(select(Post.id)).order_by(Post.claimed_at)))

    def _stale(self, query: Select[tuple[int]]) -> Select[tuple[int]]:
        now = self._clock()
        left = or_(Post.claimed_at <= now - STALE_AFTER, Post.claimed_at > now + CLOCK_SKEW)
        return query.where(Post.status == PostStatus.CLAIMED, left)

    async def next_wake(self) -> datetime | None:
        """When there will next be something to do; None while no schedule runs."""
        runs = select(func.min(Schedule.next_run_at))
        claims = select(func.min(Post.claimed_at)).where(Post.status == PostStatus.CLAIMED)
        async with self._database.read() as session:
            run, claim = await session.scalar(runs), await session.scalar(claims)
        return min((at for at in (run, claim and claim + STALE_AFTER) if at is not None), default=None)

    async def claim(self, schedule_id: int) -> Claim | None:
        """Take a schedule's run in hand, and write down those that were missed before it.

        None: there is nothing to post, or another process was faster. Raises ZoneError.
        """
        async with self._database.read() as session:
            row = await session.get(Schedule, schedule_id)
        if row is None:
            return None
        await asyncio.to_thread(load_zone, row.zone)  # so that it is at hand within the transaction
        try:
            async with self._database.write() as session:
                return await self._claim(session, schedule_id)
        except IntegrityError:
            log.info("another process has claimed the run of schedule %d at the same moment", schedule_id)
            return None

    async def _claim(self, session: AsyncSession, schedule_id: int) -> Claim | None:
        now = self._clock()
        row = await session.get(Schedule, schedule_id, with_for_update=True)
        if row is None or row.next_run_at is None:
            return None
        if row.next_run_at > now:
            if row.next_run_at > now + FARTHEST:
                log.warning("schedule %d was planned for %s: the clock was wrong", row.id, row.next_run_at)
                await plan_next(session, row, now)
            return None
        schedule = view(row)
        plan, zone = schedule.plan, load_zone(row.zone)
        runs: list[tuple[date, datetime]] = []
        # By date, not by instant: since it was planned, the zone may have got other rules.
        day = row.next_date or (row.next_run_at - delay(row.id)).astimezone(zone).date()
        day, instant = run_from(plan.local_time, zone, plan.weekdays, day)
        while instant <= now:
            runs.append((day, instant))
            day, instant = run_from(plan.local_time, zone, plan.weekdays, day + _DAY)
        row.next_date, row.next_run_at = day, instant + delay(row.id)
        query = select(Post.local_date).where(Post.schedule_id == row.id, Post.local_date.in_([day for day, _ in runs]))
        taken = set(await session.scalars(query))
        posts = [
            Post(schedule_id=row.id, local_date=day, due_at=due_at, status=PostStatus.MISSED, attempts=0)
            for day, due_at in runs
            if day not in taken
        ]
        session.add_all(posts)
        last = posts[-1] if posts else None
        if last is None or last.local_date != runs[-1][0] or now - last.due_at > timedelta(hours=row.catch_up_hours):
            return None
        last.status, last.claimed_at, last.attempts = PostStatus.CLAIMED, now, 1
        await session.flush()
        return Claim(last.id, schedule, last.local_date, last.due_at, now, 1, None, tried=False)

    async def take_over(self, post_id: int) -> Claim | None:
        """Go on with a claim that was left behind; None when it was not, or when nothing more may be sent.

        A run that was never handed to Discord is posted (late) or recorded as missed. One that was is sent again
        while its nonce keeps it single; after that nobody knows what became of it, and it is recorded so.
        """
        now = self._clock()
        async with self._database.write() as session:
            post = await session.get(Post, post_id, with_for_update=True)
            if post is None or post.status is not PostStatus.CLAIMED or post.claimed_at is None:
                return None
            if now - STALE_AFTER < post.claimed_at <= now + CLOCK_SKEW:
                return None
            row = await session.get_one(Schedule, post.schedule_id)
            if post.tried_at is not None:
                if not -CLOCK_SKEW <= now - post.tried_at <= NONCE_WINDOW or post.attempts > MAX_ATTEMPTS:
                    post.status = PostStatus.UNKNOWN
            elif now - post.due_at > timedelta(hours=row.catch_up_hours) or row.paused is not None:
                post.status = PostStatus.MISSED
            elif post.attempts > MAX_ATTEMPTS:
                post.status = PostStatus.FAILED
                row.failures += 1
            if post.status is not PostStatus.CLAIMED:
                log.warning("run %s of schedule %d: %s", post.local_date, row.id, post.status.value)
                return None
            post.claimed_at, post.attempts = now, post.attempts + 1
            return Claim(
                post.id,
                view(row),
                post.local_date,
                post.due_at,
                now,
                post.attempts,
                post.generation_id,
                tried=post.tried_at is not None,
            )

    async def pass_gate(self, claim: Claim, generation_id: int) -> bool:
        """Write down what will be sent now. False: the claim is lost, and nothing may be sent."""
        now = self._clock()
        query = self._mine(claim).values(generation_id=generation_id, tried_at=func.coalesce(Post.tried_at, now))
        async with self._database.write() as session:
            return cast("CursorResult[Any]", await session.execute(query)).rowcount == 1

    @staticmethod
    def _mine(claim: Claim) -> Update:
        """The change of a post whose claim is still held."""
        return update(Post).where(
            Post.id == claim.post_id,
            Post.status == PostStatus.CLAIMED,
            Post.claimed_at == claim.claimed_at,
            Post.attempts == claim.attempts,
        )

    async def release(self, claim: Claim) -> None:
        """Give a claim back, so that whoever looks next goes on with it at once; being stopped is no failed attempt.

        What was handed to Discord already keeps its icons and its nonce, and is sent again with them.
        """
        query = self._mine(claim).values(claimed_at=self._clock() - STALE_AFTER, attempts=claim.attempts - 1)
        async with self._database.write() as session:
            await session.execute(query)

    async def sent(self, claim: Claim, message_id: int) -> None:
        """The post stands in Discord. Whoever knows the message is right, also without the claim."""
        async with self._database.write() as session:
            post = await session.get(Post, claim.post_id, with_for_update=True)
            row = await session.get(Schedule, claim.schedule.id, with_for_update=True)
            if post is not None and row is not None:  # removed while it was being sent
                post.status, post.message_id, post.error, row.failures = PostStatus.SENT, message_id, None, 0

    async def skip(self, claim: Claim) -> None:
        """There is nothing to post on that date."""
        async with self._database.write() as session:
            await session.execute(self._mine(claim).values(status=PostStatus.SKIPPED))

    async def went_wrong(self, claim: Claim, error: str, *, refused: bool, final: bool = False) -> bool:
        """Note an error: the claim stays for a second attempt, or it was the last one. True: the run is over.

        `refused`: Discord has certainly not taken the post. Where it may have, in this attempt or an earlier one, the
        run has not failed: nobody knows.
        """
        over = final or claim.attempts >= MAX_ATTEMPTS
        async with self._database.write() as session:
            post = await session.get(Post, claim.post_id, with_for_update=True)
            row = await session.get(Schedule, claim.schedule.id, with_for_update=True)
            mine = post is not None and (post.claimed_at, post.attempts) == (claim.claimed_at, claim.attempts)
            if post is None or row is None or not mine or post.status is not PostStatus.CLAIMED:
                return False
            post.error = error[:ERROR_LENGTH]
            if refused and not claim.tried:
                post.tried_at = None
            if over:
                post.status = PostStatus.FAILED if post.tried_at is None else PostStatus.UNKNOWN
                row.failures += post.tried_at is None
        return over
