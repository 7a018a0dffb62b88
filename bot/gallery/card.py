"""A page of a gallery: the icons in one picture, buttons that turn the page, and a select that opens one of them."""

from __future__ import annotations

import discord

from bot.gallery.service import PAGE, GalleryService, Hall, Page, Visitor
from bot.icons.asking import begin, load_row
from bot.icons.buttons import vote
from bot.icons.card import LONGEST_ALT_NAME, credit_words, note_of, open_icon, place_words
from bot.icons.favorites import FavoriteService
from bot.icons.rows import GenerationGoneError
from bot.talk.acknowledging import Reply, acknowledge
from bot.talk.answering import show, tell
from bot.talk.brakes import Burst
from bot.talk.buttons import Button, Pressed, Select, button, layout, option
from bot.talk.delivery import ACCENT, Card, as_wanted, deliver, picture
from bot.talk.fitting import fit
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction
from bot.talk.places import answer_locale, is_private
from bot.talk.sight import in_sight
from bot.talk.texts import Texts
from bot.talk.words import base36, code, plain

_TITLES = {
    Hall.MINE: "gallery.mine",
    Hall.SERVER: "gallery.server",
    Hall.WEEK: "gallery.week",
    Hall.EVER: "gallery.ever",
}
_EMPTY = {
    Hall.MINE: "gallery.empty_mine",
    Hall.SERVER: "gallery.empty_server",
    Hall.WEEK: "gallery.empty_week",
    Hall.EVER: "gallery.empty_server",
}
_HALL = f"(?P<hall>[{''.join(Hall)}])"


class PageButton(Pressed[Button], template=rf"mj:page:{_HALL}:(?P<page>[0-9]{{1,6}})"):
    """Turns to a page of a gallery."""

    audience = Audience("gallery")
    reply = Reply.UPDATE

    async def act(self, interaction: Interaction) -> None:
        """Put the other page in the place of this one."""
        interaction.client.service(Burst).take(interaction.user.id)
        await acknowledge(interaction)
        await turn_to(interaction, Hall(self.match["hall"]), int(self.match["page"]))


async def turn_to(interaction: Interaction, hall: Hall, number: int) -> None:
    """Put a page of a gallery in the place of the one whose button or menu was used."""
    client, private = interaction.client, is_private(interaction)
    page = await client.service(GalleryService).page(hall, number, visitor(interaction, private=private))
    locale = answer_locale(interaction, private=private)
    if page.entries:
        card = as_wanted(interaction, page_card(page, client.texts, locale), private=private)
        await show(interaction, card.view, [card.file()])
    else:
        await show(interaction, _empty(page, client.texts, locale), [])


class PageVoteSelect(Pressed[Select], template=rf"mj:mark:{_HALL}:(?P<page>[0-9]{{1,6}})"):
    """The icons of a page, to vote for or to take one's vote back, without opening each."""

    audience = Audience("gallery")
    reply = Reply.UPDATE

    async def act(self, interaction: Interaction) -> None:
        """Count the votes, show the page as it is then, and tell the person."""
        interaction.client.service(Burst).take(interaction.user.id)
        await acknowledge(interaction)
        told = await vote(interaction, self.item)
        await turn_to(interaction, Hall(self.match["hall"]), int(self.match["page"]))
        await tell(interaction, told)


class PickSelect(Pressed[Select], template=rf"mj:pick:{_HALL}"):
    """The icons of a page; choosing one posts it on a card of its own."""

    audience = Audience("gallery")

    async def act(self, interaction: Interaction) -> None:
        """Open the chosen icon."""
        private, row = await begin(interaction), int(self.item.values[0], 36)
        if self.match["hall"] == Hall.MINE:
            mine = await interaction.client.service(FavoriteService).mine(row, interaction.user.id)
            if mine is not None:  # also one whose message was deleted
                await open_icon(interaction, mine, note_of("icon.picked", interaction, mine), private=private)
                return
        chosen = await load_row(interaction, row)
        if self.match["hall"] != Hall.MINE and chosen.channel_id not in in_sight(interaction, private=private):
            raise GenerationGoneError(f"generation {chosen.id} is out of sight now")
        await open_icon(interaction, chosen, note_of("icon.picked", interaction, chosen), private=private)


async def show_page(interaction: Interaction, hall: Hall, *, private: bool) -> None:
    """Post the first page of a gallery in the place of the announced answer, or say that there is nothing in it."""
    client = interaction.client
    page = await client.service(GalleryService).page(hall, 0, visitor(interaction, private=private))
    locale = answer_locale(interaction, private=private)
    if page.entries:
        await deliver(interaction, page_card(page, client.texts, locale), private=private)
    else:
        await show(interaction, _empty(page, client.texts, locale))


def visitor(interaction: Interaction, *, private: bool) -> Visitor:
    """Who looks at a gallery, and what may be shown to those who will see the answer."""
    return Visitor(interaction.user.id, interaction.guild_id, in_sight(interaction, private=private))


def page_card(page: Page, texts: Texts, locale: str) -> Card:
    """The card of a page that has entries."""
    say = texts.say
    title = say(_TITLES[page.hall], locale)
    seeds = [plain(entry.row.seed.name) for entry in page.entries]
    names = ", ".join(f"{place}: {fit(name, LONGEST_ALT_NAME)}" for place, name in enumerate(seeds, start=1))
    alt = say("gallery.alt", locale, title=title, seeds=names)
    options = [
        option(
            place_words(place, PAGE, texts, locale),
            base36(entry.row.id),
            say("gallery.option", locale, seed=fit(name, LONGEST_ALT_NAME), version=entry.row.model_name),
        )
        for place, (entry, name) in enumerate(zip(page.entries, seeds, strict=True))
    ]
    lines = [f"**{place}** {code(fit(name, LONGEST_ALT_NAME))}" for place, name in enumerate(seeds, start=1)]
    if page.hall is not Hall.MINE:
        credits_ = [credit_words(entry.votes, entry.found_by, texts, locale) for entry in page.entries]
        lines = [f"{line} · {credit}" for line, credit in zip(lines, credits_, strict=True)]
    if page.pages > 1:
        lines.append(f"-# {say('gallery.page', locale, page=page.number + 1, pages=page.pages)}")
    container = discord.ui.Container[discord.ui.LayoutView](
        discord.ui.TextDisplay(f"### {title}"),
        picture(page.filename, alt),
        discord.ui.TextDisplay("\n".join(lines)),
        accent_color=ACCENT,
    )
    pick: Select = discord.ui.Select(
        custom_id=f"mj:pick:{page.hall.value}", placeholder=say("select.open", locale), options=options
    )
    container.add_item(discord.ui.ActionRow(pick))
    mark: Select = discord.ui.Select(
        custom_id=f"mj:mark:{page.hall.value}:{page.number}",
        placeholder=say("select.unmark" if page.hall is Hall.MINE else "select.vote", locale),
        options=options,
        max_values=len(options),
    )
    container.add_item(discord.ui.ActionRow(mark))
    turns = []
    if page.number > 0:
        turns.append(button(say("button.previous", locale), "page", page.hall.value, page.number - 1))
    if page.number + 1 < page.pages:
        turns.append(button(say("button.next", locale), "page", page.hall.value, page.number + 1))
    if turns:
        container.add_item(discord.ui.ActionRow(*turns))
    return Card(layout(container), page.png, page.filename, alt)


def _empty(page: Page, texts: Texts, locale: str) -> discord.ui.LayoutView:
    return layout(discord.ui.TextDisplay(texts.say(_EMPTY[page.hall], locale)))
