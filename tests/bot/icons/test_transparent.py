"""A bot whose model draws transparent icons: its pictures let Discord's own background through, and it retrains so."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from bot.models.library import ModelLibrary
from bot.morph import service as morphs
from tests.bot.icons.test_use import MAKER, fill_in, member, sent
from tests.bot.retraining.host import furnish
from tests.bot.world import World, for_one, open_world, public
from train.__main__ import app as train


@pytest.fixture
async def world(transparent_bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(morphs, "WALK_STEPS", 2)
    async with open_world(transparent_bundle_path, tmp_path) as opened:
        yield opened


def opacity(content: bytes, frame: int = 0) -> NDArray[np.uint8]:
    """How opaque each pixel of a picture is, 0 to 255."""
    with Image.open(io.BytesIO(content)) as picture:
        picture.seek(frame)
        assert picture.mode == "RGBA"
        return np.asarray(picture.getchannel("A"))


async def test_cards_show_icons_on_what_is_behind_them(world: World) -> None:
    single = await world.icon(seed="1")
    seen = opacity(await world.picture(single))
    assert seen.shape == (512, 512)
    assert 0 < seen.mean() < 255
    sheet = opacity(await world.picture(await world.icon(seed="1", count=4)))
    assert not sheet[:4].any(), "paper lies between the icons"
    assert sheet[4:260, 4:260].any()
    walk = await world.picture(public(await world.asker.slash(world.channel, "morph", **{"from": "1", "to": "2"})))
    assert all(0 < opacity(walk, frame).mean() < 255 for frame in range(2))
    await world.asker.click(single, label="Favorite")
    page = opacity(await world.picture(for_one(await world.asker.slash(world.channel, "gallery mine"))))
    assert not page[:4].any()


async def test_an_emoji_and_a_sticker_are_as_transparent_as_the_icon(world: World) -> None:
    maker = member(world, MAKER)
    await fill_in(world, maker, "emoji", seed="1")
    (request,) = sent(world, "/emojis")
    emoji = opacity(base64.b64decode(request.json["image"].partition(";base64,")[2]))
    await fill_in(world, maker, "sticker", seed="1")
    (stored,) = world.env.backend.get_guild(world.guild.id).stickers.values()
    assert stored.url is not None
    sticker = opacity(await world.client.http.get_from_cdn(stored.url))
    for seen, size in ((emoji, 128), (sticker, 320)):
        assert seen.shape == (size, size)
        assert 0 < seen.mean() < 255


async def test_an_icon_is_handed_out_large_and_as_it_was_drawn(world: World) -> None:
    card = await world.icon(seed="42 ~3")
    await world.restart()
    answer = for_one(await world.other.click(card, label="Download"))
    version = world.service(ModelLibrary).active.version
    size = world.service(ModelLibrary).active.bundle.image_size
    names = [attachment.filename for attachment in answer.message.attachments]
    assert names == [f"mojigan-{version}-42-v3-512.png", f"mojigan-{version}-42-v3-{size}.png"]
    for attachment, edge in zip(answer.message.attachments, (512, size), strict=True):
        seen = opacity(await attachment.read())
        assert seen.shape == (edge, edge)
        assert 0 < seen.mean() < 255


async def test_neighbors_of_a_transparent_icon_stand_on_paper(world: World) -> None:
    card = public(await world.asker.slash(world.channel, "neighbors", seed="1"))
    with Image.open(io.BytesIO(await world.picture(card))) as picture:
        assert (picture.mode, picture.getpixel((0, 0))) == ("RGB", (255, 255, 255))


async def test_a_retraining_stays_transparent(world: World, transparent_bundle_path: Path, tmp_path: Path) -> None:
    host = furnish(world, transparent_bundle_path, tmp_path)
    card = await host.retrain(kimg=1.0)
    await host.until(card, "draws from now on")
    (call,) = host.calls()
    assert call[call.index("--background") + 1] == "transparent"
    assert "--alpha" not in call
    with Image.open(io.BytesIO(await world.picture(card))) as picture:
        assert picture.mode == "RGB", "both sheets lie on paper, under captions"
    planned = CliRunner(env={"COLUMNS": "200"}).invoke(train, [*call, "--dry-run"])
    assert planned.exit_code == 0, planned.output
    assert "transparent" in planned.output
