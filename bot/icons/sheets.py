"""From seeds and models to the one picture of a message: icons drawn by any models, alone or in rows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image

from bot.db.models import GenerationKind
from bot.icons.rows import GenerationView
from bot.models.library import Model, ModelGoneError, ModelLibrary
from bot.talk.refusals import ServiceError
from generator.pictures import enlarge, grid, number_cells, png
from generator.seeds import Seed
from generator.studio import MAX_WAITING, StudioBusyError
from generator.wildness import wildness_of

LAYOUTS = {1: (1, 512), 4: (2, 256), 9: (3, 192)}
"""Icons that fit, the columns that they stand in, and the pixels along an edge of each."""


class BusyError(ServiceError):
    """Too many icons are waiting to be drawn. No parameters."""

    key = "error.busy"


@dataclass(frozen=True)
class SheetIcon:
    """One icon of a sheet: its row in `generations`, and its seed."""

    id: int
    seed: Seed
    votes: int = 0
    """Where the sheet is shown."""
    recent: int | None = None
    """Of these, the votes that it was chosen for."""
    found_by: int | None = None
    """Who was the first to ask for it; None where that is not told."""


@dataclass(frozen=True)
class Sheet:
    """What was drawn: one icon, or several in rows."""

    icons: tuple[SheetIcon, ...]
    model_id: int
    """Of the first icon."""
    model_name: str
    """What the card calls it; several, where the icons are of several models."""
    truncation: float
    wildness: int | None
    """In percent; None where it is the model's own, or not the same for all icons."""
    png: bytes
    filename: str
    kind: GenerationKind = GenerationKind.ICON

    def with_rows(self, ids: Sequence[int]) -> Sheet:
        """The sheet, once its icons stand in the database."""
        pairs = zip(ids, self.icons, strict=True)
        return replace(self, icons=tuple(replace(icon, id=row) for row, icon in pairs))


@dataclass(frozen=True)
class Drawn:
    """An icon, and what it was drawn with."""

    image: Image.Image
    model_id: int
    model_version: str
    model_name: str
    truncation: float
    wildness: int | None
    """In percent; None where it is the model's own."""


class PointModelError(ServiceError):
    """A point belongs to a model of another kind. Parameter: `version`, of the model that was to draw it."""

    key = "error.point_model"


def require_points(model: Model, seeds: Sequence[Seed]) -> None:
    """Raises PointModelError where a seed stands for a point that the model has no place for."""
    size = model.bundle.config.latent_size
    if any(seed.point is not None and len(seed.point) != size for seed in seeds):
        raise PointModelError(f"{model.version} has latents of {size} dimensions", version=model.name)


async def draw_icons(model: Model, seeds: Sequence[Seed], truncation: float | None) -> list[Drawn]:
    """Draw icons with a model that is in use; None is the bundle's own truncation. Raises BusyError."""
    require_points(model, seeds)
    own = model.bundle.card.truncation
    scale = own if truncation is None else truncation
    try:
        images = await model.studio.icons(seeds, scale)
    except StudioBusyError as error:
        raise BusyError(str(error)) from error
    wildness = wildness_of(scale)
    unusual = None if wildness == wildness_of(own) else wildness
    return [Drawn(image, model.id, model.version, model.name, scale, unusual) for image in images]


async def draw_chosen(
    model: Model, candidates: Sequence[Seed], count: int, truncation: float | None, *, in_order: bool = False
) -> tuple[list[Seed], list[Drawn]]:
    """Draw candidates with a model that is in use, and choose `count` of them, the most convincing first.

    `in_order`: those chosen stay in the order of the candidates. Raises BusyError.
    """
    drawn = await draw_icons(model, candidates, truncation)
    if count == len(candidates):
        return list(candidates), drawn
    places = await model.studio.run(model.choice.choose, [icon.image for icon in drawn], count)
    if in_order:
        places.sort()
    return [candidates[place] for place in places], [drawn[place] for place in places]


def enough_for(count: int, candidates: int, waiting: int) -> int:
    """How many icons to draw so that `count` can be chosen, with `candidates` for each and `waiting` before them.

    While many people wait, nobody chooses; and no sheet takes more than half of what may wait.
    """
    return count if waiting > MAX_WAITING // 4 else min(count * candidates, MAX_WAITING // 2)


async def draw_rows(library: ModelLibrary, rows: Sequence[GenerationView]) -> list[Drawn | None]:
    """Draw icons again, each with its own model; None for those whose model is gone. Raises BusyError."""
    found: list[Drawn | None] = [None] * len(rows)
    groups: dict[tuple[int, float], list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault((row.model_id, row.truncation), []).append(place)
    for (model_id, truncation), places in groups.items():
        try:
            async with library.use(model_id) as model:
                drawn = await draw_icons(model, [rows[place].seed for place in places], truncation)
        except ModelGoneError:
            continue
        for place, icon in zip(places, drawn, strict=True):
            found[place] = icon
    return found


async def compose(seeds: Sequence[Seed], drawn: Sequence[Drawn], kind: GenerationKind) -> Sheet:
    """The sheet of up to nine icons, whose rows are still to be written."""
    first = drawn[0]
    names = dict.fromkeys(icon.model_name for icon in drawn)
    wildness = first.wildness if len({icon.truncation for icon in drawn}) == 1 else None
    texts = picture_texts(first, seeds[0])
    picture = await asyncio.to_thread(_sheet_png, [icon.image for icon in drawn], texts)
    name = f"{file_name(first, seeds[0])}{'' if len(seeds) == 1 else f'-x{len(seeds)}'}.png"
    icons = tuple(SheetIcon(0, seed) for seed in seeds)
    return Sheet(icons, first.model_id, ", ".join(names), first.truncation, wildness, picture, name, kind)


async def export(library: ModelLibrary, row: GenerationView, *sizes: int | None) -> list[tuple[str, bytes]]:
    """A row's icon alone as PNG files, so many pixels along an edge (None: as many as it has), with their names.

    Raises BusyError and ModelGoneError.
    """
    async with library.use(row.model_id) as model:
        (drawn,) = await draw_icons(model, [row.seed], row.truncation)
    texts, edges = picture_texts(drawn, row.seed), [size or drawn.image.width for size in sizes]
    files = await asyncio.to_thread(lambda: [png(enlarge(drawn.image, edge), texts) for edge in edges])
    return [(f"{file_name(drawn, row.seed)}-{edge}.png", file) for edge, file in zip(edges, files, strict=True)]


def layout_of(count: int) -> tuple[int, int]:
    """The columns of a sheet of so many icons, and the pixels along an edge of each."""
    return next(layout for fits, layout in LAYOUTS.items() if count <= fits)


def _sheet_png(icons: Sequence[Image.Image], texts: dict[str, str]) -> bytes:
    columns, cell = layout_of(len(icons))
    if len(icons) == 1:
        return png(enlarge(icons[0], cell), texts)
    return png(number_cells(grid(icons, columns, cell=cell), len(icons), columns), texts)


def picture_texts(drawn: Drawn, seed: Seed) -> dict[str, str]:
    """What the picture says of itself, for who saves it."""
    return {
        "Software": "Mojigan",
        "Seed": seed.name,
        "Model": drawn.model_version,
        "Truncation": f"{drawn.truncation:g}",
    }


def file_name(drawn: Drawn, seed: Seed) -> str:
    """How the file of an icon is called, without an ending."""
    return f"mojigan-{drawn.model_version}-{seed.stem}"
