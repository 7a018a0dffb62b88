"""The card of a picture beside its nearest training icons, with the distances and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from bot.talk.delivery import Card, deliver, public_locale
from bot.talk.words import code, plain
from generator.neighborhood import Closeness

if TYPE_CHECKING:
    from bot.neighbors.service import Comparison
    from bot.talk.answering import Interaction
    from bot.talk.texts import Texts

_SENTENCES = {
    Closeness.COPY: "neighbors.copy",
    Closeness.CLOSEST: "neighbors.closest",
    Closeness.SHARE: "neighbors.share",
    Closeness.FARTHEST: "neighbors.farthest",
    Closeness.ALONE: "neighbors.alone",
}


async def show_comparison(interaction: Interaction, comparison: Comparison, *, private: bool) -> None:
    """Post a comparison in the place of the announced answer; a row of its own learns where it stands."""
    client = interaction.client
    locale = str(interaction.locale) if private else public_locale(interaction)
    card = comparison_card(comparison, client.texts, locale, private=private)
    message = await deliver(interaction, card, private=private)
    if comparison.generation_id is not None and not private:
        await client.icons.mark_posted([comparison.generation_id], message.id)


def comparison_card(comparison: Comparison, texts: Texts, locale: str, *, private: bool) -> Card:
    """The comparison sheet; its distances stand in the picture, in its alt text and below it."""
    distances = [f"{neighbor.distance:.2f}" for neighbor in comparison.neighbors]
    ours, name = comparison.seed is not None, comparison.name
    alt = texts.say(
        "neighbors.alt" if ours else "neighbors.picture_alt",
        locale,
        seed=plain(name),
        count=len(distances),
        distances=", ".join(distances),
    )
    title = texts.say(
        "neighbors.title" if ours else "neighbors.picture_title",
        locale,
        seed=code(name),
        version=code(comparison.model_version),
    )
    verdict = texts.say(_SENTENCES[comparison.verdict.closeness], locale, percent=comparison.verdict.percent)
    row = texts.say("neighbors.distances", locale, distances=", ".join(f"**{each}**" for each in distances))
    explanation = texts.say("neighbors.explanation", locale)
    if private:
        explanation += " " + texts.say("neighbors.private", locale)
    gallery = discord.ui.MediaGallery[discord.ui.LayoutView](
        discord.MediaGalleryItem(f"attachment://{comparison.filename}", description=alt)
    )
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(
        discord.ui.Container(
            discord.ui.TextDisplay(title),
            gallery,
            discord.ui.TextDisplay(f"{verdict}\n{row}\n-# {explanation}"),
        )
    )
    return Card(view, comparison.png, comparison.filename, alt)
