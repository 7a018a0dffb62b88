"""What `python -m bot check` looks at, in its order: token, servers, database, bundle, data folder, disk, health."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.operating.machine import (
    CheckResult,
    check_bundle,
    check_data_folder,
    check_database,
    check_disk,
    check_drawing,
    check_health,
)
from bot.settings import TOKEN_VARIABLE, Settings

if TYPE_CHECKING:  # without a token, nobody waits for discord.py
    import discord


async def run_checks(
    settings: Settings, client: discord.Client | None = None, *, draw: bool = False
) -> list[CheckResult]:
    """Look at what the bot needs. Raises nothing that can be foreseen; changes nothing.

    `client` replaces the one that talks to Discord; it stays open. `draw` also draws an icon, which needs torch.
    """
    return [
        *await _check_discord(settings, client),
        await check_database(settings),
        await asyncio.to_thread(check_drawing if draw else check_bundle, settings),
        await asyncio.to_thread(check_data_folder, settings),
        await asyncio.to_thread(check_disk, settings),
        await asyncio.to_thread(check_health, settings),
    ]


async def _check_discord(settings: Settings, client: discord.Client | None) -> list[CheckResult]:
    if settings.token is None:
        return [
            CheckResult(
                "token",
                False,
                f"{TOKEN_VARIABLE} is not set: put the bot's token into the environment or into .env "
                "(the README tells where to get one), or try `python -m bot preview`, which needs none.",
            )
        ]
    from bot.operating.servers import check_discord

    return await check_discord(settings.token.get_secret_value(), settings.development_guild, client)
