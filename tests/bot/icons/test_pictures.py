"""Pictures from people stand in a line of their own: it is short, holds little, and nobody else waits in it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from bot.icons.pictures import (
    AT_ONCE,
    LONGEST_LINE,
    LONGEST_OF_ONE,
    OwnPicturesWaitError,
    PictureReader,
    PicturesWaitError,
)
from bot.icons.rows import Origin
from bot.neighbors.service import NeighborService
from generator.checkpoint import read_bundle
from generator.decode import Cause, DecodeError
from generator.decoder import Decoder
from tests.bot.neighbors.test_neighbors import saved
from tests.bot.world import World, private, until, words
from tests.conftest import draw_icon


@pytest.fixture
async def reader() -> AsyncIterator[PictureReader]:
    reader = PictureReader()
    yield reader
    await reader.aclose()


async def test_few_are_in_memory_and_the_line_is_short(reader: PictureReader) -> None:
    held, release = 0, asyncio.Event()

    async def wait(user_id: int) -> None:
        nonlocal held
        async with reader.turn(user_id):
            held += 1
            await release.wait()
            held -= 1

    async with asyncio.TaskGroup() as tasks:
        for user_id in range(LONGEST_LINE - 1):
            tasks.create_task(wait(user_id))
        tasks.create_task(wait(0))
        await until(lambda: held == AT_ONCE and reader._line.total() == LONGEST_LINE)
        with pytest.raises(PicturesWaitError):
            await wait(LONGEST_LINE)
        with pytest.raises(OwnPicturesWaitError):
            await wait(0)
        assert held == AT_ONCE
        release.set()
    assert not reader._line
    async with reader.turn(LONGEST_LINE):
        pass


async def test_who_goes_away_leaves_the_line(reader: PictureReader) -> None:
    async def wait() -> None:
        async with reader.turn(1):
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(wait()) for _ in range(LONGEST_OF_ONE)]
    await until(lambda: reader._line[1] == LONGEST_OF_ONE)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not reader._line


async def test_a_picture_becomes_an_icon(reader: PictureReader, tiny_bundle_path: Path) -> None:
    bundle = read_bundle(tiny_bundle_path)
    icon = await reader.decode(saved(draw_icon(3)), like=bundle, name="x")
    assert np.array_equal(np.asarray(icon), np.asarray(draw_icon(3)))
    with pytest.raises(DecodeError):
        await reader.decode(b"?", like=bundle, name="x")


async def test_pictures_that_take_long_hold_up_no_icon(world: World) -> None:
    """As many pictures of one person as may wait; what this person is told of another one, and of these."""
    release, started = threading.Event(), threading.Event()

    def decode(_self: Decoder, _data: bytes, *, name: str, **_: object) -> None:
        started.set()
        release.wait()
        raise DecodeError(name, "takes too long", Cause.TIME)

    async def fetch() -> bytes:
        return b"..."

    compare, given = world.service(NeighborService).of_picture, ("slow.png", saved(draw_icon(1)))
    with patch.object(Decoder, "decode", decode):
        waiting = [
            asyncio.create_task(compare(fetch, "", where=Origin(None, None, world.asker.id)))
            for _ in range(LONGEST_OF_ONE)
        ]
        try:
            await until(started.is_set)
            assert words(await world.icon(seed="42")).startswith("Seed `42`")
            third = await world.asker.slash(world.channel, "neighbors", picture=given)
        finally:
            release.set()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        fourth = await world.asker.slash(world.channel, "neighbors", picture=given)
    assert [type(end) for end in ends] == [DecodeError] * LONGEST_OF_ONE
    assert private(third) == "I am still busy with 2 pictures of yours. Please wait for them."
    assert private(fourth) == (
        "slow.png takes more time or memory to read than a picture should. Please make it smaller, or save it as PNG."
    )
