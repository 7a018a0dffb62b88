"""The card of a walk between two icons."""

from __future__ import annotations

import discord

from bot.icons.asking import begin, origin
from bot.icons.buttons import RowButton
from bot.icons.card import delete_button, note_of_two, show_icons
from bot.icons.service import IconService
from bot.morph.service import FRAMES, Morph, MorphService
from bot.talk.buttons import button, layout
from bot.talk.delivery import ACCENT, Card, deliver, picture
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction
from bot.talk.places import answer_locale
from bot.talk.texts import Texts
from bot.talk.words import base36, code, plain


async def show_morph(interaction: Interaction, morph: Morph, *, private: bool) -> None:
    """Post a walk in the place of the announced answer, and note in the database where it stands."""
    client = interaction.client
    locale = answer_locale(interaction, private=private)
    message = await deliver(interaction, morph_card(morph, client.texts, locale), private=private)
    if not private:
        await client.service(IconService).mark_posted(morph.ids, message.id)


def morph_card(morph: Morph, texts: Texts, locale: str) -> Card:
    """The animation, both seeds and the model, and the buttons below."""
    start, end = morph.start.name, morph.end.name
    alt = texts.say("morph.alt", locale, start=plain(start), end=plain(end), version=plain(morph.model_name))
    seeds = texts.say("morph.seeds", locale, start=code(start), end=code(end))
    model = texts.say("icon.model", locale, version=code(morph.model_name))
    text = discord.ui.TextDisplay[discord.ui.LayoutView](f"{seeds} · {model}")
    container = discord.ui.Container[discord.ui.LayoutView](picture(morph.filename, alt), text, accent_color=ACCENT)
    frames = button(texts.say("button.frames", locale), "frames", base36(morph.ids[0]))
    container.add_item(discord.ui.ActionRow(frames, delete_button(morph.ids[0], texts, locale)))
    return Card(layout(container), morph.webp, morph.filename, alt)


class FramesButton(RowButton):
    """Moments of the walk, in a sheet to choose from: each of them is an icon with a name of its own."""

    name = "frames"
    audience = Audience("morph")

    async def act(self, interaction: Interaction) -> None:
        """Draw and post the sheet."""
        private = await begin(interaction, FRAMES)
        service = interaction.client.service(MorphService)
        sheet, ends = await service.frames(self.generation_id, where=origin(interaction))
        await show_icons(interaction, sheet, note_of_two("morph.frames", interaction, ends), private=private)
