"""The card of an icon or a sheet: the picture, its seed and its model, and the buttons below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

import discord

from bot.db.models import NOBODY, GenerationKind
from bot.icons.asking import origin
from bot.icons.favorites import FavoriteService
from bot.icons.rows import GenerationView
from bot.icons.service import IconService
from bot.icons.sheets import Sheet, layout_of
from bot.talk.buttons import Button, Select, button, layout, option
from bot.talk.delivery import ACCENT, Card, deliver, picture
from bot.talk.fitting import fit
from bot.talk.interaction import Interaction
from bot.talk.places import answer_locale
from bot.talk.texts import Texts
from bot.talk.words import base36, code, is_shown, link, plain
from generator.seeds import Seed

Row: TypeAlias = discord.ui.ActionRow[discord.ui.LayoutView]

_ROWS = ("place.first_row", "place.second_row", "place.third_row")
_SIDES = ("place.left", "place.middle", "place.right")

VARIED = {GenerationKind.VARIATION, GenerationKind.LIKE}
"""What is followed by variations."""

COMPLETE = {GenerationKind.TOP, GenerationKind.FRAME}
"""Sheets after which there is nothing more of the kind."""

_MORE = dict.fromkeys(VARIED, "button.more_variations") | {GenerationKind.MIX: "button.more_children"}

LONGEST_ALT_NAME = 60
"""Characters of a seed in a description that names several."""


async def open_icon(interaction: Interaction, chosen: GenerationView, note: str, *, private: bool) -> None:
    """Post one icon of several on a card of its own."""
    sheet = await interaction.client.service(IconService).draw(
        chosen.seed,
        1,
        where=origin(interaction),
        kind=GenerationKind.OPENED,
        parent_id=chosen.id,
        model_id=chosen.model_id,
        truncation=chosen.truncation,
    )
    await show_icons(interaction, sheet, note, private=private)


async def show_icons(interaction: Interaction, sheet: Sheet, note: str | None = None, *, private: bool = False) -> None:
    """Post what was drawn in the place of the announced answer, and note in the database where it stands.

    No note is made of a private answer: nobody else could follow it, or should.
    """
    client = interaction.client
    locale = answer_locale(interaction, private=private)
    if len(sheet.icons) == 1:
        sheet = await client.service(FavoriteService).credit(sheet, origin(interaction))
    message = await deliver(interaction, icon_card(sheet, client.texts, locale, note=note), private=private)
    if not private:
        await client.service(IconService).posted(sheet, message.id)


def note_of(key: str, interaction: Interaction, parent: GenerationView, **more: str) -> str:
    """Where an icon came from, with a link to that message, and who asked for it."""
    texts, locale = interaction.client.texts, answer_locale(interaction)
    name = texts.say("icon.parent", locale, seed=code(parent.seed.name))
    linked = link(name, parent.guild_id, parent.channel_id, parent.message_id)
    return texts.say(key, locale, parent=linked, user=interaction.user.mention, **more)


def note_of_two(key: str, interaction: Interaction, parents: tuple[GenerationView, GenerationView]) -> str:
    """The same of icons that lie between two."""
    first, second = parents
    other = link(code(second.seed.name), second.guild_id, second.channel_id, second.message_id)
    return note_of(key, interaction, first, other=other)


def icon_card(
    sheet: Sheet,
    texts: Texts,
    locale: str,
    *,
    lead: str | None = None,
    title: str | None = None,
    note: str | None = None,
) -> Card:
    """The card of one icon, or of a sheet of several.

    `title` stands above the picture, `lead` above all, `note` says what it came from.
    """
    alone = len(sheet.icons) == 1
    alt, lines = _alt(sheet, texts, locale), [_seeds(sheet, texts, locale)]
    lines.append(texts.say("icon.model", locale, version=code(sheet.model_name)))
    if sheet.wildness is not None:
        lines.append(texts.say("icon.wildness", locale, wildness=sheet.wildness))
    text = " · ".join(lines)
    if any(icon.recent is not None for icon in sheet.icons):
        text += "".join(f"\n{_credit(sheet, place, texts, locale)}" for place in range(len(sheet.icons)))
    if note is not None:
        text += f"\n-# {note}"
    container = discord.ui.Container[discord.ui.LayoutView](accent_color=ACCENT)
    if title is not None:
        container.add_item(discord.ui.TextDisplay(title))
    container.add_item(picture(sheet.filename, alt)).add_item(discord.ui.TextDisplay(text))
    for row in _of_one(sheet, texts, locale) if alone else _of_several(sheet, texts, locale):
        container.add_item(row)
    above = [] if lead is None else [discord.ui.TextDisplay[discord.ui.LayoutView](lead)]
    return Card(layout(*above, container), sheet.png, sheet.filename, alt)


def _of_one(sheet: Sheet, texts: Texts, locale: str) -> Iterator[Row]:
    """The buttons below one icon: addresses. Who answers them, also in rooms above this one, is not known here."""
    (icon,), say = sheet.icons, texts.say
    row = base36(icon.id)
    another = button(say("button.another", locale), "another", row, 1, style=discord.ButtonStyle.primary)
    vary = button(say("button.vary", locale), "vary", row)
    near = button(say("menu.neighbors", locale), "near", row)
    yield discord.ui.ActionRow(another, vary, near)
    favorite = button(favorite_label(icon.votes, texts, locale), "favorite", row)
    use = button(say("button.use", locale), "use", row)
    download = button(say("button.download", locale), "download", row)
    yield discord.ui.ActionRow(favorite, use, download, delete_button(icon.id, texts, locale))


def _of_several(sheet: Sheet, texts: Texts, locale: str) -> Iterator[Row]:
    """Below a sheet: a menu to open one of its icons, one to vote for some, and the buttons."""
    say, count, row = texts.say, len(sheet.icons), base36(sheet.icons[0].id)
    options = [
        option(
            place_words(place, count, texts, locale),
            base36(icon.id),
            say("select.seed", locale, seed=plain(icon.seed.name)),
        )
        for place, icon in enumerate(sheet.icons)
    ]
    open_: Select = discord.ui.Select(
        custom_id=f"mj:open:{row}", placeholder=say("select.open", locale), options=options
    )
    yield discord.ui.ActionRow(open_)
    vote: Select = discord.ui.Select(
        custom_id=f"mj:vote:{row}", placeholder=say("select.vote", locale), options=options, max_values=count
    )
    yield discord.ui.ActionRow(vote)
    delete = delete_button(sheet.icons[0].id, texts, locale)
    if sheet.kind in COMPLETE:
        yield discord.ui.ActionRow(delete)
        return
    label = say(_MORE.get(sheet.kind, "button.another_sheet"), locale)
    yield discord.ui.ActionRow(button(label, "another", row, count, style=discord.ButtonStyle.primary), delete)


def delete_button(generation_id: int, texts: Texts, locale: str) -> Button:
    """The button that takes a message with icons away."""
    label = texts.say("button.delete", locale)
    return button(label, "delete", base36(generation_id), style=discord.ButtonStyle.danger)


def place_words(place: int, count: int, texts: Texts, locale: str) -> str:
    """Where an icon stands on a sheet of so many, counted from 0: its number there, its row, its column."""
    columns, _ = layout_of(count)
    row, column = divmod(place, columns)
    side = _SIDES[column * 2 // (columns - 1) if columns > 1 else 1]
    return texts.say(
        "select.place", locale, number=place + 1, row=texts.say(_ROWS[row], locale), column=texts.say(side, locale)
    )


def called(seed: Seed) -> str:
    """A seed as a card calls it; with its number where its text cannot be shown as it was typed."""
    number = str(seed.number) if seed.near is None else replace(seed, text=str(seed.number)).name
    return code(seed.name) if is_shown(seed.name) else f"{code(seed.name)} = {code(number)}"


def _varies(sheet: Sheet) -> bool:
    return sheet.kind is GenerationKind.VARIATION


def _follow(sheet: Sheet) -> bool:
    """Whether the seeds of a sheet follow each other."""
    first = sheet.icons[0].seed
    return all(icon.seed == first.offset(i) for i, icon in enumerate(sheet.icons))


def _seeds(sheet: Sheet, texts: Texts, locale: str) -> str:
    """The seeds in words."""
    first, last = sheet.icons[0].seed, sheet.icons[-1].seed
    if len(sheet.icons) == 1:
        return texts.say("icon.seed", locale, seed=called(first))
    if _varies(sheet):
        return texts.say("icon.variations", locale, seed=called(first.parent), first=first.index, last=last.index)
    if _follow(sheet):
        return texts.say("icon.seeds", locale, first=called(first), last=called(last))
    return texts.say("icon.seeds_listed", locale, seeds=", ".join(called(icon.seed) for icon in sheet.icons))


def _alt(sheet: Sheet, texts: Texts, locale: str) -> str:
    """What a screen reader says of the picture."""
    version, names = plain(sheet.model_name), [plain(icon.seed.name) for icon in sheet.icons]
    if len(names) == 1:
        return texts.say("icon.alt", locale, seed=names[0], version=version)
    if sheet.kind is GenerationKind.TOP or not _follow(sheet):
        listed = ", ".join(f"{place}: {fit(name, LONGEST_ALT_NAME)}" for place, name in enumerate(names, start=1))
        title = texts.say("gallery.week" if sheet.kind is GenerationKind.TOP else "icon.sheet", locale)
        return texts.say("gallery.alt", locale, title=title, seeds=listed)
    first, last, count = names[0], names[-1], len(names)
    return texts.say("icon.sheet_alt", locale, count=count, first=first, last=last, version=version)


def _credit(sheet: Sheet, place: int, texts: Texts, locale: str) -> str:
    """Of an icon that was chosen by votes: how many, and who found it."""
    icon = sheet.icons[place]
    number = "" if len(sheet.icons) == 1 else f"**{place + 1}** "
    return number + credit_words(icon.recent or 0, icon.found_by, texts, locale)


def credit_words(votes: int, found_by: int | None, texts: Texts, locale: str) -> str:
    """How many votes an icon has, and who found it."""
    words = texts.say("gallery.votes_one" if votes == 1 else "gallery.votes", locale, votes=votes)
    if found_by is None:
        return words
    user = texts.say("privacy.somebody", locale) if found_by == NOBODY else f"<@{found_by}>"
    return f"{words} · {texts.say('gallery.found_by', locale, user=user)}"


def favorite_label(votes: int, texts: Texts, locale: str) -> str:
    """What stands on the button."""
    return texts.say("button.favorite_votes" if votes else "button.favorite", locale, votes=votes)
