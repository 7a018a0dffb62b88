"""A bot whose model draws gray icons of 28 pixels: it shows, compares and hands them out, and retrains so."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bot.models.library import ModelLibrary
from bot.morph import service as morphs
from tests.bot.icons.test_use import MAKER, fill_in, member, sent
from tests.bot.neighbors.test_neighbors import COPY, saved
from tests.bot.retraining.host import furnish
from tests.bot.world import World, for_one, open_world, public, words
from tests.conftest import draw_icon


@pytest.fixture
async def world(gray_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(morphs, "WALK_STEPS", 2)
    async with open_world(gray_run / "best", tmp_path) as opened:
        yield opened


def size_of(content: bytes) -> tuple[int, int]:
    """The size of a picture, in which something is drawn and nothing is more colored than the captions' ink."""
    with Image.open(io.BytesIO(content)) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert np.ptp(pixels, axis=2).max() <= 12
    assert pixels.std() > 2
    return picture.size


async def test_it_is_shown_compared_and_handed_out_like_any_other(world: World) -> None:
    card = await world.icon(seed="42")
    assert size_of(await world.picture(card)) == (512, 512)
    assert size_of(await world.picture(await world.icon(seed="1", count=4)))
    walk = public(await world.asker.slash(world.channel, "morph", **{"from": "1", "to": "2"}))
    assert size_of(await world.picture(walk))
    assert size_of(await world.picture(public(await world.asker.slash(world.channel, "neighbors", seed="42"))))
    large, small = for_one(await world.asker.click(card, label="Download")).message.attachments
    assert (size_of(await large.read()), size_of(await small.read())) == ((512, 512), (28, 28))
    await world.asker.click(card, label="Favorite")
    assert size_of(await world.picture(for_one(await world.asker.slash(world.channel, "gallery mine"))))
    await fill_in(world, member(world, MAKER), "emoji", seed="1")
    (request,) = sent(world, "/emojis")
    assert size_of(base64.b64decode(request.json["image"].partition(";base64,")[2])) == (128, 128)


async def test_a_colored_picture_is_seen_as_its_training_icons_were(world: World) -> None:
    """In black and white: in colors, it would be far from the icon that it became."""
    bundle = world.service(ModelLibrary).active.bundle
    assert bundle.threshold == 0.4
    given = ("nine.png", saved(draw_icon(9)))
    card = public(await world.asker.slash(world.channel, "neighbors", picture=given))
    assert COPY in words(card)


async def test_a_retraining_reads_icons_as_the_running_model_did(world: World, gray_run: Path, tmp_path: Path) -> None:
    host = furnish(world, gray_run / "best", tmp_path)
    card = await host.retrain(kimg=1.0)
    await host.until(card, "draws from now on")
    (call,) = host.calls()
    assert call[call.index("--size") + 1] == "28"
    assert call[call.index("--background") + 1] == "#ffffff"
    assert call[call.index("--threshold") + 1] == "0.4"
    assert "--gray" in call
