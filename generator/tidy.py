"""What a network leaves beside its icons is taken away: specks that are smaller than any part of a training icon."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from generator.sheets import thin
from generator.transparency import FAINT

SOLID = 64
"""Opacity, 0 to 255, from which on pixels that touch are a part; what is fainter belongs to the part beside it."""
EDGE = 2
"""So many pixels around a part may be its soft edge."""
RARE = 0.02
"""Share of the training icons whose smallest part may be smaller than what is kept."""
LARGE = 0.01
"""Share of the square from which on a part is no speck, whatever real icons have."""
SPARED = 0.05
"""Where tidying would take more than a pixel from a larger share of the training icons, it is not done."""
JUMPS = 5
"""How often in a round a set of pixels goes on to where its own set went: with this the rounds are few."""
LOOKED_AT = 256
"""Training icons that are looked at, at most."""


class Tidy:
    """Clears what no training icon has: anything where none of them has something, and parts that are too small.

    Parts are connected, over corners, too, and as large as their opacity in all. The largest of an icon always stays.
    Opaque icons stay as they are, and sets of soft ones (glows, hairlines) lose only what lies out of reach.
    """

    def __init__(self, icons: NDArray[np.uint8]) -> None:
        """`icons`: training icons, `(N, size, size, C)` uint8, opacity premultiplied."""
        self._reach = torch.from_numpy(reach(icons))[..., None]
        self.least = 0 if icons.shape[-1] < 4 else _least(icons[list(thin(len(icons), LOOKED_AT)), ..., 3])
        """The smallest part that is kept, in opacity, 255 for a pixel; 0: all are."""

    def __call__(self, icons: torch.Tensor) -> torch.Tensor:
        """`(N, size, size, C)` uint8, opacity premultiplied, on any device: the icons without what is beside them."""
        icons = icons * self._reach.to(icons.device)
        return icons * _kept(icons[..., 3], self.least)[..., None] if self.least else icons


def reach(icons: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """`(H, W)`: where any of icons `(N, H, W, 4)` has something, or a pixel beside it; for opaque ones `()`, true."""
    if icons.shape[-1] < 4:
        return np.array(True)
    seen = np.pad(icons[..., 3].max(axis=0) > FAINT, 1)
    height, width = icons.shape[1:3]
    near: NDArray[np.bool_] = np.any([seen[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)
    return near


def _least(opacity: NDArray[np.uint8]) -> int:
    """The part than which only few icons, `(N, H, W)`, have a smaller one; 0 where that would spoil icons."""
    alpha = torch.from_numpy(opacity)
    sizes = part_sizes(alpha).flatten(1)
    smallest = torch.where(sizes > 0, sizes, sizes.amax(1, keepdim=True)).amin(1)
    smallest = smallest[smallest > 0].sort().values
    if not len(smallest):
        return 0
    least = min(int(smallest[int(RARE * len(smallest))]), int(LARGE * 255 * alpha[0].numel()))
    lost = (alpha * ~_kept(alpha, least)).sum((1, 2), dtype=torch.int64)
    return least if (lost > 255).float().mean() <= SPARED else 0


def _kept(alpha: torch.Tensor, least: int) -> torch.Tensor:
    """Where opacities, `(N, H, W)` uint8, are a part of at least that size or the largest one, or the edge of these."""
    sizes = part_sizes(alpha)
    largest = sizes.amax((1, 2), keepdim=True)
    stays = (sizes > 0) & (sizes >= largest.clamp(max=least))
    around = functional.max_pool2d(stays.float(), 2 * EDGE + 1, 1, EDGE) > 0
    return stays | (around & (sizes == 0)) | (largest == 0)


def part_sizes(alpha: torch.Tensor) -> torch.Tensor:
    """The size of the part that each pixel of opacities, `(N, H, W)` uint8, is in, `(N, H, W)` int64; 0: it is in none.

    Each pixel is a set of its own at first; all of a set go over to the highest set that one of them touches.
    """
    solid = alpha >= SOLID
    nothing = torch.zeros(alpha.numel() + 1, dtype=torch.int64, device=alpha.device)
    sets = torch.arange(1, len(nothing), device=alpha.device).view(alpha.shape) * solid
    while True:
        touched = functional.max_pool2d(sets.float(), 3, 1, 1).long() * solid  # exact up to 2**24 pixels
        highest = nothing.scatter_reduce(0, sets.flatten(), touched.flatten(), "amax")
        for _ in range(JUMPS):  # and to where that set goes over
            highest = highest[highest]
        joined = highest[sets]
        if torch.equal(joined, sets):
            break
        sets = joined
    opacity = (alpha * solid).flatten().long()
    return nothing.scatter_add(0, sets.flatten(), opacity)[sets]
