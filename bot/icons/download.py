"""The button that hands an icon out as files: large, and as small as the network drew it."""

from __future__ import annotations

import io

import discord

from bot.icons.asking import announce
from bot.icons.buttons import RowButton
from bot.icons.sheets import export
from bot.models.library import ModelLibrary
from bot.talk.acknowledging import Reply
from bot.talk.answering import mark_answered
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction

LARGE = 512
"""Pixels along an edge of the larger file."""


class DownloadButton(RowButton):
    """The icon as PNG files, transparent where it is, for the person who asks alone."""

    name = "download"
    audience = Audience("icon")
    reply = Reply.PRIVATE

    async def act(self, interaction: Interaction) -> None:
        """Draw it again and hand it out."""
        await announce(interaction, private=True)
        row = await self.load(interaction)
        files = await export(interaction.client.service(ModelLibrary), row, LARGE, None)
        attachments = [discord.File(io.BytesIO(content), name) for name, content in files]
        await interaction.edit_original_response(attachments=attachments)
        mark_answered(interaction)
