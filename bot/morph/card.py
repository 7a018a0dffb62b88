"""The card of a walk between two icons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from bot.icons.card import ACCENT, DeleteButton
from bot.talk.delivery import Card, deliver, public_locale
from bot.talk.words import code, plain

if TYPE_CHECKING:
    from bot.morph.service import Morph
    from bot.talk.answering import Interaction
    from bot.talk.texts import Texts


async def show_morph(interaction: Interaction, morph: Morph, *, private: bool) -> None:
    """Post a walk in the place of the announced answer, and note in the database where it stands."""
    client = interaction.client
    locale = str(interaction.locale) if private else public_locale(interaction)
    message = await deliver(interaction, morph_card(morph, client.texts, locale), private=private)
    if not private:
        await client.icons.mark_posted(morph.ids, message.id)


def morph_card(morph: Morph, texts: Texts, locale: str) -> Card:
    """The animation, both seeds and the model, and the button that takes it away."""
    start, end = morph.start.text, morph.end.text
    alt = texts.say("morph.alt", locale, start=plain(start), end=plain(end), version=morph.model_version)
    seeds = texts.say("morph.seeds", locale, start=code(start), end=code(end))
    model = texts.say("icon.model", locale, version=code(morph.model_version))
    gallery = discord.ui.MediaGallery[discord.ui.LayoutView](
        discord.MediaGalleryItem(f"attachment://{morph.filename}", description=alt)
    )
    delete = DeleteButton.of(morph.ids[0], texts.say("button.delete", locale))
    text = discord.ui.TextDisplay[discord.ui.LayoutView](f"{seeds} · {model}")
    container = discord.ui.Container[discord.ui.LayoutView](gallery, text, accent_color=ACCENT)
    container.add_item(discord.ui.ActionRow(delete))
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(container)
    return Card(view, morph.webp, morph.filename, alt)
