"""The galleries that are made of favorites: their pages, each as one picture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from PIL import Image
from sqlalchemy import func, select

from bot.db.models import NOBODY
from bot.db.session import Database
from bot.icons.favorites import WEEK, marked, ranked, ranking
from bot.icons.rows import GenerationView, Ranked, view_of
from bot.icons.sheets import draw_rows
from bot.models.library import ModelLibrary
from generator.pictures import LINE, grid, number_cells, png

COLUMNS, PAGE, CELL = 3, 9, 192
"""Icons in a row and on a page, and the pixels along an edge of each."""


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
class Page:
    """A page of a gallery, as one picture. Without entries there is none."""

    hall: Hall
    entries: tuple[Ranked, ...]
    """Of a person's own favorites, with no votes, and found by nobody."""
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
        mine = hall is Hall.MINE
        since = self._clock() - WEEK if hall is Hall.WEEK else None
        own = marked(visitor.user_id)
        query = ranking(visitor.guild_id, visitor.visible, since=since, newest=hall is Hall.SERVER)
        counted = (own if mine else query).order_by(None).subquery()
        async with self._database.read() as session:
            total = await session.scalar(select(func.count()).select_from(counted)) or 0
            pages = max(-(-total // PAGE), 1)
            number = min(number, pages - 1)
            if mine:
                found = await session.execute(own.offset(number * PAGE).limit(PAGE))
                entries = [Ranked(view_of(*each), 0, NOBODY) for each in found]
            else:
                entries = ranked(await session.execute(query.offset(number * PAGE).limit(PAGE)))
        picture = await self._picture([entry.row for entry in entries]) if entries else b""
        return Page(hall, tuple(entries), number, pages, picture, f"mojigan-gallery-{number + 1}.png")

    async def _picture(self, rows: Sequence[GenerationView]) -> bytes:
        drawn = await draw_rows(self._library, rows)
        blank = Image.new("RGB", (CELL, CELL), LINE)  # for an icon whose model is gone
        return await asyncio.to_thread(_page_png, [blank if each is None else each.image for each in drawn])


def _page_png(icons: Sequence[Image.Image]) -> bytes:
    return png(number_cells(grid(icons, COLUMNS, cell=CELL), len(icons), COLUMNS))
