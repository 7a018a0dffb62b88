"""The bot with each network of the family: what it draws, compares and walks between."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bot.models.library import ModelLibrary
from bot.morph import service as morphs
from generator.gray import in_gray
from tests.bot.world import World, open_world, public
from tests.conftest import write_tiny_bundle
from train.adversary.recipes import PRESETS


@pytest.fixture
async def world(tiny_bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(morphs, "WALK_STEPS", 2)
    async with open_world(tiny_bundle_path, tmp_path) as opened:
        yield opened


def small_bundle(preset: str, colored: NDArray[np.uint8], folder: Path) -> Path:
    """A bundle of a preset's network, narrow and fresh: gray and of 28 pixels where it can be, like the paper's."""
    recipe = replace(PRESETS[preset], width=8)
    gray = in_gray(colored)[:, 18:46, 18:46]
    try:
        icons, config = gray, recipe.network(28, 1)
    except ValueError:
        icons, config = colored, recipe.network(64, 3)
    return write_tiny_bundle(folder / preset, icons, config, preset=preset, batch=4)


async def test_every_network_is_hosted_like_any_other(
    world: World, drawn_icons: NDArray[np.uint8], tmp_path: Path
) -> None:
    library = world.service(ModelLibrary)
    for preset in PRESETS:
        bundle = small_bundle(preset, drawn_icons, tmp_path)
        model = await library.activate(await library.keep(bundle))
        assert model.bundle.card.preset == preset
        first, again, other = [await world.picture(await world.icon(seed=seed)) for seed in ("42", "42", "43")]
        assert first == again, preset
        assert first != other, preset
        compared = public(await world.asker.slash(world.channel, "neighbors", seed="42"))
        walk = public(await world.asker.slash(world.channel, "morph", **{"from": "42", "to": "43"}))
        with Image.open(io.BytesIO(await world.picture(compared))) as picture:
            assert picture.width > picture.height, preset  # the icon and its neighbors in a row
        with Image.open(io.BytesIO(await world.picture(walk))) as picture:
            assert getattr(picture, "n_frames", 1) > 1, preset
