"""The button that marks an icon as a favorite, and shows how many people have done so."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import discord

from bot.talk.answering import mark_answered
from bot.talk.buttons import RowButton
from bot.talk.delivery import is_private, public_locale
from bot.talk.refusals import ModelGoneError

if TYPE_CHECKING:
    from bot.talk.answering import Interaction
    from bot.talk.texts import Texts


class FavoriteButton(RowButton):
    """A vote for an icon, one for each person; pressing again takes it back."""

    name = "favorite"

    async def act(self, interaction: Interaction) -> None:
        """Count the vote, show the new number on the button, and tell the person where their favorites are."""
        client = interaction.client
        client.burst.take(interaction.user.id)
        await interaction.response.defer()
        chosen, votes = await client.gallery.toggle(self.generation_id, interaction.user.id)
        await self._show(interaction, votes)
        mark_answered(interaction)
        key = "favorite.added" if chosen else "favorite.removed"
        await interaction.followup.send(client.texts.say(key, str(interaction.locale)), ephemeral=True)

    async def _show(self, interaction: Interaction, votes: int) -> None:
        """Edit the message. Its picture is sent once more: Discord drops one that an edit does not bring along."""
        client, message = interaction.client, interaction.message
        if message is None:
            return
        try:
            sheet = await client.icons.redraw(self.generation_id)
        except ModelGoneError:  # the vote counts, the old number stays
            return
        locale = str(interaction.locale) if is_private(interaction) else public_locale(interaction)
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


def favorite_label(votes: int, texts: Texts, locale: str) -> str:
    """What stands on the button."""
    return texts.say("button.favorite_votes" if votes else "button.favorite", locale, votes=votes)
