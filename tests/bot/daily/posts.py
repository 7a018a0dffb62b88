"""What the tests of daily posts share: a clock that is set, and an outlet that behaves as Discord does with nonces."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from bot.daily.posting import DailyPost, PostService
from bot.daily.runs import RunBook
from bot.daily.schedules import ScheduleService, ScheduleView
from bot.db.schedules import PauseReason, Post, PostStatus, Schedule
from bot.db.session import Database
from bot.icons.favorites import FavoriteService
from bot.icons.service import IconService
from bot.models.library import ModelLibrary
from tests.bot.world import settings_for


class Clock:
    """A clock that stands still until it is set."""

    now = datetime(2026, 3, 28, 6, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        """Let time pass: the arguments of a timedelta."""
        self.now += timedelta(**by)


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Channel:
    """Discord's side: messages, and the nonces of the past minutes, which give back the first message."""

    clock: Clock
    messages: list[DailyPost] = field(default_factory=list)
    told: list[tuple[int, PauseReason]] = field(default_factory=list)
    trouble: list[BaseException] = field(default_factory=list)
    """Raised, one after the other, instead of taking a post."""
    before: Callable[[], Awaitable[None]] | None = None
    """Happens while a post is on its way."""
    _nonces: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    async def deliver(self, post: DailyPost) -> int:
        assert len(post.nonce) <= 25
        if self.before is not None:
            await self.before()
        if self.trouble:
            raise self.trouble.pop(0)
        at, message_id = self._nonces.get(post.nonce, (None, 0))
        if at is not None and self.clock() - at < timedelta(minutes=3):
            return message_id
        self.messages.append(post)
        message_id = 1_000 + len(self.messages)
        self._nonces[post.nonce] = (self.clock(), message_id)
        return message_id

    def visible(self, schedule: ScheduleView) -> tuple[int, ...]:
        return (schedule.plan.channel_id,)

    async def tell_paused(self, schedule: ScheduleView, reason: PauseReason) -> None:
        self.told.append((schedule.id, reason))

    @property
    def dates(self) -> list[date]:
        return [post.local_date for post in self.messages]


@dataclass
class Process:
    """One process of the bot, as far as daily posts go."""

    database: Database
    library: ModelLibrary
    icons: IconService
    schedules: ScheduleService
    runs: RunBook
    posts: PostService


async def start(url: str, bundle: Path, folder: Path, clock: Clock) -> Process:
    """Open a process on a database that has its tables."""
    database = Database(url)
    library = ModelLibrary(settings_for(bundle, folder), database, clock)
    await library.open()
    icons, schedules, runs = (
        IconService(database, library, clock),
        ScheduleService(database, clock),
        RunBook(database, clock),
    )
    favorites = FavoriteService(database, clock)
    return Process(database, library, icons, schedules, runs, PostService(icons, favorites, schedules, runs, clock))


async def stop(process: Process) -> None:
    """Close it."""
    await process.library.aclose()
    await process.database.close()


async def statuses(database: Database) -> list[tuple[str, PostStatus]]:
    """All runs in the book: date and status."""
    async with database.read() as session:
        rows = await session.scalars(select(Post).order_by(Post.schedule_id, Post.local_date))
        return [(row.local_date.isoformat(), row.status) for row in rows]


async def schedule_row(database: Database) -> Schedule:
    """The only schedule."""
    async with database.read() as session:
        return (await session.scalars(select(Schedule))).one()
