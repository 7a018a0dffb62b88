"""Memorization: how far generated icons are from their nearest training icons, against icons never trained on."""

from __future__ import annotations

import numpy as np
import torch
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

    def __init__(
        self,
        icons: NDArray[np.uint8],
        held_out: NDArray[np.uint8],
        features: torch.Tensor,
        held_out_features: torch.Tensor,
    ) -> None:
        """`icons`, `held_out`: `(N, size, size, 3)` uint8, together at least 3, with the features of both, `(N, D)`."""
        self._index, self._features = NeighborIndex(describe(icons)), features
        fill = np.random.default_rng(0).permutation(len(icons))[: max(REFERENCES - len(held_out), 0)]
        similarity = features[fill] @ features.T
        similarity[range(len(fill)), fill] = -1  # itself
        by_pixels = np.concatenate(
            [self._index.nearest(held_out), self._index.nearest(icons[fill], leaving_out=fill.tolist())]
        )
        by_features = np.concatenate([self._apart(held_out_features @ features.T), self._apart(similarity)])
        self._unit = max(float(np.median(by_pixels)), SAME)
        self._copy = max(float(np.quantile(by_pixels, COPY_QUANTILE)), SAME)
        self._copy_in_features = float(np.quantile(by_features, COPY_QUANTILE))
        self.real = self._figures(by_pixels, by_features)

    def figures(self, icons: NDArray[np.uint8], features: torch.Tensor) -> dict[str, float]:
        """`nearest`, `nearest_low` and `copies` of icons `(N, size, size, 3)` uint8 with these features `(N, D)`."""
        return self._figures(self._index.nearest(icons), self._apart(features @ self._features.T))

    @staticmethod
    def _apart(similarity: torch.Tensor) -> NDArray[np.float32]:
        """Cosine distance to the nearest: `(N, M) -> (N,)`."""
        distances: NDArray[np.float32] = (1 - similarity.amax(dim=1)).numpy()
        return distances

    def _figures(self, by_pixels: NDArray[np.float32], by_features: NDArray[np.float32]) -> dict[str, float]:
        ratios = by_pixels / self._unit
        copies = (by_pixels <= self._copy) | (by_features <= self._copy_in_features)
        return {
            "nearest": float(np.median(ratios)),
            "nearest_low": float(np.quantile(ratios, LOW)),
            "copies": float(copies.mean()),
        }
