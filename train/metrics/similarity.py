"""Mean MS-SSIM between pairs of icons: the nearer to 1, the more alike they are."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

WINDOW, SIGMA = 11, 1.5
WEIGHTS = (0.0448, 0.2856, 0.3001)
"""Of the first three of the five scales in Wang, Simoncelli and Bovik 2003; a fourth is smaller than the window."""
STABILIZERS = (0.01**2, 0.03**2)
PAIRS = 256
CHUNK = 64  # pairs at a time: they stay in the cache


@torch.inference_mode()
def mean_ms_ssim(icons: NDArray[np.uint8], device: torch.device) -> float:
    """Mean MS-SSIM of random pairs of icons, `(N, size, size, 3)` uint8, N at least 2: 0 to 1, 1 when all are equal."""
    rng = np.random.default_rng(0)
    pairs = min(PAIRS, 4 * len(icons))
    first = np.resize(rng.permutation(len(icons)), pairs)
    second = (first + rng.integers(1, len(icons), pairs)) % len(icons)  # another icon than the first
    values = []
    for start in range(0, pairs, CHUNK):
        pair = [torch.from_numpy(icons[side[start : start + CHUNK]]) for side in (first, second)]
        values.append(ms_ssim(*(part.to(device).permute(0, 3, 1, 2).float() / 255 for part in pair)))
    return float(torch.cat(values).mean())


def ms_ssim(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """MS-SSIM of pairs of images `(N, C, H, W)` in [0, 1]: `(N,)` from 0 to 1.

    Wang et al. 2003 with as many scales as the window of 11 pixels fits into, at most three (at 64 pixels: three), and
    their weights scaled to a sum of 1. Edges are mirrored, as the margins are a good part of so small a picture; each
    scale is the mean over the channels, and counts as 0 where that is below 0.
    """
    edge = min(first.shape[-2:])
    scales = max(scale for scale in range(1, len(WEIGHTS) + 1) if scale == 1 or edge >> (scale - 1) >= WINDOW)
    weights = [weight / sum(WEIGHTS[:scales]) for weight in WEIGHTS[:scales]]
    result = torch.ones(len(first), device=first.device)
    for scale, weight in enumerate(weights):
        luminance, structure = _ssim(first, second)
        last = scale == scales - 1
        result *= (luminance * structure if last else structure).mean(dim=(1, 2, 3)).clamp_min(0) ** weight
        first, second = functional.avg_pool2d(first, 2), functional.avg_pool2d(second, 2)
    return result


def ssim(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """SSIM of pairs of images `(N, C, H, W)` in [0, 1], at their own scale (Wang et al. 2004): `(N,)`."""
    luminance, structure = _ssim(first, second)
    return (luminance * structure).mean(dim=(1, 2, 3))


def _ssim(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The luminance and the contrast-structure map of SSIM: `(N, C, H, W)`."""
    n = len(first)
    moments = _window(torch.cat([first, second, first * first, second * second, first * second]))
    mean_1, mean_2, square_1, square_2, product = (moments[i * n : (i + 1) * n] for i in range(5))
    luminance_floor, structure_floor = STABILIZERS
    luminance = (2 * mean_1 * mean_2 + luminance_floor) / (mean_1**2 + mean_2**2 + luminance_floor)
    covariance = product - mean_1 * mean_2
    variances = square_1 - mean_1**2 + square_2 - mean_2**2
    return luminance, (2 * covariance + structure_floor) / (variances + structure_floor)


def _window(images: torch.Tensor) -> torch.Tensor:
    """Gaussian mean around each pixel, edges mirrored: the shape `(N, C, H, W)` stays."""
    rows, columns = (_band(size, images.device) for size in images.shape[-2:])
    return rows @ images @ columns.T


def _band(size: int, device: torch.device) -> torch.Tensor:
    """The matrix `(size, size)` that takes a column of pixels to its Gaussian means; `size` at least 6."""
    reach = WINDOW // 2
    steps = torch.arange(-reach, reach + 1)
    line = torch.exp(-(steps**2) / (2 * SIGMA**2))
    places = (torch.arange(size)[:, None] + steps).abs()  # mirrored at the first pixel, below at the last
    places = torch.where(places > size - 1, 2 * (size - 1) - places, places)
    band = torch.zeros(size, size).scatter_add_(1, places, (line / line.sum()).expand(size, -1))
    return band.to(device)
