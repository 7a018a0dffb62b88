"""The nearest training icons of a picture: exact search over low-passed pixels, tolerant to a shift of two pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from generator.transparency import DARK, WHITE, as_pixels

GRID = 16
"""Cells along an edge of the low-passed picture that a descriptor holds."""

DESCRIPTOR_SIZE = 3 * GRID**2

SHIFTS = range(-2, 3)
"""Shifts that are tried, in pixels of a 64-pixel icon."""

SHIFT_UNIT = 64
CHUNK = 8_192
BATCH = 16
"""Icons that are searched for together."""

ROUNDING = DESCRIPTOR_SIZE * 2.0**-24
"""Bound on the rounding of a sum of 768 products in float32, as a share of the sum of their sizes."""


SAME = 0.004
"""Rounding and recompression make such a distance at least."""


@dataclass(frozen=True)
class NearPixels:
    """A training icon near a picture."""

    index: int
    """Which one, as in the descriptors."""
    distance: float
    """Root mean square difference of low-passed pixels at the best shift: 0, the same, to 1, black against white."""


def describe(icons: NDArray[np.uint8]) -> torch.Tensor:
    """Descriptors of icons: `(N, H, W, 3)` uint8 -> `(N, 768)` float16, the icon averaged to 16x16 cells in [0, 1].

    Gray ones, `(N, H, W, 1)`, have three equal colors. Transparent ones, `(N, H, W, 4)` premultiplied, are seen on a
    board of white and dark cells, which shows both what is white and what is dark.
    """
    chunks = [torch.from_numpy(icons[i : i + CHUNK]) for i in range(0, len(icons), CHUNK)]
    return torch.cat([_low_pass(chunk.permute(0, 3, 1, 2).float() / 255) for chunk in chunks]).half()


class NeighborIndex:
    """Exact search over the descriptors of a bundle."""

    def __init__(self, descriptors: torch.Tensor, device: torch.device | None = None) -> None:
        """`descriptors`: `(N, 768)` float16, as `describe` makes them; they are searched on the device, or the CPU."""
        self._points = descriptors.to(device or "cpu").float()
        self._squares = self._points.square().sum(dim=1)

    def search(self, icon: Image.Image, count: int = 3) -> list[NearPixels]:
        """The `count` training icons nearest to a picture, or as many as there are, nearest first; ties by index."""
        queries = self._queries(as_pixels(icon)[None])[0]
        # Squared distances by matrix product are fast and lose digits near zero: they choose, exact ones rank.
        rough = torch.full((len(self._points),), torch.inf, device=self._points.device)
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
        exact = self._distances(queries, chosen)
        order = exact.argsort(stable=True)[:count]
        return [NearPixels(index=int(chosen[i]), distance=float(exact[i])) for i in order]

    def distances(self, icon: Image.Image, chosen: Sequence[int]) -> list[float]:
        """How far a picture is from some training icons, as in `search`."""
        exact: list[float] = self._distances(self._queries(as_pixels(icon)[None])[0], torch.tensor(chosen)).tolist()
        return exact

    def _distances(self, queries: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        return torch.stack([(queries - self._points[i]).square().mean(dim=1).amin() for i in chosen]).sqrt()

    def nearest(self, icons: NDArray[np.uint8], leaving_out: Sequence[int] | None = None) -> NDArray[np.float32]:
        """How far each of many icons, `(N, H, W, C)` uint8, is from its nearest training icon: `(N,)`, as in `search`.

        `leaving_out`: for each of them a training icon that does not count: itself. Of training icons that are equally
        near within the rounding of a matrix product, any may be the one that is measured.
        """
        found = [torch.empty(0)]
        for start in range(0, len(icons), BATCH):
            queries = self._queries(icons[start : start + BATCH])  # (B, S, D)
            rough = self._squares - 2 * queries @ self._points.T + queries.square().sum(dim=2, keepdim=True)
            if leaving_out is not None:
                rough[range(len(rough)), :, leaving_out[start : start + BATCH]] = torch.inf
            best = rough.flatten(1).argmin(dim=1)
            shift, other = best // len(self._points), best % len(self._points)
            exact = queries[range(len(queries)), shift] - self._points[other]
            found.append(exact.square().mean(dim=1).sqrt().cpu())
        distances: NDArray[np.float32] = torch.cat(found).numpy()
        return distances

    def _queries(self, icons: NDArray[np.uint8]) -> torch.Tensor:
        return _shifted(torch.from_numpy(icons).to(self._points.device).permute(0, 3, 1, 2).float() / 255)


def _shifted(pixels: torch.Tensor) -> torch.Tensor:
    """Descriptors of icons `(N, C, H, W)` under every shift: `(N, 25, D)`; `(N, 9, D)` below 64 pixels: no half pixels.

    Edge pixels fill what a shift uncovers.
    """
    moves = sorted({round(shift * pixels.shape[-1] / SHIFT_UNIT) for shift in SHIFTS})
    reach = moves[-1]
    wide = functional.pad(pixels, (reach, reach, reach, reach), mode="replicate")
    height, width = pixels.shape[2:]
    views = [
        wide[..., reach + dy : reach + dy + height, reach + dx : reach + dx + width] for dy in moves for dx in moves
    ]
    return torch.stack([_low_pass(view) for view in views], dim=1)


def _low_pass(images: torch.Tensor) -> torch.Tensor:
    """`(N, C, H, W) -> (N, 768)`, values in [0, 1]; a fourth channel is opacity, a single one gray."""
    cells = functional.adaptive_avg_pool2d(images, GRID)
    if cells.shape[1] == 4:
        place = torch.arange(GRID, device=cells.device)
        is_dark = (place + place[:, None]) % 2 == 1
        white, dark = torch.tensor(WHITE, device=cells.device), torch.tensor(DARK, device=cells.device)
        board = torch.where(is_dark[:, :, None], dark, white)
        cells = cells[:, :3] + (1 - cells[:, 3:]) * board.permute(2, 0, 1) / 255
    return cells.expand(-1, 3, -1, -1).flatten(1)
