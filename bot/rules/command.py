"""`/settings`: how the bot behaves in a server, for those who may manage it."""

from __future__ import annotations

from typing import Any

from discord import app_commands

from bot.rules.card import settings_card
from bot.talk.answering import answering, show
from bot.talk.guard import require_manager
from bot.talk.interaction import Interaction
from bot.talk.texts import Texts


def settings_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""

    @app_commands.command(name="settings", description=texts.say("command.settings.description"))
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    async def settings(interaction: Interaction) -> None:
        async with answering(interaction):
            require_manager(interaction)
            await show(interaction, await settings_card(interaction))

    return settings
