"""Icons at both sizes: large as vectors are rendered, small as a training set has them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from generator.decode import TRANSPARENT, fit
from generator.enlarger import SCALE
from generator.transparency import as_image
from train.data.choice import Choice
from train.data.reading import Request, SourceError
from train.data.sources import read_source
from train.data.vectors import Renderer

EDGE = 64
"""Pixels along the edge of a small icon."""
FEWEST = 4
"""Icons that training takes at least."""
CROP = 32
"""Pixels along the edge of the part of a small icon that a step sees: the network sees 12 pixels far."""
OPAQUE_SHARE, WHITE_SHARE = 0.4, 0.5
"""Share of the parts that stand on a color, and of these, that it is white."""


class Share(Choice):
    """Takes a share of the icons, chosen by their names' digests: the same names in every set."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = share

    def takes(self, name: str, categories: Iterable[str] = ()) -> bool:
        """Whether the icon of this name is one of them."""
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) < self._share * 2**32


@dataclass(frozen=True)
class Pairs:
    """Icons at both sizes, premultiplied: `(N, 64, 64, 4)` and `(N, 512, 512, 4)` uint8."""

    small: NDArray[np.uint8]
    large: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.small)

    def __getitem__(self, chosen: NDArray[np.intp]) -> Pairs:
        return Pairs(self.small[chosen], self.large[chosen])

    def parts(self, count: int, phase: tuple[int, int], rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Random parts of icons, turned and mirrored: `(count, 4, 32, 32)` and `(count, 4, 128, 128)` in [0, 1].

        `phase`: the large ones have every second row and column, from these on, 0 or 1.
        """
        small: list[torch.Tensor] = []
        large: list[torch.Tensor] = []
        for which, row, column in zip(
            torch.randint(len(self), (count,), generator=rng).tolist(),
            *torch.randint(EDGE - CROP + 1, (2, count), generator=rng).tolist(),
            strict=True,
        ):
            rows, columns = slice(row, row + CROP), slice(column, column + CROP)
            wide, high = (slice(SCALE * part.start, SCALE * part.stop) for part in (columns, rows))
            pair = torch.from_numpy(self.small[which, rows, columns]), torch.from_numpy(self.large[which, high, wide])
            turns, mirror = torch.randint(4, (), generator=rng), torch.rand((), generator=rng) < 0.5
            turned = [torch.rot90(part, int(turns)) for part in pair]
            if mirror:
                turned = [part.flip(0) for part in turned]
            small.append(turned[0])
            large.append(turned[1][phase[0] :: 2, phase[1] :: 2])
        both = [torch.stack(parts).permute(0, 3, 1, 2).float() / 255 for parts in (small, large)]
        color = _backgrounds(count, rng)
        return _behind(both[0], color), _behind(both[1], color)


def _backgrounds(count: int, rng: torch.Generator) -> torch.Tensor:
    """A background for each part, premultiplied: nothing, white or any color `(N, 4, 1, 1)`."""
    colors = torch.rand((count, 4), generator=rng)
    colors[torch.rand(count, generator=rng) < WHITE_SHARE] = 1.0
    colors[:, 3] = 1.0
    return (colors * (torch.rand((count, 1), generator=rng) < OPAQUE_SHARE))[..., None, None]


def _behind(icons: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
    return icons + (1 - icons[:, 3:]) * colors


def read_pairs(
    sources: Sequence[Path], shares: Sequence[float], progress: Callable[[int], None] = lambda count: None
) -> Pairs:
    """Read of each source a share, 0 to 1, of its icons, transparent where nothing is.

    Raises SourceError where a source cannot be used or too few icons are left. Pictures smaller than a large icon are
    left out: they have nothing to teach.
    """
    large: list[NDArray[np.uint8]] = []
    seen = set()
    for source, share in zip(sources, shares, strict=True):
        done = len(large)
        request = Request(
            SCALE * EDGE, TRANSPARENT, Share(share), Renderer(supersampling=1), _Counter(done, progress).tick
        )
        for icon in read_source(source, request).icons:
            picture = icon.decoded
            digest = hashlib.sha256(picture.pixels.tobytes()).digest()
            if max(picture.width, picture.height) >= SCALE * EDGE and digest not in seen:
                seen.add(digest)
                large.append(picture.pixels)
    if len(large) < FEWEST:
        where = ", ".join(map(str, sources))
        raise SourceError(
            f"{where}: only {len(large)} icons of {SCALE * EDGE} pixels or more, or drawn as vectors; "
            f"the enlarger takes at least {FEWEST}"
        )
    return Pairs(np.stack([fit(as_image(icon).convert("RGBa"), EDGE, TRANSPARENT) for icon in large]), np.stack(large))


class _Counter:
    def __init__(self, done: int, progress: Callable[[int], None]) -> None:
        self._done, self._progress = done, progress

    def tick(self) -> None:
        self._done += 1
        self._progress(self._done)
