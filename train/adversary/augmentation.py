"""Differentiable augmentation of real and generated icons alike (Zhao et al. 2020), batched, on their device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from train.adversary.distributed import average, share, size

TARGET_CERTAINTY = 0.6
"""Mean sign of the scores of real icons that adaptive augmentation aims at."""
MOST_CHANCE = 0.8
ADAPTATION_ICONS = 50_000
"""Icons over which the chance can go from 0 to 1."""


@dataclass(frozen=True)
class Augmentation:
    """Which augmentations the discriminator sees through; the default is none."""

    translation: float = 0.0
    """Largest shift along each axis, as a share of the edge; what comes in is background."""
    cutout: float = 0.0
    """Edge of a square filled with background, as a share of the edge."""
    color: bool = False
    """Random brightness, saturation and contrast."""

    def __call__(
        self,
        icons: torch.Tensor,
        background: torch.Tensor,
        generator: torch.Generator,
        chance: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Augment `(N, C, H, W)` in [-1, 1]; `background`: `(C,)`, in the same range. The shape stays.

        `chance`: a scalar, how likely an icon is augmented at all; None: always.
        """
        untouched = icons
        if self.color:
            icons = _jitter(icons, generator)
        if self.translation:
            icons = _translate(icons, round(self.translation * icons.shape[-1]), background, generator)
        if self.cutout:
            icons = _cut_out(icons, round(self.cutout * icons.shape[-1]), background, generator)
        if chance is not None:
            hit = share(torch.rand, (len(icons), 1, 1, 1), generator) < chance
            icons = torch.where(hit, icons, untouched)
        return icons


def adapt(chance: torch.Tensor, real_scores: torch.Tensor) -> None:
    """Move the chance of augmentation, in place, by how sure the discriminator is of real icons.

    The rule of Karras et al. 2020 (section 3.1), capped: beyond that, augmentations leak into the samples.
    """
    step = size() * len(real_scores) / ADAPTATION_ICONS
    chance.add_(torch.sign(average(real_scores.sign().mean()) - TARGET_CERTAINTY), alpha=step).clamp_(0.0, MOST_CHANCE)


def _jitter(icons: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    brightness, saturation, contrast = share(torch.rand, (3, len(icons), 1, 1, 1), generator, dim=1)
    # Premultiplied colors hold as much of a shift as they have opacity; without a fourth channel, that is all of it.
    colors, opacity = icons[:, :3] + 1, (icons[:, 3:] + 1) / 2
    cover = opacity if icons.shape[1] == 4 else torch.ones((1, 1, 1, 1), device=icons.device)
    colors = colors + (brightness - 0.5) * cover
    gray = colors.mean(dim=1, keepdim=True)
    colors = (colors - gray) * saturation * 2 + gray
    mean = colors.mean(dim=(1, 2, 3), keepdim=True) / cover.mean(dim=(1, 2, 3), keepdim=True).clamp_min(1e-3)
    colors = (colors - mean * cover) * (contrast + 0.5) + mean * cover
    return torch.cat([colors - 1, icons[:, 3:]], dim=1)


def _translate(icons: torch.Tensor, reach: int, background: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    n, c, h, w = icons.shape
    shifts = share(partial(torch.randint, -reach, reach + 1), (2, n, 1), generator, dim=1)
    rows = torch.arange(h, device=icons.device) + shifts[0]  # (N, H): where each row comes from
    columns = torch.arange(w, device=icons.device) + shifts[1]
    inside = ((rows >= 0) & (rows < h))[:, None, :, None] & ((columns >= 0) & (columns < w))[
        :, None, None, :
    ]  # (N, 1, H, W)
    source = rows.clamp(0, h - 1)[:, :, None] * w + columns.clamp(0, w - 1)[:, None, :]  # (N, H, W)
    moved = icons.flatten(2).gather(2, source.flatten(1)[:, None].expand(-1, c, -1)).view_as(icons)
    return torch.where(inside, moved, background[:, None, None])


def _cut_out(icons: torch.Tensor, edge: int, background: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    n, _, h, w = icons.shape
    corners = share(torch.rand, (2, n, 1), generator, dim=1)
    top, left = (corners[0] * (h + edge)).int() - edge, (corners[1] * (w + edge)).int() - edge
    rows, columns = torch.arange(h, device=icons.device), torch.arange(w, device=icons.device)
    hit = ((rows >= top) & (rows < top + edge))[:, None, :, None] & ((columns >= left) & (columns < left + edge))[
        :, None, None, :
    ]
    return torch.where(hit, background[:, None, None], icons)


def mirror(icons: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror each icon with even chance: `(N, C, H, W)`."""
    flipped = share(torch.rand, (len(icons), 1, 1, 1), generator) < 0.5
    return torch.where(flipped, icons.flip(-1), icons)
