"""A clock, a channel and two processes for the daily posts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.db.upgrade import upgrade
from tests.bot.daily.posts import Channel, Clock, Process, start, stop


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
