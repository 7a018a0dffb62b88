"""The card of an icon or a sheet: the picture, its seed and its model, and the buttons below."""

from __future__ import annotations

from dataclasses import replace

import discord

from bot.db.models import GenerationKind
from bot.icons.asking import origin
from bot.icons.favorites import FavoriteService
from bot.icons.rows import GenerationView
from bot.icons.service import IconService
from bot.icons.sheets import Sheet
from bot.talk.buttons import Button, Select, button, layout, option
from bot.talk.delivery import ACCENT, Card, deliver, picture
from bot.talk.fitting import fit
from bot.talk.interaction import Interaction
from bot.talk.places import answer_locale
from bot.talk.texts import Texts
from bot.talk.words import base36, code, link, plain
from generator.seeds import Seed


async def open_icon(interaction: Interaction, chosen: GenerationView, note: str, *, private: bool) -> None:
    """Post one icon of several on a card of its own. The votes that it gets there are the chosen icon's."""
    sheet = await interaction.client.service(IconService).draw(
        chosen.seed,
        1,
        where=origin(interaction),
        kind=GenerationKind.OPENED,
        parent_id=chosen.id,
        model_id=chosen.model_id,
        truncation=chosen.truncation,
    )
    sheet = replace(sheet, votes=await interaction.client.service(FavoriteService).votes(chosen.id))
    await show_icons(interaction, sheet, note, private=private)


async def show_icons(interaction: Interaction, sheet: Sheet, note: str | None = None, *, private: bool = False) -> None:
    """Post what was drawn in the place of the announced answer, and note in the database where it stands.

    No note is made of a private answer: nobody else could follow it, or should.
    """
    client = interaction.client
    locale = answer_locale(interaction, private=private)
    message = await deliver(interaction, icon_card(sheet, client.texts, locale, note=note), private=private)
    if not private:
        await client.service(IconService).posted(sheet, message.id)


def note_of(key: str, interaction: Interaction, parent: GenerationView) -> str:
    """Where an icon came from, with a link to that message, and who asked for it."""
    texts, locale = interaction.client.texts, answer_locale(interaction)
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
        names = ", ".join(
            f"{place}: {fit(plain(icon.seed.name), 60)}" for place, icon in enumerate(sheet.icons, start=1)
        )
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
    container = discord.ui.Container[discord.ui.LayoutView](accent_color=ACCENT)
    if title is not None:
        container.add_item(discord.ui.TextDisplay(title))
    container.add_item(picture(sheet.filename, alt)).add_item(discord.ui.TextDisplay(text))
    say = texts.say
    row, delete = base36(first.id), delete_button(first.id, texts, locale)
    # The buttons are addresses: who answers them, also in rooms above this one, is not known here.
    primary = discord.ButtonStyle.primary
    if alone:
        another = button(say("button.another", locale), "another", row, 1, style=primary)
        vary = button(say("button.vary", locale), "vary", row)
        near = button(say("button.neighbors", locale), "near", row)
        container.add_item(discord.ui.ActionRow(another, vary, near))
        favorite = button(favorite_label(sheet.votes, texts, locale), "favorite", row)
        use = button(say("button.use", locale), "use", row)
        container.add_item(discord.ui.ActionRow(favorite, use, delete))
    else:
        options = [
            option(say("select.option", locale, place=place, seed=plain(icon.seed.name)), base36(icon.id))
            for place, icon in enumerate(sheet.icons, start=1)
        ]
        select: Select = discord.ui.Select(
            custom_id=f"mj:open:{row}", placeholder=say("select.open", locale), options=options
        )
        container.add_item(discord.ui.ActionRow(select))
        count = len(sheet.icons)
        another = button(say("button.another_sheet", locale), "another", row, count, style=primary)
        container.add_item(discord.ui.ActionRow(*([delete] if listed else [another, delete])))
    return Card(layout(container), sheet.png, sheet.filename, alt)


def delete_button(generation_id: int, texts: Texts, locale: str) -> Button:
    """The button that takes a message with icons away."""
    label = texts.say("button.delete", locale)
    return button(label, "delete", base36(generation_id), style=discord.ButtonStyle.danger)


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
        number = code(str(first.number))
        return texts.say("icon.seeds_hashed", locale, seed=code(first.text), first=number, last=code(last.text))
    return texts.say("icon.seeds", locale, first=code(first.text), last=code(last.text))


def favorite_label(votes: int, texts: Texts, locale: str) -> str:
    """What stands on the button."""
    return texts.say("button.favorite_votes" if votes else "button.favorite", locale, votes=votes)
