"""The composition root: builds the bot from its settings, runs it until a signal comes, and closes it in order."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import datetime
from types import FrameType

import discord

from bot.client import Mojigan
from bot.clock import clock
from bot.db.session import Database
from bot.db.upgrade import upgrade
from bot.features import furnish
from bot.icons.likeness import LikenessService
from bot.icons.pictures import PictureReader
from bot.metrics import Metrics
from bot.models.library import ModelLibrary
from bot.operating.health import Health, serve_health
from bot.retraining.service import RetrainService
from bot.services import Services
from bot.settings import Settings, variable_of
from bot.talk.reach import UNREACHABLE

log = logging.getLogger(__name__)

FINISHING_TIME = 10.0
"""Seconds that running answers have to be delivered once the bot is told to stop."""


class StartError(Exception):
    """Why the bot cannot run: one sentence with the way out."""


@asynccontextmanager
async def open_services(
    settings: Settings, now: Callable[[], datetime] = clock, metrics: Metrics | None = None
) -> AsyncIterator[Services]:
    """Upgrade and open the database, load the model, and close both again, the model first.

    Raises DatabaseError, BundleError and DeviceError, each with one sentence, before anything is sent to Discord.
    """
    async with _open_database(settings) as database:
        services = furnish(Services(settings, database, now, metrics))
        library, worker = services.get(ModelLibrary), services.get(RetrainService).worker
        try:
            await library.open()
            worker.start()
            yield services
        finally:
            await worker.stop()
            await services.get(LikenessService).aclose()
            await services.get(PictureReader).aclose()
            await library.aclose()


@asynccontextmanager
async def _open_database(settings: Settings) -> AsyncIterator[Database]:
    await asyncio.to_thread(upgrade, settings.database_url)
    database = Database(settings.database_url)
    try:
        yield database
    finally:
        await database.close()


async def run_bot(settings: Settings) -> None:
    """Serve Discord until cancelled. Raises StartError and what `open_services` raises."""
    token, health = require_token(settings), Health()
    # The probes answer from before the start to after the end of everything else.
    async with (
        _probes(health, settings),
        open_services(settings, metrics=health.metrics) as services,
        Mojigan(services) as client,
    ):
        health.services, health.client = services, client
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
    async with (
        _open_database(settings) as database,
        Mojigan(furnish(Services(settings, database, clock)), serving=False) as client,
    ):
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
    except UNREACHABLE as error:
        raise StartError(f"Discord cannot be reached ({error}): check the network.") from error


async def until_stopped(work: Coroutine[object, object, None]) -> None:
    """Run `work` until it ends, or SIGINT or SIGTERM cancels it and it has closed what it opened.

    Further signals change nothing: closing is short, and skipping it would leave things open.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    stopped = False

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            log.info("%s: finishing the answers in hand, then closing", signal.Signals(number).name)
            loop.call_soon_threadsafe(task.cancel)

    # Not the loop's own handlers, which are there on POSIX only.
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
