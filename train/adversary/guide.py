"""The guide: frozen features of natural images, scored beside the discriminator's own eyes.

The projected discriminators of Sauer et al. 2021 (section 3): features of several levels, mixed across channels and
from coarse to fine by fixed random convolutions, each scored by a small network of its own. The coarsest level draws
woven patterns into the icons, so the guide uses those up to stride 16.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from generator.vision.efficientnet import CHANNELS, NaturalFeatures
from train.adversary.discriminators import LEAK, normalized_conv
from train.adversary.distributed import share

LEVELS = 3
VIEW = 96
"""Edge in pixels of what the guide sees."""
TURN, ZOOM, SHIFT = math.radians(3), 0.08, 0.5 / 64
"""How far a view is turned, scaled (as a logarithm) and shifted (as a share of the edge), at most, either way."""
MIXED_CHANNELS, HEAD_CHANNELS = 32, 64
SMALLEST = 4
"""Edge in feature pixels below which a head does not halve any more."""
CALIBRATION_ICONS = 256


class Guide(nn.Module):
    """Scores views of icons by frozen features. What learns are the heads; the mixing is drawn once and kept."""

    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.features = NaturalFeatures(LEVELS)
        self.mixing = nn.ModuleList(_FixedConv(CHANNELS[level], MIXED_CHANNELS, 1) for level in range(LEVELS))
        self.blending = nn.ModuleList(_FixedConv(MIXED_CHANNELS, MIXED_CHANNELS, 3) for _ in range(LEVELS))
        self.register_buffer("shift", torch.zeros(LEVELS, 1, MIXED_CHANNELS, 1, 1))
        self.register_buffer("scale", torch.ones(LEVELS, 1, MIXED_CHANNELS, 1, 1))
        self.heads = nn.ModuleList(_head(VIEW >> (level + 2)) for level in range(LEVELS))

    @torch.no_grad()
    def calibrate(self, views: torch.Tensor) -> None:
        """Give each channel of the features of these views, `(N, 3, VIEW, VIEW)`, the mean 0 and the deviation 1."""
        for level, features in enumerate(self._mix(views)):
            deviation, mean = torch.std_mean(features, dim=(0, 2, 3), keepdim=True)
            self.shift[level], self.scale[level] = mean, 1 / deviation.clamp_min(1e-6)

    def look(self, views: torch.Tensor) -> list[torch.Tensor]:
        """The features that are scored: `(N, 3, VIEW, VIEW)` in [-1, 1] -> a tensor a level, finest first."""
        mixed = enumerate(self._mix(views))
        return [(features - self.shift[level]) * self.scale[level] for level, features in mixed]

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Scores of what `look` gave: `(LEVELS, N)`."""
        return torch.stack([head(seen).flatten() for head, seen in zip(self.heads, features, strict=True)])

    def _mix(self, views: torch.Tensor) -> list[torch.Tensor]:
        mixed: list[torch.Tensor] = []
        above: torch.Tensor | None = None
        levels = list(zip(self.features(views), self.mixing, self.blending, strict=True))
        for features, mix, blend in reversed(levels):
            present = mix(features)
            if above is not None:
                present = present + functional.interpolate(above, scale_factor=2.0)
            above = blend(present)
            mixed.append(above)
        return mixed[::-1]


def views(icons: torch.Tensor, background: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """What the guide sees: icons `(N, C, r, r)`, a little turned, scaled and shifted -> `(N, 3, VIEW, VIEW)`.

    Both in [-1, 1]; `background`: `(C,)`, what comes in at the edges. Transparent icons, premultiplied, are put on a
    color of their own each, so that no background can be learned. Gray ones get three equal colors.
    """
    drawn = share(torch.rand, (7, len(icons)), rng, dim=1).mul(2).sub(1)
    return _seen(icons, background, drawn[:4], drawn[4:])


def plain_views(icons: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    """As `views`, with no movement; transparent icons stand on grays from black to white."""
    grays = torch.linspace(-1, 1, len(icons), device=icons.device).expand(3, -1)
    return _seen(icons, background, torch.zeros((4, len(icons)), device=icons.device), grays)


def _seen(icons: torch.Tensor, background: torch.Tensor, movement: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
    """Movement `(4, N)`: turn, zoom, right, down, and colors `(3, N)`, all in [-1, 1]."""
    n, channels = icons.shape[:2]
    turn, zoom, right, down = movement
    angle, factor = turn * TURN, torch.exp(zoom * ZOOM)
    cosine, sine = factor * torch.cos(angle), factor * torch.sin(angle)
    rows = [cosine, -sine, 2 * SHIFT * right, sine, cosine, 2 * SHIFT * down]
    grid = functional.affine_grid(
        torch.stack(rows, dim=1).view(n, 2, 3), [n, channels, VIEW, VIEW], align_corners=False
    )
    empty = background[:, None, None]
    seen = functional.grid_sample(icons - empty, grid, align_corners=False) + empty
    if channels == 4:  # premultiplied colors and opacity, both from -1 to 1
        seen = seen[:, :3] + (colors.T[:, :, None, None] + 1) * (1 - seen[:, 3:]) / 2
    return seen.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


class _FixedConv(nn.Module):
    """A convolution of random weights that never learns, Kaiming's for what is not rectified."""

    weight: torch.Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        deviation = (inputs * kernel**2) ** -0.5
        self.register_buffer("weight", deviation * torch.randn(outputs, inputs, kernel, kernel))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, self.weight, padding=self.weight.shape[-1] // 2)


def _head(resolution: int) -> nn.Module:
    """Features `(N, MIXED_CHANNELS, r, r)` -> scores `(N, 1, 1, 1)`."""
    layers: list[nn.Module] = []
    inputs = MIXED_CHANNELS
    while resolution > SMALLEST:
        layers += [normalized_conv(inputs, HEAD_CHANNELS, 4, stride=2, padding=1), nn.LeakyReLU(LEAK, inplace=True)]
        inputs, resolution = HEAD_CHANNELS, resolution // 2
    layers += [normalized_conv(inputs, HEAD_CHANNELS, 3, padding=1), nn.LeakyReLU(LEAK, inplace=True)]
    return nn.Sequential(*layers, normalized_conv(HEAD_CHANNELS, 1, resolution))
