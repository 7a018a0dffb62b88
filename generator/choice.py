"""Which of several icons to show: convincing ones, new ones, and unlike each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from generator.checkpoint import Bundle
from generator.encoder import to_input
from generator.neighborhood import Neighborhood
from generator.sheets import thin
from generator.transparency import DARK, WHITE, as_pixels, over
from generator.vision.efficientnet import NaturalFeatures

CANDIDATES = 8
"""Icons that are drawn for each one that is shown: a micro-batch on the CPU."""

NEW = 0.45
"""The least distance from the nearest training icon, in that of a usual fresh icon, of what is new."""

_LEVELS = 2
"""Of the natural features: up to stride 8, so that 64 pixels have 8x8 places."""
_ODDEST = 4
"""Places that tell how real an icon is: a flaw is seen wherever it stands."""
_NEIGHBOR = 3
_WIDENED = 0.8
"""The share of the radii that are made as wide as the widest of them: what is rare is not odd for that alone."""
_SMALLEST = 1e-4
"""Distances below that are rounding."""
_MOST_REALS = 512
"""Training icons, at most, that realism is measured by."""
_BATCH = 16
"""Icons at a time that are looked at: twice as many take twice as long each, beyond the processor's cache."""


class Realism:
    """How far icons lie within what training icons span (Kynkäänniemi et al. 2019, section 4), place by place.

    In each place, as a network sees it that knows natural images, on white and on dark: the radius of a training icon,
    up to its third neighbor among the others there, over the distance from it, the largest of all training icons. Its
    oddest places make an icon as real as it is: smudges and specks are unlike all that training icons have there (as
    PatchCore finds defects: Roth et al. 2022). docs/model.md has how well that agrees with eyes.
    """

    def __init__(self, icons: NDArray[np.uint8], device: torch.device | None = None) -> None:
        """`icons`: `(M, H, W, C)` uint8, the training icons. They are compared on `device`, or the CPU."""
        self._device = device or torch.device("cpu")
        self._network = NaturalFeatures(_LEVELS).to(self._device)
        reals = icons[list(thin(len(icons), _MOST_REALS))]
        chunks = [self._places(chunk) for chunk in _chunks(reals)]
        self._reals = torch.cat(chunks, dim=1).transpose(1, 2)
        """`(P, D, M)`, P the number of places."""
        rank = min(_NEIGHBOR + 1, len(reals))  # the nearest of all is the icon itself
        radii = torch.cat([_distances(chunk, self._reals).kthvalue(rank, dim=2).values for chunk in chunks], dim=1)
        self._radii = radii.clamp_min(float(radii.quantile(_WIDENED)))[:, None]
        """`(P, 1, M)`"""

    def of(self, icons: NDArray[np.uint8]) -> torch.Tensor:
        """Of icons `(N, H, W, C)` uint8: `(N,)`, on the CPU. Above 1: within, almost everywhere."""
        oddness = [
            (_distances(self._places(chunk), self._reals) / self._radii).amin(dim=2).topk(_ODDEST, dim=0).values
            for chunk in _chunks(icons)
        ]
        return 1 / torch.cat(oddness, dim=1).mean(dim=0).cpu()

    @torch.inference_mode()
    def _places(self, icons: NDArray[np.uint8]) -> torch.Tensor:
        """What stands in each place of icons: `(P, N, D)`, of length 1."""
        seen = to_input(torch.from_numpy(np.concatenate([over(icons, WHITE), over(icons, DARK)])))
        levels = self._network(seen.to(self._device).contiguous(memory_format=torch.channels_last))
        on_both = torch.cat(levels[-1].chunk(2), dim=1)
        return functional.normalize(on_both, dim=1).flatten(2).permute(2, 0, 1)


def _chunks(icons: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [icons[start : start + _BATCH] for start in range(0, len(icons), _BATCH)]


def _distances(places: torch.Tensor, reals: torch.Tensor) -> torch.Tensor:
    """Cosine distances in each place: `(P, N, D)` and `(P, D, M)` -> `(P, N, M)`."""
    return (1 - places @ reals).clamp_min(_SMALLEST)


class Choice:
    """Chooses among a model's icons."""

    def __init__(self, bundle: Bundle, neighborhood: Neighborhood) -> None:
        """`neighborhood`: the bundle's."""
        self._bundle, self._neighborhood = bundle, neighborhood

    @cached_property
    def _realism(self) -> Realism:
        """Made when it is needed first: it takes some tenths of a second."""
        return Realism(self._bundle.icons())

    def choose(self, icons: Sequence[Image.Image], count: int) -> list[int]:
        """The places of `count` of the icons, as `choose` has them."""
        pixels = np.stack([as_pixels(icon) for icon in icons])
        look = self._neighborhood.look(pixels)
        apart = float(self._neighborhood.calibration.unit[1])
        return choose(self._realism.of(pixels), look.distance, look.features, apart, count)


def choose(
    realism: torch.Tensor, distance: NDArray[np.float32], features: torch.Tensor, apart: float, count: int
) -> list[int]:
    """The places of `count` of N icons: the most real ones first.

    None is nearer than NEW to a training icon or within `apart`, a cosine distance of features, of one before it, as
    long as there are others; of what is left when there are none, new ones come first. `realism` and `distance`:
    `(N,)`; `features`: `(N, D)` of length 1. Raises ValueError when `count` is above N.
    """
    if count > len(realism):
        raise ValueError(f"{count} of {len(realism)} icons cannot be chosen.")
    order = realism.argsort(descending=True, stable=True).tolist()
    new = [place for place in order if distance[place] >= NEW]
    chosen: list[int] = []
    for place in new:
        if bool((1 - features[chosen] @ features[place] >= apart).all()):
            chosen.append(place)
    return list(dict.fromkeys([*chosen, *new, *order]))[:count]
