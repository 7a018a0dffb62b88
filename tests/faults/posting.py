"""Kills a process in the middle of daily posts, again and again, and counts what came out.

    python -m tests.faults.posting --times 200 --seed 1

Each round a process (SQLite, the model that ships, an outlet that keeps nonces as Discord does) is killed at a random
moment of its look, and the next one looks at what it left, before and after the nonce is forgotten. At the end each
date stands in Discord at most once, and in the book with how it ended; the code is 1 when that is not so.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.daily.posting import DailyPost
from bot.daily.schedules import Plan, ScheduleView
from bot.db.schedules import PauseReason, PostStatus
from bot.db.upgrade import upgrade
from bot.settings import DEFAULT_BUNDLE
from tests.bot.daily.posts import Clock, start, statuses, stop
from tests.faults.findings import Finding, alone

LONGEST = 1.0
"""Seconds from the beginning of the look to the kill: about as long as a post takes on a busy machine."""

NONCES_LIVE = timedelta(minutes=3)


@dataclass
class Discord:
    """A file, which outlives the processes: each message with its nonce, its date and the time."""

    file: Path
    clock: Clock

    async def deliver(self, post: DailyPost) -> int:
        """Take a post; it takes a moment until it stands there, and another one until that is known."""
        await asyncio.sleep(random.uniform(0, 0.2))  # noqa: S311
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        for number, (nonce, _, at) in enumerate(map(json.loads, lines), start=1):
            if nonce == post.nonce and self.clock() - datetime.fromisoformat(at) < NONCES_LIVE:
                return number
        with self.file.open("a") as messages:
            messages.write(json.dumps([post.nonce, post.local_date.isoformat(), self.clock().isoformat()]) + "\n")
        await asyncio.sleep(random.uniform(0, 0.2))  # noqa: S311
        return len(lines) + 1

    def visible(self, schedule: ScheduleView) -> tuple[int, ...]:
        """Nothing else is there."""
        return (schedule.plan.channel_id,)

    async def tell_paused(self, schedule: ScheduleView, reason: PauseReason) -> None:
        """No schedule comes to rest here."""
        raise AssertionError(reason)


def fork(work: Callable[[Callable[[], object]], Coroutine[object, object, None]], seconds: float | None = None) -> None:
    """Do something in a process of its own, which is killed so long after it has called what it is given, if at all."""
    ready, begin = os.pipe()
    child = os.fork()
    if not child:
        asyncio.run(work(lambda: os.write(begin, b".")))
        os._exit(0)
    os.close(begin)
    if seconds is not None and os.read(ready, 1):
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    os.close(ready)
    _, status = os.waitpid(child, 0)
    if seconds is None and status:
        raise SystemExit("A process that was not killed has failed.")


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """Kill, look, count."""
    random.seed(seed)
    with tempfile.TemporaryDirectory() as name:
        found = _run(Path(name), times)
    told = ", ".join(f"{many} {end}" for end, many in found.items())
    broken = any(found[end] for end in ("twice", "unknown to the book", "wrong in the book"))
    yield Finding("SIGKILL at a random moment of a daily post", times, told, not broken)


def _run(folder: Path, times: int) -> dict[str, int]:
    url, clock = f"sqlite:///{folder / 'mojigan.db'}", Clock()
    discord = Discord(folder / "messages.jsonl", clock)
    upgrade(url)

    async def plan(_: object) -> None:
        process = await start(url, DEFAULT_BUNDLE, folder, clock)
        days = frozenset(range(7))
        await process.schedules.set(Plan(1, 2, 3, datetime(2026, 1, 1, 8, tzinfo=UTC).time(), "Etc/UTC", days))
        await stop(process)

    async def look(ready: Callable[[], object]) -> None:
        process = await start(url, DEFAULT_BUNDLE, folder, clock)
        ready()
        await process.posts.run_due(discord)
        await stop(process)

    async def look_twice(_: object) -> None:
        process = await start(url, DEFAULT_BUNDLE, folder, clock)
        for minutes in random.choice([(1, 1), (1, 30), (5, 5)]):  # noqa: S311 - before and after a nonce is forgotten
            clock.move(minutes=minutes)
            await process.posts.run_due(discord)
        await stop(process)

    async def book(_: object) -> None:
        process = await start(url, DEFAULT_BUNDLE, folder, clock)
        rows = [(day, status.value) for day, status in await statuses(process.database)]
        (folder / "book.json").write_text(json.dumps(rows))
        await stop(process)

    fork(plan)
    for _ in range(times):
        clock.now = clock.now.replace(hour=8, minute=1) + timedelta(days=1)
        fork(look, random.uniform(0, LONGEST))  # noqa: S311
        random.random()  # noqa: S311 - processes inherit the state
        fork(look_twice)
    fork(book)
    return count(discord.file, [tuple(each) for each in json.loads((folder / "book.json").read_text())])


def count(messages: Path, book: list[tuple[str, str]]) -> dict[str, int]:
    """What stands in Discord beside what stands in the book."""
    sent = Counter(json.loads(line)[1] for line in messages.read_text().splitlines())
    ends = dict(book)
    wrong = [day for day, end in ends.items() if (end == PostStatus.SENT) is not (day in sent) and end != "unknown"]
    return {
        "dates": len(ends),
        "posted": len(sent),
        **{f"in the book: {end}": many for end, many in sorted(Counter(ends.values()).items())},
        "twice": sum(many > 1 for many in sent.values()),
        "unknown to the book": len(set(sent) - set(ends)),
        "wrong in the book": len(wrong),
    }


if __name__ == "__main__":
    alone("posting", experiment, 40)
