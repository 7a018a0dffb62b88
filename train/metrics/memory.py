"""Memorization: how far generated icons are from their nearest training icons, against icons never trained on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from generator.neighborhood import SAME_IN_FEATURES, measure, references
from generator.neighbors import SAME, NeighborIndex, describe

LOW = 0.05
COPY_QUANTILE = 0.01


class Memory:
    """The distances from one set of training icons, and what they mean.

    What is normal is measured with the held-out icons. Where there are fewer than REFERENCES of them, training icons
    join, each compared with the others: it was drawn from the same set as they were.
    """

    def __init__(
        self,
        icons: NDArray[np.uint8],
        held_out: NDArray[np.uint8],
        features: torch.Tensor,
        held_out_features: torch.Tensor,
        device: torch.device,
    ) -> None:
        """`icons`, `held_out`: `(N, size, size, 3)` uint8, together at least 3, with the features of both, `(N, D)`."""
        self._index, self._features = NeighborIndex(describe(icons), device), features
        fresh = measure(self._index, features, held_out, held_out_features)
        usual = references(self._index, features, icons, fresh)
        by_pixels, by_features = usual.T
        self._units = np.maximum(np.median(usual, axis=0), np.array([SAME, SAME_IN_FEATURES], np.float32))
        self._copy = max(float(np.quantile(by_pixels, COPY_QUANTILE)), SAME)
        self._copy_in_features = float(np.quantile(by_features, COPY_QUANTILE))
        self.real = self._figures(by_pixels, by_features)

    def figures(self, icons: NDArray[np.uint8], features: torch.Tensor) -> dict[str, float]:
        """`nearest`, `nearest_low` and `copies` of icons `(N, size, size, 3)` uint8 with these features `(N, D)`."""
        return self._figures(*measure(self._index, self._features, icons, features).T)

    @property
    def apart(self) -> float:
        """The cosine distance of features of a usual fresh icon from its nearest training icon."""
        return float(self._units[1])

    def distance(self, icons: NDArray[np.uint8], features: torch.Tensor) -> NDArray[np.float32]:
        """How far icons are from their nearest training icons, as `Neighbor.distance` has it: `(N,)`."""
        nearest: NDArray[np.float32] = (measure(self._index, self._features, icons, features) / self._units).min(axis=1)
        return nearest

    def _figures(self, by_pixels: NDArray[np.float32], by_features: NDArray[np.float32]) -> dict[str, float]:
        ratios = by_pixels / self._units[0]
        copies = (by_pixels <= self._copy) | (by_features <= self._copy_in_features)
        return {
            "nearest": float(np.median(ratios)),
            "nearest_low": float(np.quantile(ratios, LOW)),
            "copies": float(copies.mean()),
        }
