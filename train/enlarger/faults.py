"""What a generator's icons look like beside drawn ones: soft, wavy at the edges, blotchy, with specks and patterns.

The enlarger learns from icons with such faults what the clean ones are, as Real-ESRGAN does for photographs (Wang et
al. 2021); the strengths here were set beside sheets of what the models draw.
"""

from __future__ import annotations

import torch
from torch.nn import functional

SPARED = 0.5
"""Share of the icons that stay as they are: a generator draws good ones, too."""
WAVE, WAVE_LENGTHS = 0.5, (2, 4, 8)
"""How far edges are moved at most (standard deviation), and over which distances, one for all icons: pixels."""
NOISE, BLOTCHES, PATTERN, SPECKS = 0.015, 0.03, 0.03, 0.3
"""Largest strength of each, standard deviations in colors of 0 to 1."""
SPECK_SHARE = 0.003
"""Share of the pixels that a speck begins at, at most."""


def with_faults(icons: torch.Tensor, rng: torch.Generator, spared: float = SPARED) -> torch.Tensor:
    """Icons `(N, 4, H, W)` premultiplied in [0, 1] as a generator might have drawn them, each in its own way.

    A share of them, `spared`, stays clean; what is opaque all over stays opaque.
    """
    count, opaque = len(icons), icons[:, 3:].amin(dim=(1, 2, 3), keepdim=True) >= 1
    drawn = _soft(_wavy(icons, rng), rng)
    change = _noise(drawn, rng)
    change[:, :3] *= drawn[:, 3:]  # colors are premultiplied: nothing is seen where there is no opacity
    change[:, 3:] *= _edge(drawn[:, 3:])
    drawn = _clipped(drawn + change + _specks(drawn, rng), opaque)
    clean = torch.rand((count, 1, 1, 1), generator=rng) < spared
    return (torch.where(clean, icons, drawn) * 255).round() / 255


def _wavy(icons: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Move pixels by a smooth random field, so that straight edges are not quite straight."""
    count, _, height, width = icons.shape
    length = WAVE_LENGTHS[int(torch.randint(len(WAVE_LENGTHS), (), generator=rng))]
    coarse = torch.randn((count, 2, height // length + 1, width // length + 1), generator=rng)
    field = functional.interpolate(coarse, (height, width), mode="bicubic") * _up_to(WAVE, count, rng)
    still = functional.affine_grid(torch.eye(2, 3).expand(count, 2, 3), list(icons.shape), align_corners=False)
    moved = still + field.permute(0, 2, 3, 1) * torch.tensor([2 / width, 2 / height])
    return functional.grid_sample(icons, moved, padding_mode="border", align_corners=False)


def _soft(icons: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Blur by up to two binomial filters of three pixels, each to some part."""
    for _ in range(2):
        icons = icons.lerp(_binomial(icons), _up_to(1.0, len(icons), rng))
    return icons


def _noise(icons: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Noise of single pixels, blotches of some, and the stripes and grids that upsampling leaves."""
    count, channels, height, width = icons.shape
    fine = torch.randn(icons.shape, generator=rng) * _up_to(NOISE, count, rng)
    coarse = torch.randn((count, channels, height // 3 + 1, width // 3 + 1), generator=rng)
    blotches = functional.interpolate(coarse, (height, width), mode="bicubic") * _up_to(BLOTCHES, count, rng)
    tile = torch.randn((count, channels, 4, 4), generator=rng).repeat(1, 1, height // 4 + 1, width // 4 + 1)
    return fine + blotches + tile[..., :height, :width] * _up_to(PATTERN, count, rng)


def _specks(icons: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Single pixels of another color, soft around, also faint ones where nothing is."""
    count, channels, height, width = icons.shape
    chosen = torch.rand((count, 1, height, width), generator=rng) < _up_to(SPECK_SHARE, count, rng)
    colors = torch.randn((count, channels, height, width), generator=rng) * SPECKS
    specks = _binomial(chosen * colors) * 3
    faint = specks[:, 3:].abs() * 0.5 * (icons[:, 3:] <= 0)
    return torch.cat([specks[:, :3] * icons[:, 3:] + faint * torch.rand((count, 3, 1, 1), generator=rng), faint], dim=1)


def _clipped(icons: torch.Tensor, opaque: torch.Tensor) -> torch.Tensor:
    alpha = torch.where(opaque, 1.0, icons[:, 3:].clamp(0, 1))
    return torch.cat([icons[:, :3].clamp_min(0).minimum(alpha), alpha], dim=1)


def _edge(alpha: torch.Tensor) -> torch.Tensor:
    """1 where a neighbor's opacity differs, 0 within a shape and far from it, softly."""
    return (3 * (functional.max_pool2d(alpha, 3, 1, 1) + functional.max_pool2d(-alpha, 3, 1, 1))).clamp_max(1)


def _binomial(icons: torch.Tensor) -> torch.Tensor:
    """The mean over three pixels each way, weights 1, 2, 1."""
    line = torch.tensor([0.25, 0.5, 0.25])
    kernel = (line[:, None] * line).expand(icons.shape[1], 1, 3, 3)
    return functional.conv2d(functional.pad(icons, (1, 1, 1, 1), mode="replicate"), kernel, groups=icons.shape[1])


def _up_to(limit: float, count: int, rng: torch.Generator) -> torch.Tensor:
    """One strength an icon: `(N, 1, 1, 1)` in [0, limit)."""
    return limit * torch.rand((count, 1, 1, 1), generator=rng)
