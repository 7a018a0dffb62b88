"""The buttons and the select below an icon, and what each does when it is pressed.

They draw with the model that drew the icon, even when another one serves by now.
"""

from __future__ import annotations

import io
from typing import Generic

import discord

from bot.db.models import GenerationKind
from bot.icons.asking import begin, load_row, origin
from bot.icons.card import VARIED, favorite_label, note_of, note_of_two, open_icon, show_icons
from bot.icons.children import draw_children, parents_of
from bot.icons.favorites import FavoriteService
from bot.icons.rows import GenerationView
from bot.icons.service import VARIATIONS, IconService
from bot.models.library import ModelGoneError, ModelLibrary
from bot.talk.acknowledging import Reply, acknowledge
from bot.talk.answering import UNKNOWN_MESSAGE, mark_answered, tell
from bot.talk.brakes import Burst
from bot.talk.buttons import NOTHING, ROW, Button, ItemT, Pressed, Select
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction
from bot.talk.places import answer_locale, is_private
from bot.talk.refusals import Refusal


class RowItem(Pressed[ItemT], Generic[ItemT], template=NOTHING):
    """An item that names a row of `generations`."""

    @property
    def generation_id(self) -> int:
        """The row."""
        return int(self.match["row"], 36)

    async def load(self, interaction: Interaction) -> GenerationView:
        """The row that the item names. Raises GenerationGoneError."""
        return await load_row(interaction, self.generation_id)


class RowButton(RowItem[Button], template=NOTHING):
    """A button that names a row and nothing else. A subclass has a `name`, which begins its custom_id."""

    name: str

    def __init_subclass__(cls, *, template: str | None = None) -> None:
        super().__init_subclass__(template=template or rf"mj:{cls.name}:{ROW}")


class AnotherButton(RowItem[Button], template=rf"mj:another:{ROW}:(?P<count>[149])"):
    """A fresh icon or sheet by the same model.

    Below a sheet of variations, or of what is like a picture, the variations after these; below the children of two
    icons, more children of them.
    """

    audience = Audience("icon")

    async def act(self, interaction: Interaction) -> None:
        """Draw and post a fresh one that says what it came from."""
        count = int(self.match["count"])
        private = await begin(interaction, count)
        parent = await self.load(interaction)
        if count > 1 and parent.kind in VARIED:
            await self._more_variations(interaction, parent, count, private=private)
        elif count > 1 and parent.kind is GenerationKind.MIX:
            await self._more_children(interaction, parent, private=private)
        else:
            await self._fresh(interaction, parent, count, private=private)

    async def _more_variations(
        self, interaction: Interaction, parent: GenerationView, count: int, *, private: bool
    ) -> None:
        service, varied = interaction.client.service(IconService), parent
        sheet = await service.vary(parent, where=origin(interaction), count=count, more=True)
        if parent.kind is GenerationKind.VARIATION and parent.parent_id is not None:
            varied = await service.load(parent.parent_id) or parent
        note = note_of("icon.more_variations", interaction, varied)
        await show_icons(interaction, sheet, note, private=private)

    async def _more_children(self, interaction: Interaction, child: GenerationView, *, private: bool) -> None:
        library, service = interaction.client.service(ModelLibrary), interaction.client.service(IconService)
        parents = await parents_of(service, child)
        sheet = await draw_children(library, service, parents, origin(interaction))
        await show_icons(interaction, sheet, note_of_two("icon.mixed", interaction, parents), private=private)

    async def _fresh(self, interaction: Interaction, parent: GenerationView, count: int, *, private: bool) -> None:
        sheet = await interaction.client.service(IconService).draw(
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
    audience = Audience("icon")

    async def act(self, interaction: Interaction) -> None:
        """Draw and post the sheet, which says what it came from."""
        private = await begin(interaction, VARIATIONS)
        parent = await self.load(interaction)
        sheet = await interaction.client.service(IconService).vary(parent, where=origin(interaction))
        await show_icons(interaction, sheet, note_of("icon.varied", interaction, parent), private=private)


class OpenSelect(RowItem[Select], template=rf"mj:open:{ROW}"):
    """The seeds of a sheet; choosing one posts its icon alone."""

    audience = Audience("icon")

    async def act(self, interaction: Interaction) -> None:
        """Draw the chosen icon again, with its own model."""
        private = await begin(interaction)
        chosen = await load_row(interaction, int(self.item.values[0], 36))
        note = note_of("icon.opened", interaction, await self.load(interaction))
        await open_icon(interaction, chosen, note, private=private)


class FavoriteButton(RowButton):
    """A vote for an icon, one for each person; pressing again takes it back."""

    name = "favorite"
    audience = Audience("gallery")
    reply = Reply.UPDATE

    async def act(self, interaction: Interaction) -> None:
        """Count the vote, show the new number on the button, and tell the person where their favorites are."""
        client = interaction.client
        client.service(Burst).take(interaction.user.id)
        await acknowledge(interaction)
        chosen, votes = await client.service(FavoriteService).toggle(
            self.generation_id, origin(interaction), private=is_private(interaction)
        )
        await self._show(interaction, votes)
        mark_answered(interaction)
        key = "favorite.added" if chosen else "favorite.removed"
        await tell(interaction, client.texts.say(key, str(interaction.locale)))

    async def _show(self, interaction: Interaction, votes: int) -> None:
        """Edit the message. Its picture is sent once more: Discord drops one that an edit does not bring along."""
        client, message = interaction.client, interaction.message
        if message is None:
            return
        try:
            sheet = await client.service(IconService).redraw(self.generation_id)
        except ModelGoneError:  # the vote counts, the old number stays
            return
        locale = answer_locale(interaction, private=is_private(interaction))
        hidden = False
        view = discord.ui.LayoutView.from_message(message, timeout=None)
        for item in view.walk_children():
            if isinstance(item, discord.ui.Button) and item.custom_id == self.custom_id:
                item.label = favorite_label(votes, client.texts, locale)
            elif isinstance(item, discord.ui.MediaGallery):
                for picture in item.items:
                    hidden = picture.spoiler
                    picture.media = f"attachment://{'SPOILER_' if hidden else ''}{sheet.filename}"
        view.stop()  # its buttons are known to the client already: nothing has to be kept for this message
        file = discord.File(io.BytesIO(sheet.png), sheet.filename, spoiler=hidden)
        await interaction.edit_original_response(view=view, attachments=[file])


class VoteSelect(RowItem[Select], template=rf"mj:vote:{ROW}"):
    """The icons of a sheet, to vote for without opening each; choosing one again takes the vote back."""

    audience = Audience("gallery")
    reply = Reply.PRIVATE

    async def act(self, interaction: Interaction) -> None:
        """Count the votes, and tell the person alone."""
        interaction.client.service(Burst).take(interaction.user.id)
        await acknowledge(interaction)
        await tell(interaction, await vote(interaction, self.item))


async def vote(interaction: Interaction, menu: Select) -> str:
    """Mark what was chosen in a menu of icons, or take the marks away: what the person is told."""
    favorites, where = interaction.client.service(FavoriteService), origin(interaction)
    places = {each.value: place for place, each in enumerate(menu.options, start=1)}
    found = dict[bool, list[int]]()
    for value in menu.values:
        chosen, _ = await favorites.toggle(int(value, 36), where, private=is_private(interaction))
        found.setdefault(chosen, []).append(places.get(value, 0))
    keys = {True: "favorite.added_several", False: "favorite.removed_several"}
    sentences = [
        interaction.client.texts.say(
            keys[chosen], str(interaction.locale), places=", ".join(map(str, sorted(found[chosen])))
        )
        for chosen in keys
        if chosen in found
    ]
    return " ".join(sentences)


class DeleteButton(RowButton):
    """Takes the message away, for who asked for it and for moderators."""

    name = "delete"
    audience = Audience(blocked_too=True)
    reply = Reply.UPDATE

    async def act(self, interaction: Interaction) -> None:
        """Delete the message and note it in the database."""
        await acknowledge(interaction)
        row = await self.load(interaction)
        if row.user_id != interaction.user.id and not interaction.permissions.manage_messages:
            raise Refusal("error.not_yours")
        try:
            await interaction.delete_original_response()
        except discord.NotFound as error:
            if error.code != UNKNOWN_MESSAGE:  # somebody was faster
                raise
        await interaction.client.service(IconService).delete(self.generation_id, by=interaction.user.id)
