"""The training icons around a picture: two ways to be near, one search, and what a distance means in words.

Low-passed pixels find true copies, learned features find recolored, shifted and cropped ones. Both distances are
measured in that of a usual fresh icon, one that training never saw; the smaller one counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from generator.checkpoint import Bundle
from generator.encoder import load_encoder
from generator.neighbors import SAME, NeighborIndex
from generator.transparency import WHITE, as_pixels, over

REFERENCES = 128
"""Fresh icons that distances are measured by; where fewer were held out, training icons fill up."""

CLOSE_PAIRS = 0.01
"""The share of fresh icons, those nearest to a training icon, that the threshold of a copy is taken from."""

MOST_OF_A_COPY = 0.05
"""Bound of that threshold in pixels: so much is seen by anybody."""

SAME_IN_FEATURES = 0.001
"""Rounding and recompression make such a distance of features at least."""


class Closeness(StrEnum):
    """How near a picture is to its nearest training icon, in words."""

    COPY = "copy"
    CLOSEST = "closest"
    """Nearer than any fresh icon is to a training icon, and no copy."""
    SHARE = "share"
    """Nearer than some fresh icons are: see `Verdict.percent`."""
    FARTHEST = "farthest"
    """Farther than any fresh icon is."""
    ALONE = "alone"
    """There is one training icon, so nothing to measure a distance by."""


@dataclass(frozen=True)
class Verdict:
    """What a distance means."""

    closeness: Closeness
    percent: int = 0
    """Of the fresh icons, how many are farther from their nearest training icon than this: 1 to 99, for SHARE."""


@dataclass(frozen=True)
class Neighbor:
    """A training icon near a picture."""

    index: int
    """Which one, as in `Bundle.icons()`."""
    distance: float
    """0: a copy; 1: as far as an icon that training never saw usually is. The smaller of the two below, so measured."""
    pixels: float
    """As in `NeighborIndex`: 0 to 1."""
    features: float
    """Cosine distance of the encoder's features: 0 to 2."""


@dataclass(frozen=True)
class Look:
    """Where icons lie among the training icons."""

    features: torch.Tensor
    """`(N, D)` of length 1."""
    distance: NDArray[np.float32]
    """`(N,)`, from the nearest training icon, as `Neighbor.distance`."""


class Calibration:
    """What distances mean for one set of training icons."""

    def __init__(self, fresh: NDArray[np.float32]) -> None:
        """`fresh`: `(N, 2)`, by pixels and by features, how far fresh icons are from their nearest training icons."""
        floors = np.array([SAME, SAME_IN_FEATURES], np.float32)
        self.unit = np.maximum(np.median(fresh, axis=0), floors) if len(fresh) else np.ones(2, np.float32)
        self.spacing = np.sort((fresh / self.unit).min(axis=1)).tolist()
        """Distances of the fresh icons as `Neighbor.distance` has them, ascending."""
        bounds = np.array([MOST_OF_A_COPY, np.inf])
        closest = [_closest(column, floor) for column, floor in zip(fresh.T, floors, strict=True)]
        self.copy = np.clip(closest, floors, bounds).tolist()
        """The distances by pixels and by features up to which a picture is practically a copy.

        Half of what keeps the nearest one percent of fresh icons apart: so near, it can be taken for one training icon
        only. Fresh icons that are themselves copies say nothing about that and are left out.
        """

    def judge(self, near: Sequence[Neighbor]) -> Verdict:
        """Say what the distances of a picture from its nearest training icons, nearest first, mean."""
        if any(one.pixels <= self.copy[0] or one.features <= self.copy[1] for one in near):
            return Verdict(Closeness.COPY)
        if not self.spacing:
            return Verdict(Closeness.ALONE)
        farther = len(self.spacing) - bisect_right(self.spacing, near[0].distance)
        if farther == len(self.spacing):
            return Verdict(Closeness.CLOSEST)
        if not farther:
            return Verdict(Closeness.FARTHEST)
        return Verdict(Closeness.SHARE, min(max(100 * farther // len(self.spacing), 1), 99))


class Neighborhood:
    """Exact search over the descriptors and the features of a bundle's training icons."""

    def __init__(self, bundle: Bundle) -> None:
        """Raises EncoderError. Where the bundle's features are missing or of another encoder, this takes seconds."""
        self._encoder = load_encoder()
        self._pixels = NeighborIndex(bundle.descriptors)
        icons = bundle.icons()
        if bundle.features is not None and bundle.card.encoder == self._encoder.digest:
            self.features, fresh = bundle.features.float(), bundle.fresh.numpy()
        else:
            self.features, fresh = self._encoder.features(over(icons, WHITE)), np.empty((0, 2), np.float32)
        self.calibration = Calibration(references(self._pixels, self.features, icons, fresh))

    def look(self, icons: NDArray[np.uint8]) -> Look:
        """Icons `(N, H, W, C)` as they lie among the training icons."""
        features = self._encoder.features(over(icons, WHITE))
        distances = measure(self._pixels, self.features, icons, features) / self.calibration.unit
        return Look(features, distances.min(axis=1))

    def search(self, icon: Image.Image, count: int = 3) -> list[Neighbor]:
        """The `count` training icons nearest to a picture, or as many as there are, nearest first."""
        seen = over(as_pixels(icon)[None], WHITE)
        by_features = (1 - (self._encoder.features(seen) @ self.features.T)[0]).clamp_min(0)
        # What is among the first by the smaller of two distances is among the first by one of them.
        near = set(by_features.topk(min(count, len(by_features)), largest=False).indices.tolist())
        near |= {one.index for one in self._pixels.search(icon, count)}
        chosen = sorted(near)
        by_pixels, unit = self._pixels.distances(icon, chosen), self.calibration.unit
        found = [
            Neighbor(index, float(min(pixels / unit[0], features / unit[1])), pixels, features)
            for index, pixels, features in zip(chosen, by_pixels, by_features[chosen].tolist(), strict=True)
        ]
        return sorted(found, key=lambda one: (one.distance, one.pixels, one.index))[:count]


def measure(
    index: NeighborIndex, features: torch.Tensor, icons: NDArray[np.uint8], icon_features: torch.Tensor
) -> NDArray[np.float32]:
    """How far icons are from their nearest training icons: `(N, 2)`, by pixels and by features.

    `index` and `features` `(M, D)` are of the training icons, `icons` `(N, H, W, C)` and `icon_features` `(N, D)` are
    of the others.
    """
    return _columns(index.nearest(icons), icon_features @ features.T)


def references(
    index: NeighborIndex, features: torch.Tensor, icons: NDArray[np.uint8], fresh: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The distances of at least REFERENCES fresh icons, `(N, 2)`, beginning with `fresh` as `measure` gives it.

    Where those are too few, training icons fill up, each compared with the others: all come from one set.
    """
    fill = np.random.default_rng(0).permutation(len(icons))[: max(REFERENCES - len(fresh), 0)]
    if len(icons) < 2:
        return fresh
    similarity = features[fill] @ features.T
    similarity[range(len(fill)), fill] = -1  # itself
    return np.concatenate([fresh, _columns(index.nearest(icons[fill], leaving_out=fill.tolist()), similarity)])


def _columns(by_pixels: NDArray[np.float32], similarity: torch.Tensor) -> NDArray[np.float32]:
    if not len(by_pixels):
        return np.empty((0, 2), np.float32)
    return np.stack([by_pixels, (1 - similarity.amax(dim=1)).clamp_min(0).numpy()], axis=1)


def _closest(distances: NDArray[np.float32], same: float) -> float:
    apart = distances[distances > same]
    return float(np.quantile(apart, CLOSE_PAIRS)) / 2 if len(apart) else 0.0
