"""Children of two icons that stand in the database: points between theirs, under names of their own."""

from __future__ import annotations

from bot.db.models import GenerationKind
from bot.icons.rows import GenerationGoneError, GenerationView, Origin
from bot.icons.service import IconService
from bot.icons.sheets import Sheet
from bot.models.library import ModelLibrary
from generator.points import CHILDREN, mix


async def draw_children(
    library: ModelLibrary, icons: IconService, parents: tuple[GenerationView, GenerationView], where: Origin
) -> Sheet:
    """Draw children of two icons of one model, at the wildness of the first, and write their rows.

    They are chosen among several: halfway between two icons, many a point is odd. Raises ModelGoneError and BusyError.
    """
    first, second = parents
    async with library.use(first.model_id) as model:
        count = CHILDREN * icons.candidates(model)
        children = mix(first.seed, second.seed, model.bundle.config.latent_size, count)
    return await icons.draw_seeds(
        children,
        CHILDREN,
        where=where,
        kind=GenerationKind.MIX,
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
