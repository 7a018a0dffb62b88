"""What a run leaves in its bundles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from generator.checkpoint import read_bundle
from generator.files import SAMPLES
from generator.pictures import grid
from generator.studio import Studio
from tests.train.run.door import folder_of, train
from train.run.folder import LATEST
from train.run.outputs import SHEET_COLUMNS


@pytest.mark.parametrize("growing", [(), ("--growth", "0.5", "--evaluate-every", "0.004")])
def test_the_samples_of_a_bundle_are_what_the_bot_will_draw(tmp_path: Path, growing: tuple[str, ...]) -> None:
    icons, runs = tmp_path / "icons", tmp_path / "runs"
    icons.mkdir()
    for number in range(16):
        disc = Image.new("RGBA", (64, 64))
        ImageDraw.Draw(disc).ellipse((20, 20, 44, 44), fill=(15 * number, 90, 200))
        disc.save(icons / f"{number}.png")
    result = train("--icons", icons, "--kimg", "0.016", "--batch", "4", "--width", "8", "--runs", runs, *growing)
    assert result.exit_code == 0, result.output
    path = folder_of(runs) / LATEST
    drawn = grid(Studio(read_bundle(path), "cpu").draw(range(1, 65)), SHEET_COLUMNS)
    with Image.open(path / SAMPLES) as samples:
        difference = ImageChops.difference(samples.getchannel("A"), drawn.getchannel("A"))
    assert np.asarray(difference).max() <= 1  # the Studio's weights are folded
