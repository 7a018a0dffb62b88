"""`/privacy`: what is stored about a person, who can see it and be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.privacy.card import privacy_card
from bot.talk.answering import answering, mark_answered

if TYPE_CHECKING:
    from bot.client import Mojigan
    from bot.talk.texts import Texts


def privacy_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""

    @app_commands.command(name="privacy", description=texts.say("command.privacy.description"))
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def privacy(interaction: discord.Interaction[Mojigan]) -> None:
        async with answering(interaction):
            await interaction.response.send_message(view=privacy_card(interaction), ephemeral=True)
            mark_answered(interaction)

    return privacy
