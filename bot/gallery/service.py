"""The galleries that are made of favorites: their pages, each as one picture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from PIL import Image
from sqlalchemy import Select, func, select

from bot.db.models import Favorite, Generation, ModelRecord
from bot.db.session import Database
from bot.icons.favorites import ranking, tallied
from bot.icons.rows import GenerationView, view_of
from bot.icons.sheets import draw_rows
from bot.models.library import ModelLibrary
from generator.pictures import LINE, grid, number_cells, png

COLUMNS, PAGE, CELL = 3, 9, 192
"""Icons in a row and on a page, and the pixels along an edge of each."""

WEEK = timedelta(days=7)


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
    visible: Collection[int] = ()
    """The channels that all who will see the page can see; a gallery of the server shows nothing of others."""


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
    """Shows favorites, nine at a time."""

    def __init__(self, database: Database, library: ModelLibrary, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._library = library
        self._clock = clock

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

    def _query(self, hall: Hall, visitor: Visitor) -> Select[Generation, ModelRecord, int]:
        if hall is Hall.MINE:
            mine = (Favorite.generation_id == Generation.id) & (Favorite.user_id == visitor.user_id)
            query, _ = tallied()
            return query.join(Favorite, mine).order_by(Favorite.created_at.desc(), Generation.id.desc())
        since = self._clock() - WEEK if hall is Hall.WEEK else None
        return ranking(visitor.guild_id, visitor.visible, since=since, newest=hall is Hall.SERVER)

    async def _picture(self, rows: Sequence[GenerationView]) -> bytes:
        drawn = await draw_rows(self._library, rows)
        blank = Image.new("RGB", (CELL, CELL), LINE)  # for an icon whose model is gone
        return await asyncio.to_thread(_page_png, [blank if each is None else each.image for each in drawn])


def _page_png(icons: Sequence[Image.Image]) -> bytes:
    return png(number_cells(grid(icons, COLUMNS, cell=CELL), len(icons), COLUMNS))
