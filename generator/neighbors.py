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

DESCRIPTOR_SIZE = 3 * GRID**2

SHIFTS = range(-2, 3)
"""Shifts that are tried, in pixels of a 64-pixel icon."""

SHIFT_UNIT = 64
CHUNK = 8_192

ROUNDING = DESCRIPTOR_SIZE * 2.0**-24
"""Bound on the rounding of a sum of 768 products in float32, as a share of the sum of their sizes."""


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
        queries = _shifted(icon)
        # Squared distances by matrix product are fast and lose digits near zero: they choose, exact ones rank.
        rough = torch.full((len(self._points),), torch.inf)
        lengths = queries.square().sum(dim=1, keepdim=True)
        for start in range(0, len(self._points), CHUNK):
            part = slice(start, start + CHUNK)
            products = queries @ self._points[part].T
            rough[part] = (self._squares[part] - 2 * products + lengths).amin(dim=0)
        # Everything that rounding could have kept from the first places is ranked, however many that are: a fixed
        # number of candidates would drop some of a crowd of equal icons, and not the last ones.
        slack = 2 * ROUNDING * (self._squares + lengths.max())
        worst = (rough + slack).kthvalue(min(count, len(rough))).values
        chosen = (rough - slack <= worst).nonzero().flatten()
        exact = torch.stack([(queries - self._points[i]).square().mean(dim=1).amin() for i in chosen]).sqrt()
        order = exact.argsort(stable=True)[:count]
        return [Neighbor(index=int(chosen[i]), distance=float(exact[i])) for i in order]


def _shifted(icon: Image.Image) -> torch.Tensor:
    """Descriptors of a picture under every shift: `(25, D)`, `(9, D)` below 64 pixels, where no half pixels are tried.

    Edge pixels fill what a shift uncovers.
    """
    pixels = torch.from_numpy(np.array(icon.convert("RGB"))).permute(2, 0, 1)[None].float() / 255
    moves = sorted({round(shift * pixels.shape[-1] / SHIFT_UNIT) for shift in SHIFTS})
    reach = moves[-1]
    wide = functional.pad(pixels, (reach, reach, reach, reach), mode="replicate")
    height, width = pixels.shape[2:]
    views = [
        wide[..., reach + dy : reach + dy + height, reach + dx : reach + dx + width] for dy in moves for dx in moves
    ]
    return _low_pass(torch.cat(views))


def _low_pass(images: torch.Tensor) -> torch.Tensor:
    """`(N, C, H, W) -> (N, C * 256)`."""
    return functional.adaptive_avg_pool2d(images, GRID).flatten(1)
