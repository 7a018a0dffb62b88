"""Sliced Wasserstein distance between sets of icons, as in "Progressive Growing of GANs" (Karras et al. 2018)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

PATCH, PATCHES_PER_ICON = 7, 128
SMALLEST_LEVEL = 16
PROJECTIONS = 128
SWD_SCALE = 1000


@torch.inference_mode()
def swd(first: NDArray[np.uint8], second: NDArray[np.uint8], device: torch.device, seed: int = 0) -> float:
    """Sliced Wasserstein distance x 1000 between equally many icons, `(N, size, size, C)` uint8, mean over the levels.

    As in Karras et al. 2018, section 5: 128 patches of 7x7 an icon on each level of a Laplacian pyramid down to 16x16,
    normalized per channel, projected on 128 random directions; `seed` chooses patches and directions. Both sets are
    normalized by themselves, so that a few busy icons move it: with 256 a side, that of one generator varied by 2 to 4.
    Take the mean over several sets.
    """
    rng = torch.Generator(device).manual_seed(seed)
    pairs = zip(_pyramid(first, device), _pyramid(second, device), strict=True)
    levels = [_sliced(_patches(a, rng), _patches(b, rng), rng) for a, b in pairs]
    return SWD_SCALE * float(np.mean(levels))


def _pyramid(icons: NDArray[np.uint8], device: torch.device) -> list[torch.Tensor]:
    """Band-passed levels `(N, C, H, W)` from full size down to 16x16; the last one is the low-passed rest."""
    current = torch.from_numpy(icons).to(device).permute(0, 3, 1, 2).float()
    levels = []
    while current.shape[-1] > SMALLEST_LEVEL:
        smaller = _blur(current)[..., ::2, ::2]
        spread = torch.zeros_like(current)
        spread[..., ::2, ::2] = smaller * 4
        levels.append(current - _blur(spread))
        current = smaller
    return [*levels, current]


def _blur(images: torch.Tensor) -> torch.Tensor:
    """Binomial 5x5 blur with mirrored borders: the shape stays."""
    channels = images.shape[1]
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=images.device) / 16
    kernel = torch.outer(line, line).expand(channels, 1, 5, 5)
    return functional.conv2d(functional.pad(images, (2, 2, 2, 2), mode="reflect"), kernel, groups=channels)


def _patches(level: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Random patches, normalized per channel: `(N * 128, C * 49)`."""
    n, channels, height, width = level.shape
    shape = (n, PATCHES_PER_ICON, 1)
    offsets = torch.arange(PATCH, device=level.device)
    top = torch.randint(height - PATCH + 1, shape, generator=rng, device=level.device)
    left = torch.randint(width - PATCH + 1, shape, generator=rng, device=level.device)
    cells = (top + offsets)[..., :, None] * width + (left + offsets)[..., None, :]  # (N, P, 7, 7)
    picked = level.flatten(2).gather(2, cells.flatten(1)[:, None].expand(-1, channels, -1))
    patches = picked.view(n, channels, PATCHES_PER_ICON, PATCH * PATCH).transpose(1, 2).flatten(0, 1)
    deviation, mean = torch.std_mean(patches, dim=(0, 2), keepdim=True)
    normalized: torch.Tensor = ((patches - mean) / deviation.clamp_min(1e-8)).flatten(1)
    return normalized


def _sliced(first: torch.Tensor, second: torch.Tensor, rng: torch.Generator) -> float:
    directions = torch.randn((PROJECTIONS, first.shape[1]), generator=rng, device=first.device)
    directions /= directions.norm(dim=1, keepdim=True)
    return float((_sorted(directions @ first.T) - _sorted(directions @ second.T)).abs().mean())


def _sorted(rows: torch.Tensor) -> torch.Tensor:
    """Each row `(R, M)` in ascending order. NumPy's sort uses the vector units of a CPU, torch's does not."""
    if rows.device.type == "cpu":
        return torch.from_numpy(np.sort(rows.numpy(), axis=1))
    ordered: torch.Tensor = rows.sort(dim=1).values
    return ordered
