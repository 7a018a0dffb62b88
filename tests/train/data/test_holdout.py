"""Which icons are held out: by their content, whatever the order, and few others when icons are added."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from train.data.holdout import split


def noise(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)


def contents(icons: NDArray[np.uint8]) -> set[bytes]:
    return {icon.tobytes() for icon in icons}


@pytest.mark.parametrize(
    ("icons", "share", "held_out"),
    [(16, 0.1, 2), (117, 0.1, 12), (199, 0.1, 20), (200, 0.02, 20), (1624, 0.1, 162), (40, 0.5, 20), (40, 0.0, 0)],
)
def test_how_many_are_held_out(icons: int, share: float, held_out: int) -> None:
    training, held = split(noise(icons), share)
    assert len(held) == held_out
    assert sorted([*training, *held]) == list(range(icons))
    assert (np.sort(training) == training).all()


def test_the_same_icons_are_held_out_in_any_order() -> None:
    icons = noise(60)
    mixed = icons[np.random.default_rng(1).permutation(60)]
    assert contents(icons[split(icons)[1]]) == contents(mixed[split(mixed)[1]])


def test_added_icons_change_little() -> None:
    icons = noise(330)
    before, after = icons[:300], icons
    lost = contents(before[split(before)[1]]) - contents(after[split(after)[1]])
    assert len(lost) <= 3
