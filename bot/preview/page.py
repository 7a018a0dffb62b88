"""The real bot against a simulated Discord (SimCord) in a local browser page: no token, and nothing is kept.

python -m bot preview [--port N] [--no-browser]
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.app import FINISHING_TIME, StartError, open_services
from bot.client import Mojigan
from bot.daily.alarm import DailyAlarm
from bot.db.urls import sqlite_url
from bot.retraining.service import RetrainService
from bot.settings import Settings

if TYPE_CHECKING:
    import simcord

ACTION_LIMIT = 120.0
"""Seconds that an action on the page may take; the slowest machine draws nine icons in a fraction of it."""


@asynccontextmanager
async def open_preview(settings: Settings, port: int = 0) -> AsyncIterator[simcord.Preview]:
    """Start the bot in a simulated server with an admin and a guest, and serve its page; port 0 takes a free one.

    Database and models lie in a temporary folder that goes at the end.
    Raises StartError and what `open_services` raises, each with a sentence.
    """
    # SimCord's import tries discord.py out, which warns of intents and of voice.
    logging.getLogger("discord").setLevel(logging.ERROR)
    try:
        import simcord

        from bot.preview.stage import furnish
    except ImportError as error:
        raise StartError(
            "The simulated Discord is not installed: run python -m pip install 'mojigan[preview]', or make preview."
        ) from error
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mojigan-preview-")))
        # SimCord's time stands still while nothing happens: the bot keeps the time of the machine.
        services = await stack.enter_async_context(open_services(throw_away(settings, folder), machine_time))
        # It waits for all that is due within ACTION_LIMIT: the bot, alone here, sets no alarm beyond its posts.
        client = Mojigan(services)
        client.service(DailyAlarm).look_every = None
        world = simcord.run(client, shard_count=1, check_errors=False, settle_timeout=ACTION_LIMIT)
        try:
            env = await stack.enter_async_context(world)
        except TimeoutError as error:
            raise StartError("The bot was not ready within 5 seconds: the machine is busy. Try again.") from error
        stack.push_async_callback(services.get(RetrainService).worker.abandon)
        stack.push_async_callback(client.finish_answers, FINISHING_TIME)
        page = await furnish(env, machine_time, port)
        try:
            await stack.enter_async_context(page)
        except simcord.SetupError as error:
            if isinstance(error.__cause__, OSError):
                reason = os.strerror(error.__cause__.errno or 0).lower()
                raise StartError(f"Port {port} cannot be used ({reason}): choose another one with --port.") from error
            raise StartError(f"The page cannot be served: {error}") from error  # simcord[preview] is not whole
        yield page


def machine_time() -> datetime:
    """The present instant, UTC with zone, also within a simulated Discord: daily posts should come at their time."""
    return datetime.now(UTC)


def throw_away(settings: Settings, folder: Path) -> Settings:
    """The settings for a bot that keeps everything in `folder` and knows no Discord."""
    update = {
        "token": None,
        "development_guild": None,
        "data": folder,
        "database_url": sqlite_url(folder / "mojigan.db"),
    }
    return settings.model_copy(update=update)


async def show_preview(settings: Settings, *, port: int, browser: bool, announce: Callable[[str], None]) -> None:
    """Serve the page until it is closed or the task is cancelled; `announce` is told its address."""
    async with open_preview(settings, port) as page:
        announce(page.url)
        if browser and _has_screen():
            await asyncio.to_thread(webbrowser.open, page.url)
        await page.wait_closed()


def _has_screen() -> bool:
    """Whether a browser would have a window; a browser of the terminal would fill it."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
