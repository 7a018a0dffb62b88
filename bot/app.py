"""The composition root: builds the bot from its settings, runs it until a signal comes, and closes it in order."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import aiohttp
import discord

from bot.client import Mojigan, Parts
from bot.clock import clock
from bot.daily.alarm import LOOK_EVERY
from bot.daily.posting import PostService
from bot.daily.runs import RunBook
from bot.daily.schedules import ScheduleService
from bot.db.session import Database
from bot.db.upgrade import upgrade
from bot.gallery.service import GalleryService
from bot.icons.service import IconService
from bot.metrics import Metrics
from bot.models.library import ModelLibrary
from bot.models.versions import VersionService
from bot.morph.service import MorphService
from bot.neighbors.service import NeighborService
from bot.operating.health import Health, serve_health
from bot.privacy.departures import DepartureService
from bot.privacy.service import PrivacyService
from bot.retraining.service import RetrainService
from bot.settings import Settings, variable_of
from bot.talk.access import AccessService

log = logging.getLogger(__name__)

FINISHING_TIME = 10.0
"""Seconds that running answers have to be delivered once the bot is told to stop."""

_GIB = 2**30


class StartError(Exception):
    """Why the bot cannot run: one sentence with the way out."""


@dataclass
class App:
    """The parts that live as long as the process; clients come and go on top of them."""

    settings: Settings
    database: Database
    library: ModelLibrary
    icons: IconService
    gallery: GalleryService
    schedules: ScheduleService
    posts: PostService
    versions: VersionService
    retraining: RetrainService
    metrics: Metrics = field(default_factory=Metrics)
    now: Callable[[], datetime] = clock

    def client(self, *, serving: bool = True, look_every: timedelta | None = LOOK_EVERY) -> Mojigan:
        """A client on these parts. A new one is needed for each login."""
        return Mojigan(
            Parts(
                icons=self.icons,
                models=self.library,
                gallery=self.gallery,
                schedules=self.schedules,
                posts=self.posts,
                neighbors=NeighborService(self.library, self.icons),
                morphs=MorphService(self.library, self.icons),
                versions=self.versions,
                retraining=self.retraining,
                retrain_guilds=self.settings.retrain_guilds,
                access=AccessService(self.database, self.now, self.settings.quota),
                privacy=PrivacyService(self.database, self.now),
                departures=DepartureService(self.database, self.now),
                source_url=self.settings.source_url,
                database=self.database,
                metrics=self.metrics,
                clock=self.now,
                development_guild=self.settings.development_guild,
                look_every=look_every,
                serving=serving,
            )
        )


def build_app(
    settings: Settings, database: Database, now: Callable[[], datetime] = clock, metrics: Metrics | None = None
) -> App:
    """The parts on a database, with the library still closed."""
    metrics = metrics or Metrics()
    library = ModelLibrary(settings, database, now, metrics.generation.observe)
    icons, schedules = IconService(database, library, now), ScheduleService(database, now)
    gallery = GalleryService(database, library, icons, now)
    posts = PostService(icons, gallery, schedules, RunBook(database, now), now)
    versions = VersionService(database, library, settings.data, settings.models_limit * _GIB)
    retraining = RetrainService(settings, database, library, versions, now)
    return App(settings, database, library, icons, gallery, schedules, posts, versions, retraining, metrics, now)


@asynccontextmanager
async def open_app(
    settings: Settings, now: Callable[[], datetime] = clock, metrics: Metrics | None = None
) -> AsyncIterator[App]:
    """Upgrade and open the database, load the model, and close both again, the model first.

    Raises DatabaseError, BundleError and DeviceError, each with one sentence, before anything is sent to Discord.
    """
    async with _open_database(settings) as database:
        app = build_app(settings, database, now, metrics)
        try:
            await app.library.open()
            app.retraining.worker.start()
            yield app
        finally:
            await app.retraining.worker.stop()
            await app.library.aclose()


@asynccontextmanager
async def _open_database(settings: Settings) -> AsyncIterator[Database]:
    await asyncio.to_thread(upgrade, settings.database_url)
    database = Database(settings.database_url)
    try:
        yield database
    finally:
        await database.close()


async def run_bot(settings: Settings) -> None:
    """Serve Discord until cancelled. Raises StartError and what `open_app` raises."""
    token, health = require_token(settings), Health()
    # The probes answer from before the start to after the end of everything else.
    async with (
        _probes(health, settings),
        open_app(settings, metrics=health.metrics) as health.app,
        health.app.client() as client,
    ):
        health.client = client
        try:
            with _login_errors():
                await client.start(token)
        finally:
            await client.finish_answers(FINISHING_TIME)


@asynccontextmanager
async def _probes(health: Health, settings: Settings) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(serve_health(health, settings.health_host, settings.health_port))
        except OSError as error:
            raise StartError(
                f"{variable_of('health_port')}: {settings.health_host}:{settings.health_port} cannot be opened "
                f"({error.strerror}); choose another port, or leave it empty."
            ) from error
        yield


async def sync_bot(settings: Settings, *, force: bool) -> bool:
    """Log in, send the commands if they changed (with `force` in any case), log out; True when they were sent.

    Raises StartError and DatabaseError.
    """
    token = require_token(settings)
    async with _open_database(settings) as database, build_app(settings, database).client(serving=False) as client:
        with _login_errors():
            await client.login(token)
            return await client.sync_commands(force=force)


def require_token(settings: Settings) -> str:
    """The bot's token. Raises StartError, with a sentence that says how to get by without one."""
    if settings.token is None or not settings.token.get_secret_value().strip():
        raise StartError(
            "There is no token: put DISCORD_TOKEN=... into the environment or a file .env (the README tells where "
            "to get one), or try the bot without Discord: python -m bot preview"
        )
    return settings.token.get_secret_value()


@contextmanager
def _login_errors() -> Iterator[None]:
    try:
        yield
    except discord.LoginFailure as error:
        raise StartError(
            "Discord does not know this token: copy it again from the application's page (Bot, Reset Token)."
        ) from error
    except discord.HTTPException as error:
        raise StartError(f"Discord refused: {error}") from error
    except (discord.ConnectionClosed, discord.GatewayNotFound) as error:
        raise StartError(f"Discord ended the connection: {error}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise StartError(f"Discord cannot be reached ({error}): check the network.") from error


async def until_stopped(work: Coroutine[object, object, None]) -> None:
    """Run `work` until it ends, or SIGINT or SIGTERM cancels it and it has closed what it opened.

    Further signals change nothing: closing is short, and skipping it would leave things open.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    stopped = False

    def stop(number: signal.Signals) -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            log.info("%s: finishing the answers in hand, then closing", number.name)
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
