"""The alarm of the daily posts: one run at a time, woken again, drained before the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from bot.clock import clock
from bot.daily.alarm import AFTER_TROUBLE, LOOK_EVERY, DailyAlarm
from bot.daily.posting import PostService
from tests.bot.daily.posts import Channel, Clock
from tests.bot.world import until


class Posts:
    """A service that counts its runs and does as it is told."""

    def __init__(self) -> None:
        self.runs = 0
        self.finished = 0
        self.told_to_stop = False
        self.gate: asyncio.Event | None = None
        self.answer: datetime | Exception | None = None

    async def run_due(self, _: Any, go_on: Callable[[], bool]) -> datetime | None:
        self.runs += 1
        if self.gate is not None:
            await self.gate.wait()
        self.finished += 1
        self.told_to_stop = not go_on()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@asynccontextmanager
async def running(
    posts: Posts, *, ready: bool = True, look_every: timedelta | None = LOOK_EVERY
) -> AsyncIterator[DailyAlarm]:
    scheduler = DailyAlarm(cast("PostService", posts), Channel(Clock()), clock, lambda: ready)
    scheduler.look_every = look_every
    scheduler.start()
    try:
        yield scheduler
    finally:
        await scheduler.stop(0)
        await asyncio.sleep(0)


def alarm(scheduler: DailyAlarm) -> datetime:
    (job,) = scheduler._alarm.get_jobs()
    return cast("datetime", job.next_run_time)


async def test_it_wakes_at_the_instant_that_the_service_names() -> None:
    posts = Posts()
    posts.answer = clock() + timedelta(seconds=20)
    async with running(posts) as scheduler:
        scheduler.wake()
        await until(lambda: bool(scheduler._alarm.get_jobs()))
        assert alarm(scheduler) == posts.answer
        posts.answer = clock()  # comes at once
        scheduler.wake()
        await until(lambda: posts.runs >= 3)
        posts.answer = None
        await until(lambda: not scheduler._alarm.get_jobs())


async def test_a_clock_that_is_set_back_delays_no_look() -> None:
    """The alarm waits for an instant; what another process has set is looked for in seconds that pass."""
    posts = Posts()
    now = clock()
    async with running(posts, look_every=timedelta(milliseconds=5)) as scheduler:
        scheduler._clock = lambda: now + timedelta(hours=1)  # an hour ahead of the machine's clock, which was set back
        posts.answer = now + timedelta(hours=1)
        scheduler.wake()
        await until(lambda: posts.runs >= 3)
    runs = posts.runs
    await asyncio.sleep(0.02)
    assert posts.runs == runs


@pytest.mark.parametrize("answer", [None, datetime.max.replace(tzinfo=clock().tzinfo)])
async def test_it_never_sleeps_too_long(answer: datetime | None) -> None:
    posts = Posts()
    posts.answer = answer
    async with running(posts) as scheduler:
        before = asyncio.get_running_loop().time()
        scheduler.wake()
        await until(lambda: scheduler._look is not None)
        assert scheduler._look is not None
        now = asyncio.get_running_loop().time()
        assert before <= scheduler._look.when() - LOOK_EVERY.total_seconds() <= now


async def test_alone_it_wakes_only_for_what_is_due() -> None:
    posts = Posts()
    async with running(posts, look_every=None) as scheduler:
        scheduler.wake()
        await until(lambda: posts.finished == 1)
        await asyncio.sleep(0)
        assert not scheduler._alarm.get_jobs()
        posts.answer = clock() + timedelta(hours=30)
        scheduler.wake()
        await until(lambda: bool(scheduler._alarm.get_jobs()))
        assert alarm(scheduler) == posts.answer


async def test_after_trouble_it_looks_again(caplog: pytest.LogCaptureFixture) -> None:
    posts = Posts()
    posts.answer = RuntimeError("no database")
    async with running(posts) as scheduler:
        before = clock()
        scheduler.wake()
        await until(lambda: bool(scheduler._alarm.get_jobs()))
        assert before + AFTER_TROUBLE <= alarm(scheduler) <= clock() + AFTER_TROUBLE
    assert "no database" in caplog.text


async def test_what_wakes_it_during_a_run_makes_it_look_once_more() -> None:
    posts = Posts()
    posts.gate = asyncio.Event()
    async with running(posts) as scheduler:
        scheduler.wake()
        await until(lambda: posts.runs == 1)
        scheduler.wake()
        scheduler.wake()
        posts.gate.set()
        await until(lambda: scheduler._look is not None)
        assert posts.runs == posts.finished == 2


async def test_the_run_in_hand_is_finished_before_the_end() -> None:
    posts = Posts()
    posts.gate = asyncio.Event()
    async with running(posts) as scheduler:
        scheduler.wake()
        await until(lambda: posts.runs == 1)
        stopping = asyncio.create_task(scheduler.stop(60))
        await asyncio.sleep(0)
        scheduler.wake()
        assert not stopping.done()
        posts.gate.set()
        await stopping
        assert posts.runs == posts.finished == 1
        assert posts.told_to_stop


async def test_a_run_that_takes_too_long_is_cut_off() -> None:
    posts = Posts()
    posts.gate = asyncio.Event()
    async with running(posts) as scheduler:
        scheduler.wake()
        await until(lambda: posts.runs == 1)
        await scheduler.stop(0)
        assert posts.finished == 0


async def test_nothing_happens_before_discord_is_ready() -> None:
    posts = Posts()
    async with running(posts, ready=False) as scheduler:
        scheduler.wake()
        await asyncio.sleep(0)
        assert posts.runs == 0
