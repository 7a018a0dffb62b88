"""Favorites, which count as votes, and the galleries made of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from PIL import Image
from sqlalchemy import CursorResult, Select, delete, func, select
from sqlalchemy.exc import IntegrityError

from bot.db.models import Favorite, Generation, GenerationKind, ModelRecord
from bot.db.session import Database
from bot.icons.service import GenerationView, IconService, select_views, view_of
from bot.icons.sheets import draw_rows
from bot.models.library import ModelLibrary
from bot.talk.refusals import GenerationGoneError
from generator.pictures import LINE, grid, number_cells, png

COLUMNS, PAGE, CELL = 3, 9, 192
"""Icons in a row and on a page, and the pixels along an edge of each."""

WEEK = timedelta(days=7)

SAME_ICON = {GenerationKind.OPENED, GenerationKind.TOP}
"""Generations that show their parent's icon once more: votes for them are votes for it."""


class Hall(StrEnum):
    """Which gallery. The values stand in buttons."""

    MINE = "m"
    """A person's favorites, the last one first."""
    SERVER = "s"
    """All favorites of a server, the last one first."""
    WEEK = "w"
    """A server's icons with the most votes of the last seven days."""
    EVER = "e"
    """A server's icons with the most votes."""


@dataclass(frozen=True)
class Visitor:
    """Who looks at a gallery, and where."""

    user_id: int
    guild_id: int | None
    hidden: Collection[int] = ()
    """Channels of the server that the person cannot see."""


@dataclass(frozen=True)
class Entry:
    """An icon in a gallery."""

    row: GenerationView
    votes: int


@dataclass(frozen=True)
class Page:
    """A page of a gallery, as one picture. Without entries there is none."""

    hall: Hall
    entries: tuple[Entry, ...]
    number: int
    """From 0."""
    pages: int
    png: bytes
    filename: str


class GalleryService:
    """Keeps the favorites and shows them."""

    def __init__(
        self, database: Database, library: ModelLibrary, icons: IconService, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._library = library
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

    async def page(self, hall: Hall, number: int, visitor: Visitor) -> Page:
        """A page of a gallery, counted from 0; the last one, if there are fewer. Raises BusyError."""
        query = self._query(hall, visitor)
        async with self._database.read() as session:
            total = await session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
            pages = max(-(-total // PAGE), 1)
            number = min(number, pages - 1)
            found = await session.execute(query.offset(number * PAGE).limit(PAGE))
            entries = tuple(Entry(view_of(row, model), votes) for row, model, votes in found)
        picture = await self._picture([entry.row for entry in entries]) if entries else b""
        return Page(hall, entries, number, pages, picture, f"mojigan-gallery-{number + 1}.png")

    async def top(self, guild_id: int, limit: int, hidden: Collection[int] = ()) -> list[GenerationView]:
        """A server's icons with the most votes of the last seven days, at most `limit`; none of `hidden` channels."""
        query = self._query(Hall.WEEK, Visitor(0, guild_id, hidden)).limit(limit)
        async with self._database.read() as session:
            return [view_of(row, model) for row, model, _ in await session.execute(query)]

    def _query(self, hall: Hall, visitor: Visitor) -> Select[Generation, ModelRecord, int]:
        votes, latest = func.count().label("votes"), func.max(Favorite.created_at).label("latest")
        counted = select(Favorite.generation_id, votes, latest).group_by(Favorite.generation_id)
        if hall is Hall.WEEK:
            counted = counted.where(Favorite.created_at > self._clock() - WEEK)
        if hall is not Hall.MINE:
            counted = counted.where(Favorite.guild_id == visitor.guild_id)
        tally = counted.subquery()
        query = select_views().add_columns(tally.c.votes).join(tally, tally.c.generation_id == Generation.id)
        if hall is Hall.MINE:
            mine = (Favorite.generation_id == Generation.id) & (Favorite.user_id == visitor.user_id)
            return query.join(Favorite, mine).order_by(Favorite.created_at.desc(), Generation.id.desc())
        # What its asker alone has seen stands in no message that the bot knows.
        query = query.where(Generation.guild_id == visitor.guild_id, Generation.message_id.is_not(None))
        if visitor.hidden:
            query = query.where(Generation.channel_id.not_in(visitor.hidden))
        order = [tally.c.latest.desc(), Generation.id.desc()]
        return query.order_by(*order) if hall is Hall.SERVER else query.order_by(tally.c.votes.desc(), *order)

    async def _picture(self, rows: Sequence[GenerationView]) -> bytes:
        drawn = await draw_rows(self._library, rows)
        blank = Image.new("RGB", (CELL, CELL), LINE)  # for an icon whose model is gone
        return await asyncio.to_thread(_page_png, [blank if each is None else each.image for each in drawn])


def _page_png(icons: Sequence[Image.Image]) -> bytes:
    return png(number_cells(grid(icons, COLUMNS, cell=CELL), len(icons), COLUMNS))
