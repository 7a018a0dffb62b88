"""Wakes the service of the daily posts at the instant that it names. The database knows what is due; this does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from bot.daily.posting import Outlet, PostService
from bot.services import Companion

log = logging.getLogger(__name__)

LOOK_EVERY = timedelta(minutes=1)
"""How often it looks although nothing is due: another process may have set a schedule or left work behind.

That costs four small queries."""

AFTER_TROUBLE = timedelta(minutes=1)
"""Until the next attempt when the database could not be reached."""

_JOB = "daily"


class DailyAlarm(Companion):
    """One wake-up in the future, and at most one run of the service at a time."""

    def __init__(
        self,
        posts: PostService,
        outlet: Outlet,
        clock: Callable[[], datetime],
        can_post: Callable[[], bool],
    ) -> None:
        """`can_post` says whether the outlet can be used; until it can, nothing wakes."""
        self.outlet = outlet
        self.look_every: timedelta | None = LOOK_EVERY
        """None: it wakes only for what is due, and no other process may share the database."""
        self._can_post = can_post
        self._posts = posts
        self._clock = clock
        self._alarm = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )
        self._look: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None
        self._again = False
        self._closing = False

    def start(self) -> None:
        """Begin. Call it once, inside the event loop; then `wake`, when the outlet can be used."""
        logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it reports each alarm
        self._alarm.start()

    async def ready(self, guilds: Collection[int]) -> None:
        """Look at what came due while the bot was not connected."""
        self.wake()

    def wake(self) -> None:
        """Look now: a schedule was changed, or its time has come."""
        if self._closing or not self._alarm.running or not self._can_post():
            return
        if self._running is not None and not self._running.done():
            self._again = True
            return
        self._running = asyncio.get_running_loop().create_task(self._run(), name="daily posts")

    async def stop(self, seconds: float) -> None:
        """Begin no further post, and give those in hand that long; what is left then goes back for the next start."""
        if self._closing:
            return
        self._closing = True
        if self._look is not None:
            self._look.cancel()
        if self._alarm.running:
            self._alarm.remove_all_jobs()
            self._alarm.shutdown(wait=False)
        running = self._running
        if running is not None and not running.done():
            await asyncio.wait([running], timeout=seconds)
            if not running.done():
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    async def _run(self) -> None:
        while not self._closing:
            self._again = False
            try:
                at = await self._posts.run_due(self.outlet, lambda: not self._closing)
            except Exception:
                log.exception("the daily posts could not be looked at")
                at = self._clock() + AFTER_TROUBLE
            if not self._again:
                self._set_alarm(at)
                return

    def _set_alarm(self, at: datetime | None) -> None:
        if self._closing:
            return
        if self._look is not None:
            self._look.cancel()
        if self.look_every is not None:  # in seconds that pass: the alarm waits for a time, and clocks are set back
            self._look = asyncio.get_running_loop().call_later(self.look_every.total_seconds(), self.wake)
        self._alarm.remove_all_jobs()
        if at is not None:
            self._alarm.add_job(self._ring, DateTrigger(max(at, self._clock())), id=_JOB)

    async def _ring(self) -> None:
        self.wake()
