"""Whether Discord knows the token, and what the bot may do in its servers, for `python -m bot check`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord

from bot.operating.machine import CheckResult, words_of
from bot.settings import TOKEN_VARIABLE, variable_of
from bot.talk.invitation import PERMISSIONS, invitation
from bot.talk.reach import UNREACHABLE

SERVERS_LOOKED_AT = 25
"""Servers whose permissions are looked at; each costs two requests."""

DISCORD_PATIENCE = 60.0
"""Seconds for all requests to Discord together."""


async def check_discord(
    token: str, development_guild: int | None, client: discord.Client | None = None
) -> list[CheckResult]:
    """Whether Discord accepts the token, and what the bot may do in its servers ("token", "servers").

    `client` replaces the one that talks to Discord; it stays open.
    """
    results = []
    try:
        async with asyncio.timeout(DISCORD_PATIENCE), _borrowed(client) as discord_client:
            await discord_client.login(token)
            application_id = discord_client.application_id or 0  # known after the login
            known = (
                f"Discord knows {discord_client.user} (application {application_id}); it needs no privileged intent."
            )
            results.append(CheckResult("token", True, known))
            results.append(await _check_servers(discord_client, application_id, development_guild))
    except discord.LoginFailure:
        reason = (
            f"Discord does not accept {TOKEN_VARIABLE}: reset the token on the application's Bot page, copy it again."
        )
        results.append(CheckResult("token", False, reason))
    except discord.HTTPException as error:
        reason = f"Discord answered with an error ({error.status}, code {error.code}): try again later."
        results.append(CheckResult("servers" if results else "token", False, reason))
    except UNREACHABLE as error:
        reason = f"Discord cannot be reached ({words_of(error)}): check the network."
        results.append(CheckResult("servers" if results else "token", False, reason))
    return results


async def _check_servers(client: discord.Client, application_id: int, development_guild: int | None) -> CheckResult:
    guilds = [guild async for guild in client.fetch_guilds(limit=None)]
    if not guilds:
        return CheckResult(
            "servers", False, f"The bot is in no server yet: invite it with {invitation(application_id)}"
        )
    if development_guild is not None and development_guild not in {guild.id for guild in guilds}:
        name = variable_of("development_guild")
        return CheckResult("servers", False, f"{name} is {development_guild}, and the bot is not in that server.")
    lacking = []
    for guild in guilds[:SERVERS_LOOKED_AT]:
        missing = await _missing_permissions(client, guild.id)
        if missing:
            lacking.append(f"{guild.name} ({missing})")
    if lacking:
        return CheckResult("servers", False, f"The bot's roles lack permissions in: {'; '.join(lacking)}.")
    looked_at = f"{len(guilds)}" if len(guilds) <= SERVERS_LOOKED_AT else f"{SERVERS_LOOKED_AT} of {len(guilds)}"
    return CheckResult("servers", True, f"The bot's roles have the permissions they need in {looked_at} servers.")


async def _missing_permissions(client: discord.Client, guild_id: int) -> str:
    assert client.user is not None  # noqa: S101 - logged in
    guild = await client.fetch_guild(guild_id, with_counts=False)
    own = (await guild.fetch_member(client.user.id)).guild_permissions
    missing = [name for name, wanted in PERMISSIONS if wanted and not getattr(own, name)]
    return ", ".join(name.replace("_", " ").title() for name in missing)


@asynccontextmanager
async def _borrowed(client: discord.Client | None) -> AsyncIterator[discord.Client]:
    if client is not None:
        yield client
        return
    async with discord.Client(intents=discord.Intents.none(), max_ratelimit_timeout=30) as own:
        yield own
