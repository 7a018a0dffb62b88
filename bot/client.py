"""The Discord client: which intents it asks for, what the features bring, and where their errors end."""

from __future__ import annotations

import asyncio
import logging

import discord
from discord import app_commands

from bot.features import FEATURES
from bot.services import Companion, Services
from bot.talk.answering import admitted, answer_error
from bot.talk.interaction import Bot
from bot.talk.invitation import invitation
from bot.talk.reach import UNREACHABLE
from bot.talk.sync import sync_commands
from bot.talk.translator import CommandTranslator

log = logging.getLogger(__name__)

LONGEST_RATE_LIMIT = 30.0
"""Seconds that a request may wait for Discord's rate limits; past that it fails, and the person is told."""


class GlobalLimit(asyncio.Event):
    """Cleared while Discord's limit on all requests together lasts.

    discord.py sets it after its pause. A request that is given up during that pause never gets there, and no other one
    would ever be sent: so it is set when the longest pause is over.
    """

    def clear(self) -> None:
        """Called by discord.py before its pause."""
        super().clear()
        asyncio.get_running_loop().call_later(LONGEST_RATE_LIMIT, self.set)


class MojiganTree(app_commands.CommandTree["Mojigan"]):
    """The slash commands; whatever they raise goes to the one error handler."""

    async def interaction_check(self, interaction: discord.Interaction[Mojigan], /) -> bool:
        """Called by discord.py before each command, and before each autocompletion, which gives nothing away."""
        return interaction.type is discord.InteractionType.autocomplete or await admitted(interaction)

    async def on_error(self, interaction: discord.Interaction[Mojigan], error: app_commands.AppCommandError, /) -> None:
        """Called by discord.py."""
        await answer_error(interaction, error)


class Mojigan(Bot):
    """The bot. It needs no privileged intent: interactions bring along all that it looks at."""

    def __init__(self, services: Services, *, serving: bool = True) -> None:
        """`serving=False`: a login for the sake of the commands alone; nothing is synced or posted by itself."""
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nothing here speaks
        super().__init__(
            services,
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            max_ratelimit_timeout=LONGEST_RATE_LIMIT,
        )
        self.serving = serving
        self.tree = MojiganTree(self)
        self.companions: list[Companion] = []
        for feature in FEATURES:
            for build in feature.commands:
                self.tree.add_command(build(self.texts))
            self.companions += [self.services.add(each) for each in feature.companions(self)]

    async def setup_hook(self) -> None:
        """Called by discord.py once per process, after the login and before the connection."""
        self.http._global_over = GlobalLimit()
        self.http._global_over.set()
        self.add_dynamic_items(*(item for feature in FEATURES for item in feature.buttons))
        if not self.serving:
            return
        try:
            await self.sync_commands()
        except UNREACHABLE as error:
            log.error("the commands could not be sent to Discord; those of the last time stay: %s", error)
        for each in self.companions:
            each.start()

    async def sync_commands(self, *, force: bool = False) -> bool:
        """Send the commands to Discord if they changed; True when they were sent. Raises discord.HTTPException."""
        services = self.services
        await self.tree.set_translator(CommandTranslator(self.texts))
        guild_id = services.settings.development_guild
        return await sync_commands(self.tree, services.database, services.clock, guild_id=guild_id, force=force)

    async def on_ready(self) -> None:
        """Say in the log that the bot is there, and how it is invited; look at what is due. Also after a reconnect."""
        assert self.application_id is not None  # noqa: S101 - known after the login
        log.info("logged in as %s, in %d servers", self.user, len(self.guilds))
        log.info("invite it with %s", invitation(self.application_id))
        for each in self.companions:
            await each.ready([guild.id for guild in self.guilds])

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Called by discord.py when the bot was removed from a server, or the server was deleted."""
        log.info("removed from server %d", guild.id)
        for each in self.companions:
            await each.left(guild.id)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Called by discord.py when the bot was added to a server."""
        for each in self.companions:
            await each.joined(guild.id)

    async def on_interaction(self, interaction: discord.Interaction[Mojigan]) -> None:
        """Called by discord.py for each interaction, after it has looked for commands, buttons and selects itself."""
        if interaction.type is discord.InteractionType.modal_submit:
            for answer in (form for feature in FEATURES for form in feature.forms):
                await answer(interaction)

    async def finish_answers(self, seconds: float) -> None:
        """Begin no new answer and no new post, and give the running ones time to be delivered."""
        self.closing = True
        companions = asyncio.create_task(self._stop(seconds))
        if self.answers:
            await asyncio.wait(self.answers, timeout=seconds)
        await companions

    async def close(self) -> None:
        """Called by discord.py, at the latest when its context ends."""
        await self._stop(0)
        await super().close()

    async def _stop(self, seconds: float) -> None:
        await asyncio.gather(*(each.stop(seconds) for each in self.companions))
