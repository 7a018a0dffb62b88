"""Membership: how well training icons are told from icons held out of the training by what a model draws.

The attacker has nothing but samples: the nearer one of them is to an icon, the more he believes that the icon was
trained on. With held-out icons alone, distances say nothing: a set may be so uniform that all icons are near.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from generator.neighbors import NeighborIndex, describe

CHANCE = 0.5
SPREADS = 2
"""Within so many standard deviations around CHANCE shuffled labels stay, but for about one time in twenty."""


@dataclass(frozen=True)
class Membership:
    """What the attacker reaches, and what chance alone would."""

    value: float
    """The area under the ROC curve: CHANCE, icons are not told apart; 1, always; below, held-out ones are nearer."""
    real: float
    """The mean of the same when it is shuffled which icons were held out: CHANCE."""
    spread: float
    """The standard deviation of that."""
    training: int
    held_out: int

    @property
    def by_chance(self) -> tuple[float, float]:
        """The range in which the value says nothing."""
        reach = SPREADS * self.spread
        return max(self.real - reach, 0.0), min(self.real + reach, 1.0)


def membership(
    samples: NDArray[np.uint8], icons: NDArray[np.uint8], held_out: NDArray[np.uint8], device: torch.device
) -> Membership:
    """The attack by the distance to the nearest sample, as in Chen et al. 2020 (GAN-Leaks), the full black box.

    Hilprecht et al. 2019 count the samples within a distance instead. `samples`, `icons` (trained on) and `held_out`
    are `(N, size, size, C)` uint8, N at least 1; distances are those of `NeighborIndex`.
    """
    index = NeighborIndex(describe(samples), device)
    trained, fresh = index.nearest(icons), index.nearest(held_out)
    spread = auc_spread(np.concatenate([trained, fresh]), len(fresh))
    return Membership(auc(trained, fresh), CHANCE, spread, len(trained), len(fresh))


def auc(members: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """The share of all pairs in which the member `(N,)` has the smaller distance than the other `(M,)`; ties are half.

    Mann and Whitney 1947; it is the area under the ROC curve.
    """
    ordered = np.sort(members)
    smaller = np.searchsorted(ordered, others, "left") + np.searchsorted(ordered, others, "right")
    return float(smaller.sum() / (2 * len(members) * len(others)))


def auc_spread(distances: NDArray[np.float32], others: int) -> float:
    """The standard deviation of `auc` over all ways to call so many of the distances `(N,)` others; exact, with ties.

    Lehmann 1975, section 1.4; 0 < others < N.
    """
    total = len(distances)
    ties = np.unique(distances, return_counts=True)[1].astype(float)
    tied = float((ties**3 - ties).sum()) / (total * (total - 1))
    return math.sqrt(max(total + 1 - tied, 0.0) / (12 * others * (total - others)))
