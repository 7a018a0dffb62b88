"""`/privacy`: what is stored about a person, who can see it and be forgotten."""

from __future__ import annotations

from typing import Any

from discord import app_commands

from bot.privacy.card import privacy_card
from bot.talk.answering import answering, show
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction
from bot.talk.texts import Texts

AUDIENCE = Audience(blocked_too=True).extras


def privacy_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""

    @app_commands.command(name="privacy", description=texts.say("command.privacy.description"), extras=AUDIENCE)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def privacy(interaction: Interaction) -> None:
        async with answering(interaction):
            await show(interaction, privacy_card(interaction))

    return privacy
