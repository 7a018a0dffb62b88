"""The card of an icon or a sheet: the picture, its seed and its model, and the buttons below.

The buttons draw with the model that drew the icon, even when another one serves by now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import discord

from bot.db.models import GenerationKind
from bot.icons.favorite import FavoriteButton, favorite_label
from bot.icons.service import VARIATIONS
from bot.icons.use import UseButton
from bot.neighbors.card import show_comparison
from bot.talk.answering import UNKNOWN_MESSAGE
from bot.talk.buttons import ROW, Button, RowButton, RowItem, Select, load_row
from bot.talk.delivery import Card, check_place, deliver, is_private, origin, public_locale
from bot.talk.refusals import NotYoursError
from bot.talk.words import base36, code, link, plain

if TYPE_CHECKING:
    from bot.icons.service import GenerationView
    from bot.icons.sheets import Sheet
    from bot.talk.answering import Interaction
    from bot.talk.texts import Texts
    from generator.seeds import Seed

ACCENT = discord.Color(0xF2B134)


class AnotherButton(RowItem[Button], template=rf"mj:another:{ROW}:(?P<count>[149])"):
    """A fresh icon (or sheet) by the same model."""

    @classmethod
    def of(cls, generation_id: int, count: int, label: str) -> Self:
        """The button for a card."""
        custom_id = f"mj:another:{base36(generation_id)}:{count}"
        style = discord.ButtonStyle.primary
        return cls(discord.ui.Button(label=label, style=style, custom_id=custom_id), generation_id)

    async def act(self, interaction: Interaction) -> None:
        """Draw and post a fresh one that says what it came from."""
        count = int(self.custom_id.rpartition(":")[2])
        private = await begin(interaction, count)
        parent = await self.load(interaction)
        sheet = await interaction.client.icons.draw(
            None,
            count,
            where=origin(interaction),
            kind=GenerationKind.ANOTHER,
            parent_id=parent.id,
            model_id=parent.model_id,
            truncation=parent.truncation,
        )
        await show_icons(interaction, sheet, note_of("icon.from", interaction, parent), private=private)


class VaryButton(RowButton):
    """Nine icons near this one, in a sheet."""

    name = "vary"

    async def act(self, interaction: Interaction) -> None:
        """Draw and post the sheet, which says what it came from."""
        private = await begin(interaction, VARIATIONS)
        parent = await self.load(interaction)
        sheet = await interaction.client.icons.vary(parent, where=origin(interaction))
        await show_icons(interaction, sheet, note_of("icon.varied", interaction, parent), private=private)


class OpenSelect(RowItem[Select], template=rf"mj:open:{ROW}"):
    """The seeds of a sheet; choosing one posts its icon alone."""

    @classmethod
    def of(cls, generation_id: int, placeholder: str, icons: Sequence[tuple[int, str]]) -> Self:
        """The select for a card; `icons` are rows and their labels."""
        options = [discord.SelectOption(label=label, value=base36(row)) for row, label in icons]
        custom_id = f"mj:open:{base36(generation_id)}"
        return cls(discord.ui.Select(custom_id=custom_id, placeholder=placeholder, options=options), generation_id)

    async def act(self, interaction: Interaction) -> None:
        """Draw the chosen icon again, with its own model."""
        private = await begin(interaction)
        chosen = await load_row(interaction, int(self.item.values[0], 36))
        note = note_of("icon.opened", interaction, await self.load(interaction))
        await open_icon(interaction, chosen, note, private=private)


class NeighborsButton(RowButton):
    """The icon beside its nearest training icons, for the person who asks alone."""

    name = "near"

    async def act(self, interaction: Interaction) -> None:
        """Search and show the comparison."""
        client = interaction.client
        await client.guard.take(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await show_comparison(interaction, await client.neighbors.of_row(self.generation_id), private=True)


class DeleteButton(RowButton):
    """Takes the message away, for who asked for it and for moderators."""

    name = "delete"
    style = discord.ButtonStyle.danger

    async def act(self, interaction: Interaction) -> None:
        """Delete the message and note it in the database."""
        await interaction.response.defer()
        row = await self.load(interaction)
        if row.user_id != interaction.user.id and not interaction.permissions.manage_messages:
            raise NotYoursError("this icon was asked for by somebody else")
        try:
            await interaction.delete_original_response()
        except discord.NotFound as error:
            if error.code != UNKNOWN_MESSAGE:  # somebody was faster
                raise
        await interaction.client.icons.delete(self.generation_id, by=interaction.user.id)


async def begin(interaction: Interaction, icons: int = 1) -> bool:
    """Announce icons in answer to a button: for the person alone (True) where the button's message is so, too.

    Raises Refusal where the bot may not post, or for somebody who presses too fast or has used up the hour's icons.
    """
    private = is_private(interaction)
    if not private:
        check_place(interaction)
    await interaction.client.guard.take(interaction, icons)
    await interaction.response.defer(ephemeral=private, thinking=True)
    return private


async def open_icon(interaction: Interaction, chosen: GenerationView, note: str, *, private: bool) -> None:
    """Post one icon of several on a card of its own. The votes that it gets there are the chosen icon's."""
    sheet = await interaction.client.icons.draw(
        chosen.seed,
        1,
        where=origin(interaction),
        kind=GenerationKind.OPENED,
        parent_id=chosen.id,
        model_id=chosen.model_id,
        truncation=chosen.truncation,
    )
    sheet = replace(sheet, votes=await interaction.client.gallery.votes(chosen.id))
    await show_icons(interaction, sheet, note, private=private)


async def show_icons(interaction: Interaction, sheet: Sheet, note: str | None = None, *, private: bool = False) -> None:
    """Post what was drawn in the place of the announced answer, and note in the database where it stands.

    No note is made of a private answer: nobody else could follow it, or should.
    """
    client = interaction.client
    locale = str(interaction.locale) if private else public_locale(interaction)
    message = await deliver(interaction, icon_card(sheet, client.texts, locale, note=note), private=private)
    if not private:
        await client.icons.posted(sheet, message.id)


def note_of(key: str, interaction: Interaction, parent: GenerationView) -> str:
    """Where an icon came from, with a link to that message, and who asked for it."""
    texts, locale = interaction.client.texts, public_locale(interaction)
    name = texts.say("icon.parent", locale, seed=code(parent.seed.name))
    linked = link(name, parent.guild_id, parent.channel_id, parent.message_id)
    return texts.say(key, locale, parent=linked, user=interaction.user.mention)


def icon_card(sheet: Sheet, texts: Texts, locale: str, *, title: str | None = None, note: str | None = None) -> Card:
    """The card of one icon, or of a sheet of several. `title` stands above it, `note` says what it came from."""
    first, last = sheet.icons[0], sheet.icons[-1]
    alone, listed = first is last, sheet.kind is GenerationKind.TOP
    if alone:
        alt = texts.say("icon.alt", locale, seed=plain(first.seed.name), version=sheet.model_version)
    elif listed:
        names = ", ".join(f"{place}: {plain(icon.seed.name)[:60]}" for place, icon in enumerate(sheet.icons, start=1))
        alt = texts.say("gallery.alt", locale, title=texts.say("gallery.week", locale), seeds=names)
    else:
        alt = texts.say(
            "icon.sheet_alt",
            locale,
            count=len(sheet.icons),
            first=plain(first.seed.name),
            last=plain(last.seed.name),
            version=sheet.model_version,
        )
    if listed and not alone:
        lines = [texts.say("icon.seeds_listed", locale, seeds=", ".join(code(icon.seed.name) for icon in sheet.icons))]
    else:
        lines = [_seeds(first.seed, last.seed, texts, locale)]
    lines.append(texts.say("icon.model", locale, version=code(sheet.model_version)))
    if sheet.wildness is not None:
        lines.append(texts.say("icon.wildness", locale, wildness=sheet.wildness))
    text = " · ".join(lines)
    if note is not None:
        text += f"\n-# {note}"
    gallery = discord.ui.MediaGallery[discord.ui.LayoutView](
        discord.MediaGalleryItem(f"attachment://{sheet.filename}", description=alt)
    )
    container = discord.ui.Container[discord.ui.LayoutView](accent_color=ACCENT)
    if title is not None:
        container.add_item(discord.ui.TextDisplay(title))
    container.add_item(gallery).add_item(discord.ui.TextDisplay(text))
    say = texts.say
    delete = DeleteButton.of(first.id, say("button.delete", locale))
    if alone:
        another = AnotherButton.of(first.id, 1, say("button.another", locale))
        vary = VaryButton.of(first.id, say("button.vary", locale))
        near = NeighborsButton.of(first.id, say("button.neighbors", locale))
        container.add_item(discord.ui.ActionRow(another, vary, near))
        favorite = FavoriteButton.of(first.id, favorite_label(sheet.votes, texts, locale))
        use = UseButton.of(first.id, say("button.use", locale))
        container.add_item(discord.ui.ActionRow(favorite, use, delete))
    else:
        options = [
            (icon.id, say("select.option", locale, place=place, seed=plain(icon.seed.name))[:100])
            for place, icon in enumerate(sheet.icons, start=1)
        ]
        container.add_item(discord.ui.ActionRow(OpenSelect.of(first.id, say("select.open", locale), options)))
        buttons: list[RowItem[Button]] = [delete]
        if not listed:
            buttons.insert(0, AnotherButton.of(first.id, len(sheet.icons), say("button.another_sheet", locale)))
        container.add_item(discord.ui.ActionRow(*buttons))
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(container)
    return Card(view, sheet.png, sheet.filename, alt)


def _seeds(first: Seed, last: Seed, texts: Texts, locale: str) -> str:
    """The seeds in words; of a text seed also the number that it stands for."""
    if first.near is not None:
        key = "icon.seed" if first == last else "icon.variations"
        return texts.say(key, locale, seed=code(first.name if first == last else first.parent.name))
    hashed = first.text != str(first.number)
    if first == last:
        key = "icon.seed_hashed" if hashed else "icon.seed"
        return texts.say(key, locale, seed=code(first.text), number=code(str(first.number)))
    if hashed:
        return texts.say(
            "icon.seeds_hashed",
            locale,
            seed=code(first.text),
            first=code(str(first.number)),
            last=code(last.text),
        )
    return texts.say("icon.seeds", locale, first=code(first.text), last=code(last.text))
