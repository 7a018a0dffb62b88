"""Icons between two that stand in the database: points between theirs, under names of their own."""

from __future__ import annotations

from collections.abc import Sequence

from bot.db.models import GenerationKind
from bot.icons.rows import GenerationGoneError, GenerationView, Origin
from bot.icons.service import IconService
from bot.icons.sheets import Sheet
from bot.models.library import ModelLibrary
from generator.points import CHILDREN, mix
from generator.seeds import Seed


async def draw_children(
    library: ModelLibrary, icons: IconService, parents: tuple[GenerationView, GenerationView], where: Origin
) -> Sheet:
    """Draw children of two icons of one model, at the wildness of the first, and write their rows.

    They are chosen among several: halfway between two icons, many a point is odd. Raises ModelGoneError and BusyError.
    """
    first, second = parents
    async with library.use(first.model_id) as model:
        count = icons.enough(CHILDREN, model)
        children = mix(first.seed, second.seed, model.bundle.config.latent_size, count)
    return await draw_between(icons, parents, children, CHILDREN, kind=GenerationKind.MIX, where=where)


async def draw_between(
    icons: IconService,
    ends: tuple[GenerationView, GenerationView],
    seeds: Sequence[Seed],
    count: int,
    *,
    kind: GenerationKind,
    where: Origin,
) -> Sheet:
    """Draw `count` of the seeds that lie between two icons, by the model and at the wildness of the first."""
    first, second = ends
    return await icons.draw_seeds(
        seeds,
        count,
        where=where,
        kind=kind,
        parent_id=first.id,
        other_parent_id=second.id,
        model_id=first.model_id,
        truncation=first.truncation,
    )


async def parents_of(icons: IconService, child: GenerationView) -> tuple[GenerationView, GenerationView]:
    """The two icons that a child was mixed of. Raises GenerationGoneError."""
    ids = [each for each in (child.parent_id, child.other_parent_id) if each is not None]
    found = await icons.rows(ids)
    if len(found) < 2:
        raise GenerationGoneError(f"the parents of icon {child.id} are gone")
    return found[0], found[1]
