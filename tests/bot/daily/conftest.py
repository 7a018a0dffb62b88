"""A clock, a channel and two processes for the daily posts; a server with somebody who sets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import discord
import pytest
import simcord

from bot.app import open_services
from bot.db.upgrade import upgrade
from tests.bot.daily.posts import Channel, Clock, Process, start, stop
from tests.bot.world import World, in_discord, settings_for


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def channel(clock: Clock) -> Channel:
    return Channel(clock)


@pytest.fixture
async def first(database_url: str, tiny_bundle_path: Path, tmp_path: Path, clock: Clock) -> AsyncIterator[Process]:
    await asyncio.to_thread(upgrade, database_url)
    process = await start(database_url, tiny_bundle_path, tmp_path / "first", clock)
    yield process
    await stop(process)


@pytest.fixture
async def second(
    first: Process, database_url: str, tiny_bundle_path: Path, tmp_path: Path, clock: Clock
) -> AsyncIterator[Process]:
    process = await start(database_url, tiny_bundle_path, tmp_path / "second", clock)
    yield process
    await stop(process)


@pytest.fixture
def begin() -> datetime:
    """When the simulated Discord begins: two days before Europe's summer time."""
    return datetime(2026, 3, 27, 12, tzinfo=UTC)


@pytest.fixture
def look_every() -> timedelta:
    """How often the bot looks for what other processes have set."""
    return timedelta(hours=1)


@pytest.fixture
async def world(tiny_bundle_path: Path, tmp_path: Path, begin: datetime, look_every: timedelta) -> AsyncIterator[World]:
    async with (
        open_services(settings_for(tiny_bundle_path, tmp_path)) as services,
        in_discord(services, begin, look_every) as opened,
    ):
        yield opened


@pytest.fixture
def manager(world: World) -> simcord.MemberActor:
    """Somebody with Manage Server, who may not ping all roles."""
    role = world.guild.create_role("Manager", permissions=discord.Permissions(manage_guild=True))
    return world.guild.add_member(world.env.create_user("manager"), roles=[role])
