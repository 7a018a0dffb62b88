"""Which of several icons to show: convincing ones, new ones, and unlike each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from generator.neighborhood import Neighborhood
from generator.transparency import as_pixels

CANDIDATES = 8
"""Icons that are drawn for each one that is shown: a micro-batch on the CPU has as many."""

NEW = 0.35
"""The least distance from the nearest training icon, in that of a usual fresh icon, of what is new."""

_NEIGHBOR = 3
_MOST_REALS = 4096
"""Training icons, at most, that realism is measured by."""


class Realism:
    """How far icons lie within what typical training icons span (Kynkäänniemi et al. 2019, section 4).

    The radius of a training icon, up to its third neighbor among the others, over the distance from it: the largest of
    all training icons whose radius is at most the median. Above 1: within.
    """

    def __init__(self, features: torch.Tensor) -> None:
        """`features`: `(M, D)`, of the training icons."""
        reals = features[torch.linspace(0, len(features) - 1, min(_MOST_REALS, len(features))).long()]
        rank = min(_NEIGHBOR + 1, len(reals))  # the nearest of all is the icon itself
        radii = torch.cdist(reals, reals).kthvalue(rank, dim=1).values
        typical = radii <= radii.median()
        self._reals, self._radii = reals[typical], radii[typical]

    def of(self, features: torch.Tensor) -> torch.Tensor:
        """Of icons with these features, `(N, D)`: `(N,)`."""
        return (self._radii / torch.cdist(features, self._reals).clamp_min(1e-6)).amax(dim=1)


class Choice:
    """Chooses among a model's icons."""

    def __init__(self, neighborhood: Neighborhood) -> None:
        self._neighborhood, self._realism = neighborhood, Realism(neighborhood.features)

    def choose(self, icons: Sequence[Image.Image], count: int) -> list[int]:
        """The places of `count` of the icons, as `choose` has them."""
        look = self._neighborhood.look(np.stack([as_pixels(icon) for icon in icons]))
        apart = float(self._neighborhood.calibration.unit[1])
        return choose(self._realism.of(look.features), look.distance, look.features, apart, count)


def choose(
    realism: torch.Tensor, distance: NDArray[np.float32], features: torch.Tensor, apart: float, count: int
) -> list[int]:
    """The places of `count` of N icons, the most real ones first.

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
