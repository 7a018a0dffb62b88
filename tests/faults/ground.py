"""What experiments begin with: a small bundle, a data folder with a bot's database, and a bot to work on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

from bot.app import open_services
from bot.services import Services
from tests.bot.world import settings_for
from tests.conftest import draw_icon, write_tiny_bundle
from tests.faults.stages import forked


def tiny_bundle(path: Path) -> Path:
    """A small real bundle of drawn icons."""
    return write_tiny_bundle(path, np.stack([np.asarray(draw_icon(number)) for number in range(20)]))


def with_bot(folder: Path, bundle: Path, work: Callable[[Services], Awaitable[None]]) -> None:
    """Open the bot's services on a data folder, work with them, and close them."""

    async def run() -> None:
        async with open_services(settings_for(bundle, folder)) as services:
            await work(services)

    asyncio.run(run())


def prepared(folder: Path, bundle: Path) -> Path:
    """A data folder that a bot has been at home in."""

    async def nothing(_: Services) -> None:
        pass

    forked(lambda: with_bot(folder, bundle, nothing))
    return folder
