"""The bundle that ships: whole, small, licensed, and drawing what it drew when it was made."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from generator.checkpoint import DEFAULT_BUNDLE, Bundle, read_bundle
from generator.files import SAMPLES
from generator.pictures import grid
from generator.studio import Studio


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return read_bundle(DEFAULT_BUNDLE)


def test_it_is_small_and_says_where_it_comes_from(shipped: Bundle) -> None:
    assert sum(file.stat().st_size for file in DEFAULT_BUNDLE.iterdir()) < 15 * 2**20
    assert {"Apache-2.0", "MIT", "CC-BY-4.0"} <= set(shipped.card.data.license.replace(",", "").split())
    assert shipped.card.started_from, "it was trained on from another model"
    assert {"swd", "kid", "recall", "coverage", "ms_ssim", "nearest", "copies"} <= set(shipped.card.metrics)
    assert shipped.card.data.held_out == 22


def test_it_is_transparent_and_brings_all_its_icons(shipped: Bundle) -> None:
    assert shipped.channels == 4
    assert len(shipped.all_icons()) == shipped.card.data.count + shipped.card.data.held_out
    assert shipped.card.plainest is not None


def test_its_page_is_about_it(shipped: Bundle) -> None:
    page = (DEFAULT_BUNDLE.parents[1] / "docs" / "model.md").read_text()
    assert shipped.digest in page
    for name, digits in (("swd", 1), ("kid", 0), ("recall", 2), ("nearest", 2)):
        assert f"{shipped.card.metrics[name].value:.{digits}f}".removeprefix("0") in page


def test_its_seeds_still_mean_what_they_meant(shipped: Bundle) -> None:
    """The sheet in the bundle was drawn by the training, on another day: seeds 1 to 64, within rounding, and untidy."""
    with Image.open(io.BytesIO((DEFAULT_BUNDLE / SAMPLES).read_bytes())) as image:
        then = np.asarray(image.convert("RGBa")).astype(int)  # what is hardly there has hardly a color
    now = np.asarray(grid(Studio(shipped, "cpu").draw(range(1, 65)), columns=16).convert("RGBa")).astype(int)
    cleared = (now[..., 3] == 0) & (then[..., 3] > 2)
    assert np.abs(now - then)[~cleared].max() <= 2
    assert cleared.any()
    assert then[cleared][:, 3].sum() < 0.001 * then[..., 3].sum()


def test_its_icons_are_no_noise_and_those_that_are_chosen_no_copies(shipped: Bundle) -> None:
    figures = shipped.card.metrics
    assert figures["swd"].value < 1.1 * figures["swd"].real
    assert figures["kid"].value < 20
    assert figures["recall"].value > 0.85
    assert figures["coverage"].value > 0.9
    assert figures["ms_ssim"].value < figures["ms_ssim"].real + 0.1
    assert figures["nearest"].value > 0.7
    assert figures["nearest_low"].value > 0.7 * figures["nearest_low"].real
    assert figures["copies"].value < figures["copies"].real + 0.01
    assert figures["chosen_nearest"].value > 0.6
