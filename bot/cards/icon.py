"""The card of an icon or a sheet: the picture, its seed and its model, and the buttons below.

The buttons keep nothing in memory. Each names a row of the database, so it works after a restart, on messages of any
age, and with the model that drew the icon even when another one serves by now.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import discord

from bot.cards.comparison import show_comparison
from bot.cards.delivery import Card, check_place, deliver, is_private, origin, public_locale
from bot.cards.words import base36, code, link, plain
from bot.db.models import GenerationKind
from bot.errors import UNKNOWN_MESSAGE, answer_error, answering
from bot.services.errors import GenerationGoneError, NotYoursError

if TYPE_CHECKING:
    from bot.errors import Interaction
    from bot.services.icons import GenerationView, Sheet
    from bot.texts import Texts
    from generator.seeds import Seed

ACCENT = discord.Color(0xF2B134)

Button: TypeAlias = discord.ui.Button[discord.ui.LayoutView]
Select: TypeAlias = discord.ui.Select[discord.ui.LayoutView]

_ROW = "[0-9a-z]{1,12}"
"""A row's id in base 36; twelve digits stay below the 2**63 of a database."""


class _Pressed:
    """What the buttons share: the row that they name, and the way that their errors take."""

    generation_id: int

    async def act(self, interaction: Interaction) -> None:
        """Do what the button says."""
        raise NotImplementedError

    async def callback(self, interaction: Any) -> None:
        """Called by discord.py, which would only log what is raised here."""
        try:
            async with answering(interaction):
                await self.act(interaction)
        except Exception as error:  # here they end: the person and the log are told
            await answer_error(interaction, error)

    async def load(self, interaction: Interaction) -> GenerationView:
        """The row that the button names. Raises GenerationGoneError."""
        return await _load(interaction, self.generation_id)


class AnotherButton(_Pressed, discord.ui.DynamicItem[Button], template=rf"mj:another:(?P<row>{_ROW}):(?P<count>[149])"):
    """A fresh icon (or sheet) by the same model."""

    def __init__(self, button: Button, generation_id: int, count: int) -> None:
        super().__init__(button)
        self.generation_id = generation_id
        self.count = count

    @classmethod
    def of(cls, generation_id: int, count: int, label: str) -> Self:
        """The button for a card."""
        custom_id = f"mj:another:{base36(generation_id)}:{count}"
        style = discord.ButtonStyle.primary
        return cls(discord.ui.Button(label=label, style=style, custom_id=custom_id), generation_id, count)

    @classmethod
    async def from_custom_id(cls, _: Any, item: Any, match: re.Match[str], /) -> Self:
        """The button that somebody pressed."""
        return cls(item, int(match["row"], 36), int(match["count"]))

    async def act(self, interaction: Interaction) -> None:
        """Draw and post a fresh one that says what it came from."""
        private = is_private(interaction)
        if not private:
            check_place(interaction)
        client = interaction.client
        client.burst.take(interaction.user.id)
        await interaction.response.defer(ephemeral=private, thinking=True)
        parent = await self.load(interaction)
        sheet = await client.icons.draw(
            None,
            self.count,
            where=origin(interaction),
            kind=GenerationKind.ANOTHER,
            parent_id=parent.id,
            model_id=parent.model_id,
            truncation=parent.truncation,
        )
        await show_icons(interaction, sheet, _note("icon.from", interaction, parent), private=private)


class OpenSelect(_Pressed, discord.ui.DynamicItem[Select], template=rf"mj:open:(?P<row>{_ROW})"):
    """The seeds of a sheet; choosing one posts its icon alone."""

    def __init__(self, select: Select, generation_id: int) -> None:
        super().__init__(select)
        self.generation_id = generation_id

    @classmethod
    def of(cls, generation_id: int, placeholder: str, icons: Sequence[tuple[int, str]]) -> Self:
        """The select for a card; `icons` are rows and their labels."""
        options = [discord.SelectOption(label=label, value=base36(row)) for row, label in icons]
        custom_id = f"mj:open:{base36(generation_id)}"
        return cls(discord.ui.Select(custom_id=custom_id, placeholder=placeholder, options=options), generation_id)

    @classmethod
    async def from_custom_id(cls, _: Any, item: Any, match: re.Match[str], /) -> Self:
        """The select that somebody used."""
        return cls(item, int(match["row"], 36))

    async def act(self, interaction: Interaction) -> None:
        """Draw the chosen icon again, with the model of the sheet."""
        private = is_private(interaction)
        if not private:
            check_place(interaction)
        client = interaction.client
        client.burst.take(interaction.user.id)
        await interaction.response.defer(ephemeral=private, thinking=True)
        chosen = await _load(interaction, int(self.item.values[0], 36))
        sheet = await client.icons.draw(
            chosen.seed,
            1,
            where=origin(interaction),
            parent_id=chosen.id,
            model_id=chosen.model_id,
            truncation=chosen.truncation,
        )
        note = _note("icon.opened", interaction, await self.load(interaction))
        await show_icons(interaction, sheet, note, private=private)


class NeighborsButton(_Pressed, discord.ui.DynamicItem[Button], template=rf"mj:near:(?P<row>{_ROW})"):
    """The icon beside its nearest training icons, for the person who asks alone."""

    def __init__(self, button: Button, generation_id: int) -> None:
        super().__init__(button)
        self.generation_id = generation_id

    @classmethod
    def of(cls, generation_id: int, label: str) -> Self:
        """The button for a card."""
        return cls(discord.ui.Button(label=label, custom_id=f"mj:near:{base36(generation_id)}"), generation_id)

    @classmethod
    async def from_custom_id(cls, _: Any, item: Any, match: re.Match[str], /) -> Self:
        """The button that somebody pressed."""
        return cls(item, int(match["row"], 36))

    async def act(self, interaction: Interaction) -> None:
        """Search and show the comparison."""
        client = interaction.client
        client.burst.take(interaction.user.id)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await show_comparison(interaction, await client.neighbors.of_row(self.generation_id), private=True)


class DeleteButton(_Pressed, discord.ui.DynamicItem[Button], template=rf"mj:delete:(?P<row>{_ROW})"):
    """Takes the message away, for who asked for it and for moderators."""

    def __init__(self, button: Button, generation_id: int) -> None:
        super().__init__(button)
        self.generation_id = generation_id

    @classmethod
    def of(cls, generation_id: int, label: str) -> Self:
        """The button for a card."""
        custom_id = f"mj:delete:{base36(generation_id)}"
        style = discord.ButtonStyle.danger
        return cls(discord.ui.Button(label=label, style=style, custom_id=custom_id), generation_id)

    @classmethod
    async def from_custom_id(cls, _: Any, item: Any, match: re.Match[str], /) -> Self:
        """The button that somebody pressed."""
        return cls(item, int(match["row"], 36))

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


DYNAMIC_ITEMS = (AnotherButton, OpenSelect, NeighborsButton, DeleteButton)
"""All that the client has to know to answer presses on messages of earlier runs."""


async def show_icons(interaction: Interaction, sheet: Sheet, note: str | None = None, *, private: bool = False) -> None:
    """Post what was drawn in the place of the announced answer, and note in the database where it stands.

    No note is made of a private answer: nobody else could follow it, or should.
    """
    client = interaction.client
    locale = str(interaction.locale) if private else public_locale(interaction)
    message = await deliver(interaction, icon_card(sheet, client.texts, locale, note=note), private=private)
    if not private:
        await client.icons.posted(sheet, message.id)


async def _load(interaction: Interaction, generation_id: int) -> GenerationView:
    row = await interaction.client.icons.load(generation_id)
    if row is None:
        raise GenerationGoneError(f"there is no generation {generation_id}")
    return row


def _note(key: str, interaction: Interaction, parent: GenerationView) -> str:
    """Where an icon came from, with a link to that message, and who asked for it."""
    texts, locale = interaction.client.texts, public_locale(interaction)
    name = texts.say("icon.parent", locale, seed=code(parent.seed.text))
    linked = link(name, parent.guild_id, parent.channel_id, parent.message_id)
    return texts.say(key, locale, parent=linked, user=interaction.user.mention)


def icon_card(sheet: Sheet, texts: Texts, locale: str, *, title: str | None = None, note: str | None = None) -> Card:
    """The card of one icon, or of a sheet of several. `title` stands above it, `note` says what it came from."""
    first, last = sheet.icons[0], sheet.icons[-1]
    alone = first is last
    if alone:
        alt = texts.say("icon.alt", locale, seed=plain(first.seed.text), version=sheet.model_version)
    else:
        alt = texts.say(
            "icon.sheet_alt",
            locale,
            count=len(sheet.icons),
            first=plain(first.seed.text),
            last=plain(last.seed.text),
            version=sheet.model_version,
        )
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
    another = AnotherButton.of(
        first.id, len(sheet.icons), say("button.another" if alone else "button.another_sheet", locale)
    )
    delete = DeleteButton.of(first.id, say("button.delete", locale))
    if alone:
        near = NeighborsButton.of(first.id, say("button.neighbors", locale))
        container.add_item(discord.ui.ActionRow(another, near, delete))
    else:
        options = [
            (icon.id, say("select.option", locale, place=place, seed=plain(icon.seed.text))[:100])
            for place, icon in enumerate(sheet.icons, start=1)
        ]
        container.add_item(discord.ui.ActionRow(OpenSelect.of(first.id, say("select.open", locale), options)))
        container.add_item(discord.ui.ActionRow(another, delete))
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(container)
    return Card(view, sheet.png, sheet.filename, alt)


def _seeds(first: Seed, last: Seed, texts: Texts, locale: str) -> str:
    """The seeds in words; of a text seed also the number that it stands for."""
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
