"""Memorization: how far generated icons are from their nearest training icons, against icons never trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.neighbors import SAME, NeighborIndex, describe

REFERENCES = 128
"""Icons never trained on that distances are measured by; where fewer are held out, training icons fill up."""
LOW = 0.05
COPY_QUANTILE = 0.01


class Memory:
    """The distances from one set of training icons, and what they mean.

    What is normal is measured with the held-out icons. Where there are fewer than REFERENCES of them, training icons
    join, each compared with the others: it was drawn from the same set as they were.
    """

    def __init__(self, icons: NDArray[np.uint8], held_out: NDArray[np.uint8]) -> None:
        """`icons`, `held_out`: `(N, size, size, 3)` uint8, together at least 3 of them different."""
        self._index = NeighborIndex(describe(icons))
        fill = np.random.default_rng(0).permutation(len(icons))[: max(REFERENCES - len(held_out), 0)]
        distances = np.concatenate(
            [self._index.nearest(held_out), self._index.nearest(icons[fill], leaving_out=fill.tolist())]
        )
        self._unit = max(float(np.median(distances)), SAME)
        self._copy = max(float(np.quantile(distances, COPY_QUANTILE)), SAME)
        self.real = self._figures(distances)

    def figures(self, icons: NDArray[np.uint8]) -> dict[str, float]:
        """`nearest`, `nearest_low` and `copies` of icons `(N, size, size, 3)` uint8."""
        return self._figures(self._index.nearest(icons))

    def _figures(self, distances: NDArray[np.float32]) -> dict[str, float]:
        ratios = distances / self._unit
        return {
            "nearest": float(np.median(ratios)),
            "nearest_low": float(np.quantile(ratios, LOW)),
            "copies": float((distances <= self._copy).mean()),
        }
