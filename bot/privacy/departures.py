"""Servers that the bot was removed from: what is stored of them is kept for some days, then deleted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import TypeAlias

from sqlalchemy import delete, select, union, update
from sqlalchemy.orm import InstrumentedAttribute

from bot.db.guilds import EVERYWHERE, BlockedUser, GuildSettings, LeftGuild, Quota
from bot.db.models import Favorite, Generation
from bot.db.retraining import RetrainJob
from bot.db.schedules import Schedule
from bot.db.session import CLOCK_SKEW, Database, insert_into
from bot.services import Companion
from bot.talk.access import is_over

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=30)
"""How long a server is remembered: a removal may be a mistake."""

Place: TypeAlias = InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
"""A column that holds a server's id."""

DELETED: tuple[Place, ...] = (GuildSettings.guild_id, BlockedUser.guild_id, Quota.guild_id, Schedule.guild_id)
"""These rows are a server's own. The bot has them only of servers that it was a member of."""

FORGOTTEN: tuple[Place, ...] = (Generation.guild_id, Favorite.guild_id, RetrainJob.guild_id)
"""These rows belong to people too, and only lose the server: favorites go on with model and seed."""


class DepartureService(Companion):
    """Notes which servers are gone, and deletes what is stored of them when their time is over."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self.every = timedelta(days=1)
        self._database = database
        self._clock = clock
        self._daily: asyncio.Task[None] | None = None

    async def ready(self, guilds: Collection[int]) -> None:
        """Compare with the servers that the bot is a member of: while it was away, it was told of no removal."""
        own = [select(column).where(column != EVERYWHERE) for column in DELETED]
        async with self._database.read() as session:
            known = {int(each) for each in await session.scalars(union(*own)) if each is not None}
            gone = set(await session.scalars(select(LeftGuild.guild_id)))
        here = set(guilds)
        for guild_id in sorted(known - gone - here):
            await self.left(guild_id)
        for guild_id in sorted(gone & here):
            await self.joined(guild_id)
        await self.sweep()

    def start(self) -> None:
        """Look once a day at whose time is over."""
        self._daily = asyncio.get_running_loop().create_task(self._sweep_daily(), name="deleting what is over")

    async def stop(self, seconds: float) -> None:
        """Look no more."""
        if self._daily is not None:
            self._daily.cancel()
            await asyncio.gather(self._daily, return_exceptions=True)

    async def _sweep_daily(self) -> None:
        while True:
            await asyncio.sleep(self.every.total_seconds())
            try:
                await self.sweep()
            except Exception:
                log.exception("what is over could not be deleted")

    async def left(self, guild_id: int) -> None:
        """The bot was removed from a server."""
        async with self._database.write() as session:
            gone = insert_into(session, LeftGuild).values(guild_id=guild_id, left_at=self._clock())
            await session.execute(gone.on_conflict_do_nothing())

    async def joined(self, guild_id: int) -> None:
        """The bot was added to a server, maybe once more."""
        async with self._database.write() as session:
            await session.execute(delete(LeftGuild).where(LeftGuild.guild_id == guild_id))

    async def sweep(self) -> None:
        """Delete what is stored of servers that are gone for too long, and hours of quotas that have ended."""
        now = self._clock()
        over = select(LeftGuild.guild_id).where(LeftGuild.left_at <= now - KEPT_FOR)
        ahead = update(LeftGuild).where(LeftGuild.left_at > now + CLOCK_SKEW)  # the clock was set back since
        async with self._database.write() as session:
            await session.execute(delete(Quota).where(is_over(now)))
            await session.execute(ahead.values(left_at=now))
            for guild_id in list(await session.scalars(over)):
                for column in DELETED:
                    await session.execute(delete(column.class_).where(column == guild_id))
                for column in FORGOTTEN:
                    await session.execute(update(column.class_).where(column == guild_id).values({column: None}))
                await session.execute(delete(LeftGuild).where(LeftGuild.guild_id == guild_id))
                log.info("server %d was left %d days ago: what was stored of it is deleted", guild_id, KEPT_FOR.days)
