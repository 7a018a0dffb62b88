"""The card of an icon beside its nearest training icons, with the distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from bot.cards.delivery import Card
from bot.cards.words import code, plain

if TYPE_CHECKING:
    from bot.services.icons import Comparison
    from bot.texts import Texts


def comparison_card(comparison: Comparison, texts: Texts, locale: str) -> Card:
    """The comparison sheet; its distances stand in the picture, in its alt text and below it."""
    distances = [f"{neighbor.distance:.3f}" for neighbor in comparison.neighbors]
    seed = comparison.seed.text
    alt = texts.say("neighbors.alt", locale, seed=plain(seed), count=len(distances), distances=", ".join(distances))
    title = texts.say("neighbors.title", locale, seed=code(seed), version=code(comparison.model_version))
    row = texts.say("neighbors.distances", locale, distances=", ".join(f"**{each}**" for each in distances))
    explanation = texts.say("neighbors.explanation", locale)
    gallery = discord.ui.MediaGallery[discord.ui.LayoutView](
        discord.MediaGalleryItem(f"attachment://{comparison.filename}", description=alt)
    )
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(
        discord.ui.Container(
            discord.ui.TextDisplay(title),
            gallery,
            discord.ui.TextDisplay(f"{row}\n-# {explanation}"),
        )
    )
    return Card(view, comparison.png, comparison.filename, alt)
