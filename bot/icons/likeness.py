"""The icon that is nearest to a picture of somebody's, and variations of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bot.db.models import GenerationKind
from bot.icons.pictures import PictureReader
from bot.icons.rows import Origin
from bot.icons.service import SHOWN_LIKE, IconService
from bot.icons.sheets import Sheet
from bot.models.library import ModelLibrary
from generator.inversion import invert
from generator.points import PointKind, at
from generator.transparency import as_pixels

STEPS = 60
"""Of the search; each takes 60 ms of a core, and more of them hardly find anything nearer."""


class LikenessService:
    """Looks for the point of a picture, on a thread of its own: icons of others are drawn meanwhile."""

    def __init__(self, library: ModelLibrary, icons: IconService, pictures: PictureReader) -> None:
        self._library = library
        self._icons = icons
        self._pictures = pictures
        self._thread = ThreadPoolExecutor(1, "likeness")

    async def like(
        self, fetch: Callable[[], Awaitable[bytes]], name: str, *, where: Origin, model_id: int | None = None
    ) -> Sheet:
        """Draw what a model (None: the usual one) can draw most like a picture, fetched when it is its turn.

        The rows are written.
        Raises DecodeError, PicturesWaitError, OwnPicturesWaitError, ModelGoneError, BusyError and what `fetch` raises.
        """
        async with self._pictures.turn(where.user_id):
            data = await fetch()
            model_id, _ = await self._icons.usual((), where, model_id)
            async with self._library.use(model_id) as model:
                icon = await self._pictures.decode(data, like=model.bundle, name=name)
                work = partial(invert, model.studio, as_pixels(icon), STEPS)
                found = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        seed = at(PointKind.LIKE, found.latent)
        return await self._icons.draw_seeds(
            [seed.offset(i) for i in range(SHOWN_LIKE)],
            where=where,
            kind=GenerationKind.LIKE,
            model_id=model.id,
            truncation=1.0,
        )

    async def aclose(self) -> None:
        """Let a search in hand end."""
        await asyncio.to_thread(self._thread.shutdown)
