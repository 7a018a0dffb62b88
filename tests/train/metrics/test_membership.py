"""Membership: what the attack is by definition, and what chance is, counted out."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.conftest import draw_icon
from train.metrics.membership import auc, auc_spread, membership

CPU = torch.device("cpu")


def by_pairs(members: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    return float(np.mean([(one < other) + (one == other) / 2 for one in members for other in others]))


def test_auc_is_the_share_of_pairs_and_ties_count_half() -> None:
    rng = np.random.default_rng(0)
    for levels in (3, 10, 1000):
        members, others = (rng.integers(levels, size=size).astype(np.float32) for size in (40, 7))
        assert auc(members, others) == pytest.approx(by_pairs(members, others), abs=1e-12)
    low, high = np.zeros(5, np.float32), np.ones(3, np.float32)
    assert (auc(low, high), auc(high, low), auc(low, low[:3])) == (1, 0, 0.5)


@pytest.mark.parametrize("distances", [[0, 1, 2, 3, 4, 5, 6], [0, 0, 1, 1, 1, 2, 3], [4] * 7])
def test_chance_is_all_ways_to_hold_icons_out(distances: list[int]) -> None:
    values = np.array(distances, np.float32)
    every = [auc(np.delete(values, chosen), values[list(chosen)]) for chosen in combinations(range(len(values)), 3)]
    assert np.mean(every) == pytest.approx(0.5)
    assert auc_spread(values, 3) == pytest.approx(np.std(every))


def test_samples_that_are_training_icons_give_them_away_and_fresh_ones_do_not() -> None:
    icons, held_out, fresh = (
        np.stack([np.asarray(draw_icon(number)) for number in range(first, first + count)])
        for first, count in ((0, 30), (100, 12), (200, 60))
    )
    told = membership(icons, icons, held_out, CPU)
    assert told.value == 1
    assert (told.training, told.held_out) == (30, 12)
    untold = membership(fresh, icons, held_out, CPU)
    low, high = untold.by_chance
    assert low < untold.value < high < told.value
    # Of transparent icons the shape is told, too.
    black, black_held_out = (
        np.pad(part.max(axis=-1, keepdims=True), ((0, 0),) * 3 + ((3, 0),)) for part in (icons, held_out)
    )
    assert membership(black, black, black_held_out, CPU).value > high
