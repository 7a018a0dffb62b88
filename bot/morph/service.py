"""Animated walks from one icon to another and back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.db.models import GenerationKind
from bot.icons.children import draw_between
from bot.icons.rows import Drawing, GenerationGoneError, GenerationView, Origin, storable
from bot.icons.service import IconService
from bot.icons.sheets import BusyError, Sheet, require_points
from bot.models.library import ModelLibrary
from generator.pictures import WALK_SIZE, WALK_STEPS, animation
from generator.points import between
from generator.seeds import Seed
from generator.studio import StudioBusyError

FRAMES = 9
"""Moments of a walk to choose from."""


@dataclass(frozen=True)
class Morph:
    """A walk: the rows and the seeds of its two ends, and the animated WebP."""

    ids: tuple[int, ...]
    start: Seed
    end: Seed
    model_name: str
    webp: bytes
    filename: str


class MorphService:
    """Draws walks, and keeps the record of their ends."""

    def __init__(self, library: ModelLibrary, icons: IconService) -> None:
        self._library = library
        self._icons = icons

    async def draw(self, start: Seed, end: Seed, *, where: Origin, limit: int, model_id: int | None = None) -> Morph:
        """Draw the walk, with fewer frames where it would be larger than `limit` bytes, and write the two rows.

        `model_id` None: as `IconService.usual` says. Raises PointModelError, ModelGoneError and BusyError.
        """
        start, end = storable(start), storable(end)
        model_id, truncation = await self._icons.usual([start, end], where, model_id)
        async with self._library.use(model_id) as model:
            require_points(model, [start, end])
            scale = model.bundle.card.truncation if truncation is None else truncation
            try:
                icons = await model.studio.walk(start, end, WALK_STEPS, scale)
            except StudioBusyError as error:
                raise BusyError(str(error)) from error
        webp = await asyncio.to_thread(animation, icons, WALK_SIZE, limit)
        ends = [Drawing(seed, model.id, scale) for seed in (start, end)]
        ids = await self._icons.record(ends, where, GenerationKind.MORPH)
        name = f"mojigan-{model.version}-{start.stem}-to-{end.stem}.webp"
        return Morph(tuple(ids), start, end, model.name, webp, name)

    async def frames(self, generation_id: int, *, where: Origin) -> tuple[Sheet, tuple[GenerationView, GenerationView]]:
        """Draw FRAMES moments of a walk that was posted, with its model, and write their rows: the sheet, and the ends.

        Raises GenerationGoneError, ModelGoneError and BusyError.
        """
        ends = await self._icons.sheet(generation_id)
        if len(ends) != 2:
            raise GenerationGoneError(f"Icon {generation_id} is no end of a walk.")
        start, end = ends
        async with self._library.use(start.model_id) as model:
            moments = between(start.seed, end.seed, model.bundle.config.latent_size, FRAMES)
        sheet = await draw_between(self._icons, (start, end), moments, FRAMES, kind=GenerationKind.FRAME, where=where)
        return sheet, (start, end)
