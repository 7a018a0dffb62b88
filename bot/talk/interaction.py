"""The type of every interaction: Discord's, with a client that finds services by their class."""

from __future__ import annotations

import asyncio
from typing import Any, TypeAlias, TypeVar

import discord
from discord import app_commands

from bot.services import Services
from bot.talk.texts import Texts

S = TypeVar("S")

PATIENCE = 0.5
"""Seconds that an answer may take before it is acknowledged in its place (0: at once); Discord gives three."""


class Bot(discord.AutoShardedClient):
    """The client as all that answers know it. `bot/client.py` joins Discord with it."""

    tree: app_commands.CommandTree[Any]

    def __init__(self, services: Services, **options: Any) -> None:
        super().__init__(**options)
        self.services = services.fork()
        self.texts = Texts.load()
        self.answers: set[asyncio.Task[object]] = set()
        self.closing = False
        self.patience = PATIENCE
        self.started_at = services.clock()

    def service(self, kind: type[S]) -> S:
        """A service by its class. Raises LookupError when no feature brings it."""
        return self.services.get(kind)


Interaction: TypeAlias = discord.Interaction[Bot]


def home(interaction: Interaction) -> discord.Guild | None:
    """The server, where the bot is a member of it; None in direct messages and elsewhere."""
    return None if interaction.guild_id is None else interaction.client.get_guild(interaction.guild_id)
