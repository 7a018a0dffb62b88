"""Children of two icons: points between theirs, under names of their own, by which they can be mixed further."""

from __future__ import annotations

from bot.db.models import GenerationKind
from bot.icons.children import draw_children
from bot.icons.rows import Drawing, GenerationView, Origin, storable
from bot.icons.service import IconService
from bot.icons.sheets import Sheet, require_points
from bot.models.library import ModelLibrary
from bot.talk.refusals import ServiceError
from generator.seeds import Seed


class MixModelsError(ServiceError):
    """The icons are of two models. Parameters: `first` and `second`, their versions."""

    key = "error.mix_models"


class MixService:
    """Mixes what people name: a seed, which the model draws that serves, or an icon that stands somewhere."""

    def __init__(self, library: ModelLibrary, icons: IconService) -> None:
        self._library = library
        self._icons = icons

    async def mix(
        self,
        first: Seed | GenerationView,
        second: Seed | GenerationView,
        *,
        where: Origin,
        model_id: int | None = None,
    ) -> tuple[Sheet, GenerationView, GenerationView]:
        """Draw the children of two icons, and write their rows: the sheet, and the rows of the parents.

        A seed is drawn by the other one's model, at its wildness; two of them by the one that is named, or as
        `IconService.usual` says. Raises MixModelsError, PointModelError, ModelGoneError and BusyError.
        """
        rows = [each for each in (first, second) if isinstance(each, GenerationView)]
        seeds = [each.seed if isinstance(each, GenerationView) else storable(each) for each in (first, second)]
        if len({row.model_id for row in rows}) > 1:
            raise MixModelsError("two models", first=rows[0].model_name, second=rows[1].model_name)
        if rows and model_id not in (None, rows[0].model_id):
            async with self._library.use(model_id) as model:
                raise MixModelsError("two models", first=rows[0].model_name, second=model.name)
        truncation: float | None
        if rows:
            model_id, truncation = rows[0].model_id, rows[0].truncation
        else:
            model_id, truncation = await self._icons.usual(seeds, where, model_id)
        async with self._library.use(model_id) as model:
            scale = model.bundle.card.truncation if truncation is None else truncation
            require_points(model, seeds)
            one, other = [await self._row(each, model.id, scale, where) for each in (first, second)]
            return await draw_children(self._library, self._icons, (one, other), where), one, other

    async def _row(self, parent: Seed | GenerationView, model_id: int, scale: float, where: Origin) -> GenerationView:
        """A parent's row; one is written for a seed."""
        if isinstance(parent, GenerationView):
            return parent
        drawing = Drawing(storable(parent), model_id, scale)
        (row_id,) = await self._icons.record([drawing], where, GenerationKind.PARENT)
        found = await self._icons.load(row_id)
        assert found is not None  # noqa: S101 - it was written just now
        return found
