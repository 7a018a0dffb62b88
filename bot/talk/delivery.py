"""How an answer reaches a person: the check before the work, and the sending after it."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass, replace

import discord

from bot.talk.answering import INVALID_TOKEN, UNKNOWN_INTERACTION, UNKNOWN_WEBHOOK, mark_answered
from bot.talk.fitting import ALT_TEXT, fit
from bot.talk.guard import rules_of
from bot.talk.interaction import Interaction
from bot.talk.refusals import Refusal

log = logging.getLogger(__name__)

EXPIRED = {UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, INVALID_TOKEN}
"""Discord's codes for an interaction whose 15 minutes are over."""

ACCENT = discord.Color(0xF2B134)

_MIB = 2**20


@dataclass(frozen=True)
class Card:
    """A layout and the picture in it, named by `attachment://filename`."""

    view: discord.ui.LayoutView
    png: bytes
    filename: str
    alt: str
    spoiler: bool = False

    def hidden(self) -> Card:
        """The same card with its picture under a spoiler. Discord knows such a file by the beginning of its name."""
        for gallery in self.view.walk_children():
            if isinstance(gallery, discord.ui.MediaGallery):
                gallery.items = [
                    discord.MediaGalleryItem(self._hide(item.media.url), description=item.description, spoiler=True)
                    for item in gallery.items
                ]
        return replace(self, spoiler=True)

    def _hide(self, url: str) -> str:
        ours = f"attachment://{self.filename}"
        return f"attachment://SPOILER_{self.filename}" if url == ours else url

    def file(self) -> discord.File:
        """The picture as an upload; each sending needs its own."""
        return discord.File(
            io.BytesIO(self.png), self.filename, description=fit(self.alt, ALT_TEXT), spoiler=self.spoiler
        )


def as_wanted(interaction: Interaction, card: Card, *, private: bool) -> Card:
    """The card, hidden where the server wants it for all to see."""
    return card.hidden() if rules_of(interaction).spoiler and not private else card


async def deliver(interaction: Interaction, card: Card, *, private: bool = False) -> discord.Message:
    """Put the card in the place of the announced answer; into the channel, when the interaction has expired meanwhile.

    Raises Refusal for a picture that is too large for Discord, and discord.HTTPException.
    """
    if len(card.png) > interaction.filesize_limit:
        raise Refusal(
            "error.too_large",
            size=f"{len(card.png) / _MIB:.1f}",
            limit=f"{interaction.filesize_limit / _MIB:.1f}",
        )
    card = as_wanted(interaction, card, private=private)
    try:
        message: discord.Message = await interaction.edit_original_response(view=card.view, attachments=[card.file()])
    except discord.HTTPException as error:
        if error.code not in EXPIRED or private or interaction.channel_id is None:
            raise
        log.info("the interaction of %s expired: the answer goes into the channel", interaction.user.id)
        channel = interaction.client.get_partial_messageable(interaction.channel_id, guild_id=interaction.guild_id)
        message = await channel.send(view=card.view, file=card.file())
    mark_answered(interaction)
    return message


def picture(filename: str, alt: str) -> discord.ui.MediaGallery[discord.ui.LayoutView]:
    """The picture of a card, which goes along as a file of that name."""
    return discord.ui.MediaGallery(discord.MediaGalleryItem(f"attachment://{filename}", description=fit(alt, ALT_TEXT)))
