"""Who was mixed for an icon: its parents, and theirs."""

from __future__ import annotations

from collections.abc import Sequence

from bot.db.models import GenerationKind
from bot.icons.rows import GenerationView
from bot.icons.service import IconService
from bot.talk.texts import Texts
from bot.talk.words import code

FAMILY = 6
"""Pairs of parents that are told of, beyond those of the icons that are asked about."""

Descent = tuple[GenerationView, GenerationView, GenerationView]
"""A child and its two parents."""

SAME_ICON = {GenerationKind.OPENED, GenerationKind.TOP, GenerationKind.VARIATION}
"""What shows its parent once more, or something near it."""


async def find_family(service: IconService, icons: Sequence[GenerationView]) -> list[Descent]:
    """Who was mixed for icons, and for those, the nearest first, FAMILY of them beyond the icons."""
    tree: list[Descent] = []
    line, told = [*icons], set[int]()
    while line and len(tree) < FAMILY + len(icons):
        child = line.pop(0)
        if child.id in told:
            continue
        told.add(child.id)
        if child.kind in SAME_ICON and child.parent_id is not None:  # it was opened or varied
            line[:0] = await service.rows([child.parent_id])
        elif child.parent_id is not None and child.other_parent_id is not None:
            parents = await service.rows([child.parent_id, child.other_parent_id])
            if len(parents) > 1:
                tree.append((child, parents[0], parents[1]))
                line += parents
    return tree


def describe_family(tree: list[Descent], texts: Texts, locale: str) -> list[str]:
    """Who was mixed for whom: a line for each child."""
    return [
        texts.say(
            "info.parents",
            locale,
            child=code(child.seed.name),
            first=code(first.seed.name),
            second=code(second.seed.name),
        )
        for child, first, second in tree
    ]
