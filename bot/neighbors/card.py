"""The card of a picture beside its nearest training icons, with the distances and what they mean."""

from __future__ import annotations

import discord

from bot.icons.asking import announce
from bot.icons.buttons import RowButton
from bot.icons.service import IconService
from bot.neighbors.service import Comparison, NeighborService
from bot.talk.acknowledging import Reply
from bot.talk.buttons import layout
from bot.talk.delivery import Card, deliver, picture
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction
from bot.talk.places import answer_locale
from bot.talk.texts import Texts
from bot.talk.words import code, plain
from generator.neighborhood import Closeness

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
    locale = answer_locale(interaction, private=private)
    card = comparison_card(comparison, client.texts, locale)
    message = await deliver(interaction, card, private=private)
    if comparison.generation_id is not None and not private:
        await client.service(IconService).mark_posted([comparison.generation_id], message.id)


def comparison_card(comparison: Comparison, texts: Texts, locale: str) -> Card:
    """The comparison sheet, what it says in one sentence, and what its distances mean; the alt text has them, too."""
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
        version=code(comparison.model_name),
    )
    nearer = 100 - comparison.verdict.percent
    verdict = texts.say(_SENTENCES[comparison.verdict.closeness], locale, percent=nearer)
    if comparison.verdict.closeness is not Closeness.ALONE:
        verdict += f"\n-# {texts.say('neighbors.scale', locale)}"
    container = discord.ui.Container[discord.ui.LayoutView](
        discord.ui.TextDisplay(title), picture(comparison.filename, alt), discord.ui.TextDisplay(verdict)
    )
    return Card(layout(container), comparison.png, comparison.filename, alt)


class NeighborsButton(RowButton):
    """The icon beside its nearest training icons, for the person who asks alone."""

    name = "near"
    audience = Audience("neighbors")
    reply = Reply.PRIVATE

    async def act(self, interaction: Interaction) -> None:
        """Search and show the comparison."""
        await announce(interaction, private=True)
        found = await interaction.client.service(NeighborService).of_row(self.generation_id)
        await show_comparison(interaction, found, private=True)
