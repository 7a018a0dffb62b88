"""What a run leaves in its bundles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from generator.checkpoint import read_bundle
from generator.files import SAMPLES
from generator.pictures import grid
from generator.studio import Studio
from tests.train.run.door import folder_of, train
from train.run.folder import BEST
from train.run.outputs import SHEET_COLUMNS


def test_the_samples_of_a_bundle_are_what_the_bot_will_draw(tmp_path: Path) -> None:
    icons = tmp_path / "icons"
    icons.mkdir()
    for number in range(16):
        disc = Image.new("RGBA", (64, 64))
        ImageDraw.Draw(disc).ellipse((20, 20, 44, 44), fill=(15 * number, 90, 200))
        disc.save(icons / f"{number}.png")
    assert (
        train(
            "--icons", icons, "--kimg", "0.016", "--batch", "4", "--width", "8", "--runs", tmp_path / "runs"
        ).exit_code
        == 0
    )
    path = folder_of(tmp_path / "runs") / BEST
    drawn = grid(Studio(read_bundle(path), "cpu").draw(range(1, 65)), SHEET_COLUMNS)
    with Image.open(path / SAMPLES) as samples:
        difference = ImageChops.difference(samples.getchannel("A"), drawn.getchannel("A"))
    assert np.asarray(difference).max() <= 1  # the Studio's weights are folded
