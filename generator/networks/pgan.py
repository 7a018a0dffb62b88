"""The generator of a progressive GAN (Karras et al. 2018), with few enough channels for small sets and processors.

Two things differ from the paper: latents have 128 values instead of 512, and tanh keeps icons in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from generator.networks.bounds import base_of, require
from generator.networks.layers import colored

SIZES = (28, 32, 64)
LEAK = 0.2
EPSILON = 1e-8


@dataclass(frozen=True)
class PganConfig:
    """Sizes of the generator. Raises ValueError, with a sentence, when they are out of bounds."""

    architecture: ClassVar[str] = "pgan"
    image_size: int = 64
    channels: int = 3
    latent_size: int = 128
    width: int = 32
    """Channels at the full size; each halving doubles them, up to eight times the width."""

    def __post_init__(self) -> None:
        require(self.image_size, SIZES, self.channels, self.latent_size, self.width)

    @property
    def base(self) -> int:
        """The resolution that growing begins with: 4, or 7 for icons of 28."""
        return base_of(self.image_size)

    def channels_at(self, resolution: int) -> int:
        """Feature channels at a resolution."""
        return self.width * min(self.image_size // resolution, 8)


class PixelNorm(nn.Module):
    """Give the features of each pixel the length 1 on average over channels: `(N, C, ...)` (section 4.2)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize over the channels."""
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + EPSILON)


class PganGenerator(nn.Module):
    """Latents `(N, z)` -> icons `(N, channels, size, size)` in [-1, 1]."""

    def __init__(self, config: PganConfig) -> None:
        super().__init__()
        self.config = config
        first = config.channels_at(config.base)
        self.stem = nn.Sequential(
            PixelNorm(),
            nn.ConvTranspose2d(config.latent_size, first, config.base),
            nn.LeakyReLU(LEAK),
            PixelNorm(),
            *_convolution(first, first),
        )
        self.stages = nn.ModuleDict()
        resolution = 2 * config.base
        while resolution < config.image_size:
            self.stages[str(resolution)] = nn.Sequential(*_stage(config, resolution))
            resolution *= 2
        self.head = nn.Sequential(*_stage(config, resolution), nn.Conv2d(config.width, config.channels, 1))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Draw a batch: `(N, z) -> (N, channels, size, size)` in [-1, 1]."""
        *_, (_, finest) = self.features(latents)
        return colored(self.head(finest))

    def features(self, latents: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """The features of each stage below full size with its resolution, coarse to fine: `(N, C, r, r)`."""
        x = self.stem(latents[:, :, None, None])
        yield self.config.base, x
        for name, stage in self.stages.items():
            x = stage(x)
            yield int(name), x


def _stage(config: PganConfig, resolution: int) -> tuple[nn.Module, ...]:
    """Double the resolution, to this one, and convolve twice."""
    inputs, outputs = config.channels_at(resolution // 2), config.channels_at(resolution)
    return nn.Upsample(scale_factor=2), *_convolution(inputs, outputs), *_convolution(outputs, outputs)


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.LeakyReLU(LEAK), PixelNorm()
