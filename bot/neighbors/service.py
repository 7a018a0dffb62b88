"""Pictures beside their nearest training icons, and what the distance means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from PIL import Image

from bot.db.models import GenerationKind
from bot.icons.pictures import PictureReader
from bot.icons.rows import Drawing, GenerationGoneError, Origin, storable
from bot.icons.service import IconService
from bot.icons.sheets import draw_icons, file_name, picture_texts
from bot.models.library import Model, ModelLibrary
from generator.neighborhood import Neighbor, Verdict
from generator.pictures import comparison, png
from generator.seeds import Seed
from generator.transparency import as_image

NEIGHBORS = 3
"""Training icons that a picture is compared with."""


@dataclass(frozen=True)
class Comparison:
    """An icon, or a person's picture, beside its nearest training icons, nearest first."""

    neighbors: tuple[Neighbor, ...]
    verdict: Verdict
    seed: Seed | None
    """None for a person's picture."""
    name: str
    """What the picture is called: the seed's text, or the file's name."""
    generation_id: int | None
    """The row that was written for this comparison; None where there is another one, or no icon."""
    model_name: str
    png: bytes
    filename: str


class NeighborService:
    """Compares icons and pictures with the training icons of a model."""

    def __init__(self, library: ModelLibrary, icons: IconService, pictures: PictureReader) -> None:
        self._library = library
        self._icons = icons
        self._pictures = pictures

    async def of_row(self, generation_id: int) -> Comparison:
        """Draw an icon again, with its own model, and compare it.

        Raises GenerationGoneError, ModelGoneError and BusyError.
        """
        view = await self._icons.load(generation_id)
        if view is None:
            raise GenerationGoneError(f"There is no icon {generation_id}.")
        async with self._library.use(view.model_id) as model:
            return await _compare_seed(model, view.seed, view.truncation)

    async def of_seed(self, seed: Seed, *, where: Origin, model_id: int | None = None) -> Comparison:
        """Compare the icon of a seed, and write its row. `model_id` None: as `IconService.usual` says.

        Raises PointModelError, ModelGoneError and BusyError.
        """
        seed = storable(seed)
        model_id, truncation = await self._icons.usual([seed], where, model_id)
        async with self._library.use(model_id) as model:
            scale = model.bundle.card.truncation if truncation is None else truncation
            found = await _compare_seed(model, seed, scale)
        (row,) = await self._icons.record([Drawing(seed, model.id, scale)], where, GenerationKind.NEIGHBORS)
        return replace(found, generation_id=row)

    async def of_picture(
        self, fetch: Callable[[], Awaitable[bytes]], name: str, *, where: Origin, model_id: int | None = None
    ) -> Comparison:
        """Compare any picture, fetched when it is its turn, with the training icons of a model (None: the usual one).

        Raises DecodeError, PicturesWaitError, OwnPicturesWaitError, ModelGoneError and what `fetch` raises.
        """
        async with self._pictures.turn(where.user_id):
            data = await fetch()
            model_id, _ = await self._icons.usual((), where, model_id)
            async with self._library.use(model_id) as model:
                icon = await self._pictures.decode(data, like=model.bundle, name=name)
                texts = {"Software": "Mojigan", "Model": model.version}
                return await _compare(model, icon, None, name, f"mojigan-{model.version}", texts)


async def _compare_seed(model: Model, seed: Seed, truncation: float) -> Comparison:
    (icon,) = await draw_icons(model, [seed], truncation)
    return await _compare(model, icon.image, seed, seed.name, file_name(icon, seed), picture_texts(icon, seed))


async def _compare(
    model: Model, icon: Image.Image, seed: Seed | None, name: str, start: str, texts: dict[str, str]
) -> Comparison:
    shown = name
    if seed is not None and not name.isascii():  # the font has no other letters
        shown = replace(seed, text=str(seed.number)).name
    near, picture = await model.studio.run(_sheet, model, icon, f"{shown} · {model.version}", texts)
    return Comparison(
        neighbors=tuple(near),
        verdict=model.neighborhood.calibration.judge(near),
        seed=seed,
        name=name,
        generation_id=None,
        model_name=model.name,
        png=picture,
        filename=f"{start}-neighbors.png",
    )


def _sheet(model: Model, icon: Image.Image, caption: str, texts: dict[str, str]) -> tuple[list[Neighbor], bytes]:
    near = model.neighborhood.search(icon, NEIGHBORS)
    training_icons = model.bundle.icons()
    pairs = [(as_image(training_icons[neighbor.index]), neighbor.distance) for neighbor in near]
    return near, png(comparison(icon, pairs, caption), texts)
