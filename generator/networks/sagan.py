"""The SAGAN generator for small icon sets: upsampling trunk, skip excitation, self-attention at 16 (and 32).

The sizes and the order of the layers follow what was measured on two CPU cores: see docs/training.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from generator.networks.layers import SelfAttention, SkipExcitation, UpsamplingConv

IMAGE_SIZES = (28, 32, 64, 128)


@dataclass(frozen=True)
class SaganConfig:
    """Sizes of the generator. Raises ValueError, with a sentence, when they are out of bounds."""

    architecture: ClassVar[str] = "sagan"
    image_size: int = 64
    channels: int = 3
    latent_size: int = 64
    width: int = 32
    """Channels at half the image size; each halving doubles them, up to eight times the width."""
    attention_limit: int = 16
    """The finest resolution that attends: 16, or 32, where attention costs a fifth of a training step on a CPU."""

    def __post_init__(self) -> None:
        if self.image_size not in IMAGE_SIZES:
            raise ValueError(f"an image size of {self.image_size} is not one of {IMAGE_SIZES}")
        if self.channels not in (1, 3, 4):
            raise ValueError(f"{self.channels} channels are not 1 (gray), 3 (RGB) or 4 (premultiplied RGBA)")
        if self.attention_limit not in (16, 32):
            raise ValueError(f"an attention limit of {self.attention_limit} is not 16 or 32")
        if not 1 <= self.latent_size <= 1024 or not 8 <= self.width <= 256 or self.width % 8:
            raise ValueError("a latent size is from 1 to 1024, and a width from 8 to 256 in steps of 8")

    @property
    def base(self) -> int:
        """The resolution that the trunk begins at."""
        return base_of(self.image_size)

    def channels_at(self, resolution: int) -> int:
        """Feature channels at a resolution of the trunk."""
        return self.width * min(self.image_size // 2 // resolution, 8)


class SaganGenerator(nn.Module):
    """Latents `(N, z)` -> icons `(N, channels, size, size)` in [-1, 1]."""

    def __init__(self, config: SaganConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = nn.Sequential(
            nn.ConvTranspose2d(config.latent_size, config.channels_at(config.base), config.base, bias=False),
            nn.BatchNorm2d(config.channels_at(config.base)),
            nn.ReLU(inplace=True),
        )
        self.stages = nn.ModuleDict()
        self.gates = nn.ModuleDict()
        resolution = 2 * config.base
        while resolution < config.image_size:
            self.stages[str(resolution)] = _stage(config, resolution)
            if counted(resolution) in (16, 32):
                self.gates[str(resolution)] = SkipExcitation(
                    config.channels_at(config.base), config.channels_at(resolution), config.base
                )
            resolution *= 2
        # The tied weights leave no checkerboard, so that the colors need no layer of their own at full size.
        self.head = UpsamplingConv(config.width, config.channels, bias=True)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Draw a batch: `(N, z) -> (N, channels, size, size)` in [-1, 1]."""
        *_, (_, finest) = self.features(latents)
        return colored(self.head(finest))

    def features(self, latents: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """The features of each stage with its resolution, coarse to fine: `(N, C, r, r)`."""
        low = x = self.stem(latents[:, :, None, None])
        for name, stage in self.stages.items():
            x = stage(x)
            if name in self.gates:
                x = self.gates[name](low, x)
            yield int(name), x


def base_of(image_size: int) -> int:
    """The resolution that doubles up to an image size: 4, or 7 for 28."""
    return 7 if image_size == 28 else 4


def counted(resolution: int) -> int:
    """The power of two that a resolution counts as where layers depend on it: 14 as 16."""
    return 1 << (resolution - 1).bit_length()


def colored(values: torch.Tensor) -> torch.Tensor:
    """What a last layer gives -> icons in [-1, 1], by tanh: `(N, channels, H, W)`, both.

    Of four channels the layer gives straight colors and the opacity, and the icon is their product, premultiplied:
    across an edge the color can stay while the opacity falls, and where nothing is, no color has to be unlearned.
    """
    icons = torch.tanh(values)
    if icons.shape[1] < 4:
        return icons
    colors, opacity = icons[:, :3], icons[:, 3:]
    return torch.cat([(colors + 1) * (opacity + 1) / 2 - 1, opacity], dim=1)


class Residual(nn.Module):
    """A 3x3 convolution with batch norm around a skip connection: `(N, C, H, W) -> (N, C, H, W)`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add the block's result to its input and rectify."""
        return torch.relu_(x + self.body(x))


def _stage(config: SaganConfig, resolution: int) -> nn.Sequential:
    """Double the resolution, refine, and attend: the layers depend on the resolution that comes out."""
    outputs = config.channels_at(resolution)
    layers: list[nn.Module] = [
        UpsamplingConv(config.channels_at(resolution // 2), outputs),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]
    if counted(resolution) in (8, 16):
        layers.append(Residual(outputs))
    if 16 <= counted(resolution) <= config.attention_limit:
        layers.append(SelfAttention(outputs))
    return nn.Sequential(*layers)
