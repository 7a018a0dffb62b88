"""Which of several icons are shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from generator.__main__ import app
from generator.checkpoint import read_bundle
from generator.choice import NEW, Choice, Realism, choose
from generator.neighborhood import Neighborhood
from generator.seeds import Seed
from generator.studio import Studio
from generator.transparency import as_image

APART = 0.1
FAR = np.full(4, 2, np.float32)


def features(*angles: float) -> torch.Tensor:
    turned = torch.tensor(angles)
    return torch.stack([turned.cos(), turned.sin()], dim=1)


def test_the_most_real_one_is_chosen() -> None:
    real = torch.tensor([0.5, 1.5, 1.0, 1.2])
    assert choose(real, FAR, features(0, 1, 2, 3), APART, 2) == [1, 3]


def test_what_is_near_a_training_icon_comes_last() -> None:
    real, distance = torch.tensor([0.5, 1.5, 1.0, 1.2]), np.array([2, NEW - 0.01, NEW, 0], np.float32)
    assert choose(real, distance, features(0, 1, 2, 3), APART, 4) == [2, 0, 1, 3]


def test_icons_that_look_alike_are_not_shown_together() -> None:
    real = torch.tensor([1.5, 1.4, 1.3, 1.2])
    assert choose(real, FAR, features(0, 0.1, 2, 2.1), APART, 2) == [0, 2]
    assert choose(real, FAR, features(0, 0.1, 2, 2.1), APART, 3) == [0, 2, 1]  # for want of others


def test_smudges_and_specks_make_an_icon_less_real(drawn_icons: NDArray[np.uint8]) -> None:
    """On icons that training never saw: as they are, and each with a blot where its set has none."""
    fresh = np.concatenate([drawn_icons[:8], drawn_icons[:8]])
    fresh[8:, 20:28, 30:38] = np.random.default_rng(0).integers(0, 256, (8, 8, 8, fresh.shape[-1]))
    good, blotted = Realism(drawn_icons[8:]).of(fresh).chunk(2)
    assert (blotted < 0.8 * good).all()


@pytest.mark.parametrize("shade", [0, 255])
def test_a_speck_beside_a_transparent_icon_is_seen_on_either_ground(
    transparent_icons: NDArray[np.uint8], shade: int
) -> None:
    """A white one is seen on dark alone."""
    fresh = np.concatenate([transparent_icons[:8], transparent_icons[:8]])
    fresh[8:, :9, :9] = (shade, shade, shade, 255)
    good, specked = Realism(transparent_icons[8:]).of(fresh).chunk(2)
    assert (specked < 0.8 * good).all()


def test_what_few_training_icons_have_is_not_odd_for_that_alone(
    drawn_icons: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four of 36 icons have a mark in a corner, each in its color; a fresh icon with one more, beside one without."""
    icons = drawn_icons.copy()
    for place, shade in zip((3, 4, 5, 6, 7), (105, 60, 90, 120, 150), strict=True):
        icons[place, 2:14, 48:60] = (shade, 40, 220)
    marked, plain = Realism(icons[4:]).of(icons[2:4]).flip(0).tolist()
    monkeypatch.setattr("generator.choice._WIDENED", 1.0)  # every training icon reaches equally far
    marked_then, plain_then = Realism(icons[4:]).of(icons[2:4]).flip(0).tolist()
    assert marked / plain > 1.1 * marked_then / plain_then


def test_one_training_icon_is_enough(drawn_icons: NDArray[np.uint8]) -> None:
    itself, another = Realism(drawn_icons[:1]).of(drawn_icons[:2]).tolist()
    assert itself > another > 0


def test_more_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="4 icons"):
        choose(torch.ones(4), FAR, features(0, 1, 2, 3), APART, 5)


def test_a_model_chooses_among_its_icons(tiny_bundle_path: Path) -> None:
    bundle = read_bundle(tiny_bundle_path)
    choice, icons = Choice(bundle, Neighborhood(bundle)), Studio(bundle).draw(range(8))
    first = choice.choose(icons, 8)
    assert sorted(first) == list(range(8))
    assert choice.choose(icons, 3) == first[:3]


def test_a_training_icon_is_chosen_last(tiny_bundle_path: Path) -> None:
    bundle = read_bundle(tiny_bundle_path)
    icons = [as_image(bundle.icons()[0]), *Studio(bundle).draw(range(7))]
    assert Choice(bundle, Neighborhood(bundle)).choose(icons, 8).index(0) > 0


def test_the_command_line_draws_the_best_of_several(
    tiny_bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(100))
    monkeypatch.setattr(Seed, "random", staticmethod(lambda: Seed.of(next(numbers))))
    bundle, file = read_bundle(tiny_bundle_path), tmp_path / "icon.png"
    given = ["icon", "--bundle", str(tiny_bundle_path), "-o", str(file), "--candidates", "5"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    (best,) = Choice(bundle, Neighborhood(bundle)).choose(Studio(bundle).draw(range(5)), 1)
    with Image.open(file) as drawn:
        assert drawn.info["Seed"] == str(best)
    assert next(numbers) == 5
