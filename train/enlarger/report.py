"""How near enlarged icons come to the large ones that they are made from: PSNR and SSIM, beside Lanczos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from generator.enlarger import Enlarger
from generator.pictures import enlarge
from generator.transparency import DARK, WHITE, as_image, as_pixels, over
from train.enlarger.faults import with_faults
from train.enlarger.pairs import Pairs
from train.metrics.similarity import ssim

MOST = 48
"""Icons that a report looks at."""


@dataclass(frozen=True)
class Quality:
    """Means over icons on white and on dark; PSNR in dB, SSIM at most 1."""

    psnr: float
    ssim: float


@dataclass(frozen=True)
class Report:
    """The enlarger and Lanczos on the same icons: as they are, and with a generator's faults."""

    icons: int
    clean: tuple[Quality, Quality]
    """The enlarger's, then that of Lanczos."""
    faulty: tuple[Quality, Quality]


def report(enlarger: Enlarger, pairs: Pairs, seed: int = 0) -> Report:
    """Judge by at most MOST of the pairs, evenly chosen."""
    pairs = pairs[np.unique(np.linspace(0, len(pairs) - 1, MOST).round().astype(np.intp))]
    small = torch.from_numpy(pairs.small).permute(0, 3, 1, 2).float() / 255
    faulty = with_faults(small, torch.Generator().manual_seed(seed), spared=0.0)
    given = ((faulty * 255).round().byte().permute(0, 2, 3, 1).numpy(), pairs.small)
    edge = pairs.large.shape[1]
    ways: tuple[Callable[[Image.Image], Image.Image], ...] = (
        enlarger.draw,
        lambda icon: enlarge(icon, edge, plain=True),
    )
    bad, clean = (tuple(_quality(way, icons, pairs.large) for way in ways) for icons in given)
    return Report(len(pairs), (clean[0], clean[1]), (bad[0], bad[1]))


def _quality(way: Callable[[Image.Image], Image.Image], small: NDArray[np.uint8], large: NDArray[np.uint8]) -> Quality:
    figures = []
    for icon, wanted in zip(small, large, strict=True):
        drawn = as_pixels(way(as_image(icon)))
        for color in (WHITE, DARK):
            pair = [
                torch.from_numpy(over(pixels, color)).permute(2, 0, 1)[None].float() / 255 for pixels in (drawn, wanted)
            ]
            error = float((pair[0] - pair[1]).square().mean())
            figures.append((-10 * np.log10(max(error, 1e-10)), float(ssim(pair[0], pair[1]))))
    psnr, similarity = np.mean(figures, axis=0)
    return Quality(float(psnr), float(similarity))
