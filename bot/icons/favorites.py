"""Favorites: what people hold dear counts as votes for an icon, whichever of its cards they pressed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Select, Subquery, delete, func, select
from sqlalchemy.exc import IntegrityError

from bot.db.models import Favorite, Generation, GenerationKind, ModelRecord
from bot.db.session import Database
from bot.icons.rows import GenerationGoneError, GenerationView, select_views, view_of
from bot.icons.service import IconService

WEEK = timedelta(days=7)

SAME_ICON = {GenerationKind.OPENED, GenerationKind.TOP}
"""Generations that show their parent's icon once more: votes for them are votes for it."""


class FavoriteService:
    """Counts votes, one for each person and icon."""

    def __init__(self, database: Database, icons: IconService, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._icons = icons
        self._clock = clock

    async def toggle(self, generation_id: int, user_id: int) -> tuple[bool, int]:
        """Mark an icon as a person's favorite, or take the mark away: whether it is one now, and all votes for it.

        Raises GenerationGoneError.
        """
        row = await self._original(generation_id)
        mine = (Favorite.generation_id == row.id) & (Favorite.user_id == user_id)
        async with self._database.write() as session:
            removed = cast("CursorResult[Any]", await session.execute(delete(Favorite).where(mine))).rowcount
        if not removed:
            try:
                async with self._database.write() as session:
                    session.add(
                        Favorite(generation_id=row.id, user_id=user_id, guild_id=row.guild_id, created_at=self._clock())
                    )
            except IntegrityError:  # pressed twice at the same instant: it is one now
                pass
        return not removed, await self._count(row.id)

    async def votes(self, generation_id: int) -> int:
        """The votes for an icon, whichever of its cards is meant. Raises GenerationGoneError."""
        return await self._count((await self._original(generation_id)).id)

    async def _original(self, generation_id: int) -> GenerationView:
        row = await self._icons.load(generation_id)
        if row is None:
            raise GenerationGoneError(f"There is no icon {generation_id}.")
        while row.kind in SAME_ICON and row.parent_id is not None:
            parent = await self._icons.load(row.parent_id)
            if parent is None:  # deleted: the card that is left stands for the icon now
                break
            row = parent
        return row

    async def _count(self, generation_id: int) -> int:
        query = select(func.count()).select_from(Favorite).where(Favorite.generation_id == generation_id)
        async with self._database.read() as session:
            return await session.scalar(query) or 0

    async def top(self, guild_id: int, limit: int, visible: Collection[int]) -> list[GenerationView]:
        """A server's icons of `visible` channels with the most votes of the last seven days, at most `limit`."""
        query = ranking(guild_id, visible, since=self._clock() - WEEK).limit(limit)
        async with self._database.read() as session:
            return [view_of(row, model) for row, model, _ in await session.execute(query)]


def tallied(*votes: ColumnElement[bool]) -> tuple[Select[Generation, ModelRecord, int], Subquery]:
    """The icons that have some of these votes, with how many; and the tally, to order them by."""
    counted = select(Favorite.generation_id, func.count().label("votes"), func.max(Favorite.created_at).label("latest"))
    tally = counted.where(*votes).group_by(Favorite.generation_id).subquery()
    query = select_views().add_columns(tally.c.votes).join(tally, tally.c.generation_id == Generation.id)
    return query, tally


def ranking(
    guild_id: int | None, visible: Collection[int], *, since: datetime | None = None, newest: bool = False
) -> Select[Generation, ModelRecord, int]:
    """A server's favorites in `visible` channels, the most votes first, or the `newest` vote.

    `since`: only the votes that came later count.
    """
    votes = [Favorite.guild_id == guild_id]
    if since is not None:
        votes.append(Favorite.created_at > since)
    query, tally = tallied(*votes)
    # What its asker alone has seen stands in no message that the bot knows.
    query = query.where(
        Generation.guild_id == guild_id, Generation.message_id.is_not(None), Generation.channel_id.in_(visible)
    )
    order = [tally.c.latest.desc(), Generation.id.desc()]
    return query.order_by(*(order if newest else [tally.c.votes.desc(), *order]))
