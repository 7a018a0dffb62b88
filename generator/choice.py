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

CANDIDATES = 16
"""Icons that are drawn for each one that is shown: two micro-batches on the CPU."""

NEW = 0.45
"""The least distance from the nearest training icon, in that of a usual fresh icon, of what is new."""

BLEMISHED, FLAWED = 0.5, 0.75
"""Icons whose oddest places are odder than those of this share of the training icons."""

_ODDEST = 4
"""Places, of 8x8, that tell how odd an icon is."""
_LEVELS = 2
"""Of the natural features: up to stride 8, so that 64 pixels have 8x8 places."""
_MOST_KNOWN = 512
"""Training icons, at most, that places are compared with."""
_BATCH = 16
"""Icons at a time that are looked at for flaws."""
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


class Flaws:
    """How odd the oddest places of icons are: smudges and specks are unlike all that training icons have there.

    Cosine distances of natural features, on white and on dark, to the nearest training icon in the same place (as
    PatchCore finds defects: Roth et al. 2022). docs/model.md has how well that agrees with eyes.
    """

    def __init__(self, icons: NDArray[np.uint8], device: torch.device | None = None) -> None:
        """`icons`: `(M, H, W, C)` uint8, the training icons; one alone finds no flaws. They are compared on `device`,
        or the CPU.
        """
        self._device = device or torch.device("cpu")
        self._network = NaturalFeatures(_LEVELS).to(self._device)
        chosen = icons[list(thin(len(icons), _MOST_KNOWN))]
        known = torch.cat([self._places(chunk) for chunk in _chunks(chosen)], dim=1)
        self._known = known.transpose(1, 2)
        """`(P, D, M)`, P the number of places."""
        own = self._oddness(known, leave_out_itself=True)
        self._bounds = own.quantile(torch.tensor([BLEMISHED, FLAWED])) if len(own) > 1 else torch.full((2,), torch.inf)

    def of(self, icons: NDArray[np.uint8]) -> torch.Tensor:
        """Of icons `(N, H, W, C)` uint8: `(N,)`, 0 for good ones, 1 for BLEMISHED, 2 for FLAWED ones."""
        oddness = torch.cat([self._oddness(self._places(chunk)) for chunk in _chunks(icons)])
        return torch.bucketize(oddness, self._bounds)

    @torch.inference_mode()
    def _places(self, icons: NDArray[np.uint8]) -> torch.Tensor:
        """What stands in each place of icons: `(P, N, D)`, of length 1."""
        seen = to_input(torch.from_numpy(np.concatenate([over(icons, WHITE), over(icons, DARK)])))
        levels = self._network(seen.to(self._device).contiguous(memory_format=torch.channels_last))
        on_both = torch.cat(levels[-1].chunk(2), dim=1)
        return functional.normalize(on_both, dim=1).flatten(2).permute(2, 0, 1)

    def _oddness(self, places: torch.Tensor, *, leave_out_itself: bool = False) -> torch.Tensor:
        """`(P, N, D)` -> `(N,)`, on the CPU."""
        likeness = places @ self._known
        if leave_out_itself:
            likeness.diagonal(dim1=1, dim2=2).fill_(-torch.inf)
        return (1 - likeness.amax(dim=2)).topk(_ODDEST, dim=0).values.mean(dim=0).cpu()


def _chunks(icons: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [icons[start : start + _BATCH] for start in range(0, len(icons), _BATCH)]


class Choice:
    """Chooses among a model's icons."""

    def __init__(self, bundle: Bundle, neighborhood: Neighborhood) -> None:
        """`neighborhood`: the bundle's."""
        self._bundle, self._neighborhood = bundle, neighborhood
        self._realism = Realism(neighborhood.features)

    @cached_property
    def _flaws(self) -> Flaws:
        """Made when it is needed first: it takes some tenths of a second."""
        return Flaws(self._bundle.icons())

    def choose(self, icons: Sequence[Image.Image], count: int) -> list[int]:
        """The places of `count` of the icons, as `choose` has them."""
        pixels = np.stack([as_pixels(icon) for icon in icons])
        look = self._neighborhood.look(pixels)
        apart = float(self._neighborhood.calibration.unit[1])
        realism, flaws = self._realism.of(look.features), self._flaws.of(pixels)
        return choose(realism, flaws, look.distance, look.features, apart, count)


def choose(
    realism: torch.Tensor,
    flaws: torch.Tensor,
    distance: NDArray[np.float32],
    features: torch.Tensor,
    apart: float,
    count: int,
) -> list[int]:
    """The places of `count` of N icons: those without flaws first, of these the most real ones.

    None is nearer than NEW to a training icon or within `apart`, a cosine distance of features, of one before it, as
    long as there are others; of what is left when there are none, new ones come first. `realism`, `flaws` and
    `distance`: `(N,)`; `features`: `(N, D)` of length 1. Raises ValueError when `count` is above N.
    """
    if count > len(realism):
        raise ValueError(f"{count} of {len(realism)} icons cannot be chosen.")
    order = np.lexsort((-realism.numpy(), flaws.numpy())).tolist()
    new = [place for place in order if distance[place] >= NEW]
    chosen: list[int] = []
    for place in new:
        if bool((1 - features[chosen] @ features[place] >= apart).all()):
            chosen.append(place)
    return list(dict.fromkeys([*chosen, *new, *order]))[:count]
