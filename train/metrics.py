"""How good a model is, without downloaded weights: every figure stands beside the same figure between real icons."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from generator.checkpoint import Figure
from generator.neighbors import describe
from generator.studio import to_pixels

PATCH, PATCHES_PER_ICON = 7, 128
SMALLEST_LEVEL = 16
PROJECTIONS, PROJECTION_ROUNDS = 128, 4
SWD_SCALE = 1000
MAX_ICONS = 256
"""Icons on each side of a figure."""
SAMPLING_BATCH = 64


class Judge:
    """Compares generators with one set of training icons; what concerns the icons alone is measured once.

    - `swd`: sliced Wasserstein distance x 1000; real: between two halves of the icons.
    - `nearest`: median distance to the nearest training icon, in low-passed pixels; real: among the icons. Far below
      the real figure: copies.
    - `diversity`: mean distance between two icons, in low-passed pixels. Far below the real figure: collapse.
    """

    def __init__(self, icons: NDArray[np.uint8], device: torch.device) -> None:
        """`icons`: `(N, size, size, 3)` uint8, N at least 4; at most MAX_ICONS of them are on a side of a figure."""
        self.device = device
        order = torch.randperm(len(icons), generator=torch.Generator().manual_seed(0)).numpy()
        size = min(len(icons) // 2, MAX_ICONS)
        self._reals = icons[order[:size]]
        self._points = describe(icons).float()
        chosen = self._points[order[: 2 * size]]
        self._real = {
            "swd": swd(self._reals, icons[order[size : 2 * size]], device),
            "nearest": _nearest(chosen, self._points, rank=2),  # the nearest of all is the icon itself
            "diversity": _diversity(chosen),
        }

    def evaluate(self, network: nn.Module, latent_size: int) -> dict[str, Figure]:
        """The figures of a generator in eval mode, each beside the real one."""
        fakes = sample(network, latent_size, len(self._reals), self.device, torch.Generator().manual_seed(0))
        points = describe(fakes).float()
        values = {
            "swd": swd(self._reals, fakes, self.device),
            "nearest": _nearest(points, self._points, rank=1),
            "diversity": _diversity(points),
        }
        return {name: Figure(value=value, real=self._real[name]) for name, value in values.items()}


@torch.inference_mode()
def sample(
    network: nn.Module, latent_size: int, count: int, device: torch.device, rng: torch.Generator
) -> NDArray[np.uint8]:
    """Draw icons: `(count, size, size, channels)` uint8. `rng` lives on the CPU."""
    latents = torch.randn((count, latent_size), generator=rng).to(device)
    batches = [to_pixels(network(chunk)).cpu() for chunk in torch.split(latents, SAMPLING_BATCH)]
    pixels: NDArray[np.uint8] = torch.cat(batches).permute(0, 2, 3, 1).contiguous().numpy()
    return pixels


@torch.inference_mode()
def swd(first: NDArray[np.uint8], second: NDArray[np.uint8], device: torch.device) -> float:
    """Sliced Wasserstein distance x 1000 between equally many icons, `(N, size, size, C)` uint8, mean over the levels.

    As in Karras et al. 2018, section 5: 128 patches of 7x7 an icon on each level of a Laplacian pyramid down to 16x16,
    normalized per channel, projected on 4 x 128 random directions.
    """
    rng = torch.Generator(device).manual_seed(0)
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
    distances = []
    for _ in range(PROJECTION_ROUNDS):
        directions = torch.randn((PROJECTIONS, first.shape[1]), generator=rng, device=first.device)
        directions /= directions.norm(dim=1, keepdim=True)
        difference = _sorted(directions @ first.T) - _sorted(directions @ second.T)
        distances.append(difference.abs().mean())
    return float(torch.stack(distances).mean())


def _sorted(rows: torch.Tensor) -> torch.Tensor:
    """Each row `(R, M)` in ascending order. NumPy's sort uses the vector units of a CPU, torch's does not."""
    if rows.device.type == "cpu":
        return torch.from_numpy(np.sort(rows.numpy(), axis=1))
    ordered: torch.Tensor = rows.sort(dim=1).values
    return ordered


def _nearest(points: torch.Tensor, others: torch.Tensor, *, rank: int) -> float:
    """Median RMS distance of points `(N, D)` to the nearest (or second nearest: rank 2) of others `(M, D)`."""
    nearest = [torch.cdist(chunk, others).kthvalue(rank, dim=1).values for chunk in torch.split(points, 64)]
    return float(torch.cat(nearest).median()) / math.sqrt(points.shape[1])


def _diversity(points: torch.Tensor) -> float:
    distances = torch.cdist(points, points)
    return float(distances.sum() / (len(points) * (len(points) - 1))) / math.sqrt(points.shape[1])
