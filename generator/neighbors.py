"""The nearest training icons of a picture: exact search over low-passed pixels, tolerant to a shift of two pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

GRID = 16
"""Cells along an edge of the low-passed picture that a descriptor holds."""

SHIFTS = range(-2, 3)
"""Shifts that are tried, in pixels of a 64-pixel icon."""

SHIFT_UNIT = 64
CHUNK = 8_192
CANDIDATES = 32


@dataclass(frozen=True)
class Neighbor:
    """A training icon near a picture."""

    index: int
    """Which one, as in `Bundle.icons()`."""
    distance: float
    """Root mean square difference of low-passed pixels at the best shift: 0, the same, to 1, black against white."""


def describe(icons: NDArray[np.uint8]) -> torch.Tensor:
    """Descriptors of icons: `(N, H, W, 3)` uint8 -> `(N, 768)` float16, the icon averaged to 16x16 cells in [0, 1]."""
    chunks = [torch.from_numpy(icons[i : i + CHUNK]) for i in range(0, len(icons), CHUNK)]
    return torch.cat([_low_pass(chunk.permute(0, 3, 1, 2).float() / 255) for chunk in chunks]).half()


class NeighborIndex:
    """Exact search over the descriptors of a bundle."""

    def __init__(self, descriptors: torch.Tensor) -> None:
        """`descriptors`: `(N, 768)` float16, as `describe` makes them."""
        self._points = descriptors.float()
        self._squares = self._points.square().sum(dim=1)

    def search(self, icon: Image.Image, count: int = 3) -> list[Neighbor]:
        """The `count` training icons nearest to a picture, or as many as there are, nearest first; ties by index."""
        queries = _shifted(icon)  # (25, D)
        # Squared distances by matrix product are fast and lose digits near zero: they choose, exact ones rank.
        rough = torch.full((len(self._points),), torch.inf)
        for start in range(0, len(self._points), CHUNK):
            part = slice(start, start + CHUNK)
            products = queries @ self._points[part].T
            squares = self._squares[part] - 2 * products + queries.square().sum(dim=1, keepdim=True)
            rough[part] = squares.amin(dim=0)
        chosen = rough.topk(min(max(CANDIDATES, 2 * count), len(rough)), largest=False).indices.sort().values
        exact = torch.stack([(queries - self._points[i]).square().mean(dim=1).amin() for i in chosen]).sqrt()
        order = exact.argsort(stable=True)[:count]
        return [Neighbor(index=int(chosen[i]), distance=float(exact[i])) for i in order]


def _shifted(icon: Image.Image) -> torch.Tensor:
    """Descriptors of a picture under every shift: `(25, D)`. Edge pixels fill what a shift uncovers."""
    pixels = torch.from_numpy(np.array(icon.convert("RGB"))).permute(2, 0, 1)[None].float() / 255
    unit = max(pixels.shape[-1] // SHIFT_UNIT, 1)
    reach = unit * max(SHIFTS)
    wide = functional.pad(pixels, (reach, reach, reach, reach), mode="replicate")
    height, width = pixels.shape[2:]
    views = [
        wide[..., reach + unit * dy : reach + unit * dy + height, reach + unit * dx : reach + unit * dx + width]
        for dy in SHIFTS
        for dx in SHIFTS
    ]
    return _low_pass(torch.cat(views))


def _low_pass(images: torch.Tensor) -> torch.Tensor:
    """`(N, C, H, W) -> (N, C * 256)`."""
    return functional.adaptive_avg_pool2d(images, GRID).flatten(1)
