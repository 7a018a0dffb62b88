"""The Discord client: which intents it asks for, its commands and buttons, and where their errors end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import discord
from discord import app_commands

from bot.clock import clock
from bot.daily.alarm import LOOK_EVERY, DailyScheduler
from bot.daily.command import daily_group
from bot.daily.outlet import DiscordOutlet
from bot.daily.posting import PostService
from bot.daily.schedules import ScheduleService
from bot.db.session import Database
from bot.gallery.card import PageButton, PickSelect
from bot.gallery.command import gallery_group
from bot.gallery.service import GalleryService
from bot.guide.command import about_command, help_command
from bot.icons.card import AnotherButton, DeleteButton, NeighborsButton, OpenSelect, VaryButton
from bot.icons.command import icon_command
from bot.icons.favorite import FavoriteButton
from bot.icons.info import info_menu
from bot.icons.service import IconService
from bot.icons.use import UseButton, answer_form
from bot.metrics import Metrics
from bot.models.command import model_group
from bot.models.library import ModelLibrary
from bot.models.versions import VersionService
from bot.morph.command import morph_command
from bot.morph.service import MorphService
from bot.neighbors.command import neighbors_command, neighbors_menu
from bot.neighbors.service import NeighborService
from bot.privacy.card import PrivacyButton
from bot.privacy.command import privacy_command
from bot.privacy.departures import DepartureService
from bot.privacy.service import PrivacyService
from bot.retraining.board import DiscordBoard
from bot.retraining.card import JobButton
from bot.retraining.command import retrain_command
from bot.retraining.service import RetrainService
from bot.rules.card import SettingControl
from bot.rules.command import settings_command
from bot.talk.access import AccessService
from bot.talk.answering import admitted, answer_error
from bot.talk.brakes import Burst, Cooldown
from bot.talk.guard import Guard
from bot.talk.sync import sync_commands
from bot.talk.texts import Texts
from bot.talk.translator import CommandTranslator

log = logging.getLogger(__name__)

PERMISSIONS = discord.Permissions(
    view_channel=True, send_messages=True, send_messages_in_threads=True, attach_files=True
)
"""What an invitation asks for."""

LONGEST_RATE_LIMIT = 30.0
"""Seconds that a request may wait for Discord's rate limits; past that it fails, and the person is told."""


COMMANDS: tuple[
    Callable[[Texts], app_commands.Command[Any, ..., Any] | app_commands.Group | app_commands.ContextMenu], ...
] = (
    icon_command,
    gallery_group,
    daily_group,
    neighbors_command,
    neighbors_menu,
    morph_command,
    info_menu,
    retrain_command,
    model_group,
    settings_command,
    privacy_command,
    help_command,
    about_command,
)
"""What builds the commands."""

DYNAMIC_ITEMS = (
    AnotherButton,
    VaryButton,
    OpenSelect,
    NeighborsButton,
    DeleteButton,
    FavoriteButton,
    UseButton,
    PageButton,
    PickSelect,
    JobButton,
    SettingControl,
    PrivacyButton,
)
"""All that the client has to know to answer presses on messages of earlier runs."""


@dataclass
class Parts:
    """What the client works with."""

    icons: IconService
    models: ModelLibrary
    gallery: GalleryService
    schedules: ScheduleService
    posts: PostService
    neighbors: NeighborService
    morphs: MorphService
    versions: VersionService
    retraining: RetrainService
    access: AccessService
    privacy: PrivacyService
    departures: DepartureService
    database: Database
    texts: Texts = field(default_factory=Texts.load)
    burst: Burst = field(default_factory=Burst)
    metrics: Metrics = field(default_factory=Metrics)
    clock: Callable[[], datetime] = clock
    development_guild: int | None = None
    retrain_guilds: frozenset[int] = frozenset()
    look_every: timedelta | None = LOOK_EVERY
    """How often to look for daily posts that other processes have set; None: there is no other process."""
    source_url: str | None = None
    serving: bool = True
    """False: a login for the sake of the commands alone; nothing is synced by itself, nothing is posted."""


class MojiganTree(app_commands.CommandTree["Mojigan"]):
    """The slash commands; whatever they raise goes to the one error handler."""

    async def interaction_check(self, interaction: discord.Interaction[Mojigan], /) -> bool:
        """Called by discord.py before each command, and before each autocompletion, which gives nothing away."""
        return interaction.type is discord.InteractionType.autocomplete or await admitted(interaction)

    async def on_error(self, interaction: discord.Interaction[Mojigan], error: app_commands.AppCommandError, /) -> None:
        """Called by discord.py."""
        await answer_error(interaction, error)


class Mojigan(discord.AutoShardedClient):
    """The bot. It needs no privileged intent: interactions bring along all that it looks at."""

    def __init__(self, parts: Parts) -> None:
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nothing here speaks
        super().__init__(
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            max_ratelimit_timeout=LONGEST_RATE_LIMIT,
        )
        self.parts = parts
        self.icons = parts.icons
        self.models = parts.models
        self.gallery = parts.gallery
        self.neighbors = parts.neighbors
        self.morphs = parts.morphs
        self.versions = parts.versions
        self.retraining = parts.retraining
        self.retrain_guilds = parts.retrain_guilds
        self.texts = parts.texts
        self.burst = parts.burst
        self.access = parts.access
        self.privacy = parts.privacy
        self.guard = Guard(parts.access, Cooldown(), parts.texts)
        self.metrics = parts.metrics
        self.schedules = parts.schedules
        self.posts = parts.posts
        self.outlet = DiscordOutlet(self)
        self.daily = DailyScheduler(parts.posts, self.outlet, parts.clock, self.is_ready, parts.look_every)
        self.answers: set[asyncio.Task[object]] = set()
        self.closing = False
        self.started_at = parts.clock()
        self.tree = MojiganTree(self)
        for build in COMMANDS:
            self.tree.add_command(build(parts.texts))

    async def setup_hook(self) -> None:
        """Called by discord.py once per process, after the login and before the connection."""
        self.add_dynamic_items(*DYNAMIC_ITEMS)
        if not self.parts.serving:
            return
        try:
            await self.sync_commands()
        except discord.HTTPException as error:
            log.error("the commands could not be sent to Discord; those of the last time stay: %s", error)
        self.daily.start()
        self.retraining.attach(DiscordBoard(self))

    async def sync_commands(self, *, force: bool = False) -> bool:
        """Send the commands to Discord if they changed; True when they were sent. Raises discord.HTTPException."""
        parts = self.parts
        await self.tree.set_translator(CommandTranslator(parts.texts))
        return await sync_commands(
            self.tree, parts.database, parts.clock, guild_id=parts.development_guild, force=force
        )

    async def on_ready(self) -> None:
        """Say in the log that the bot is there, and how it is invited; look at what is due. Also after a reconnect."""
        assert self.user is not None  # noqa: S101 - there is one once the bot is ready
        log.info("logged in as %s, in %d servers", self.user, len(self.guilds))
        log.info("invite it with %s", self.invitation())
        self.daily.wake()
        await self.parts.departures.look([guild.id for guild in self.guilds])

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Called by discord.py when the bot was removed from a server, or the server was deleted."""
        log.info("removed from server %d", guild.id)
        await self.parts.departures.left(guild.id)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Called by discord.py when the bot was added to a server."""
        await self.parts.departures.back(guild.id)

    async def on_interaction(self, interaction: discord.Interaction[Mojigan]) -> None:
        """Called by discord.py for each interaction, after it has looked for commands, buttons and selects itself."""
        if interaction.type is discord.InteractionType.modal_submit:
            await answer_form(interaction)

    def invitation(self) -> str:
        """The address that adds the bot to a server."""
        assert self.application_id is not None  # noqa: S101 - known after the login
        return discord.utils.oauth_url(
            self.application_id, permissions=PERMISSIONS, scopes=("bot", "applications.commands")
        )

    async def finish_answers(self, seconds: float) -> None:
        """Begin no new answer and no new post, and give the running ones time to be delivered."""
        self.closing = True
        posts = asyncio.create_task(self.daily.stop(seconds))
        if self.answers:
            await asyncio.wait(self.answers, timeout=seconds)
        await posts

    async def close(self) -> None:
        """Called by discord.py, at the latest when its context ends."""
        await self.daily.stop(0)
        await super().close()
