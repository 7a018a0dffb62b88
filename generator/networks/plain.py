"""The plain generator of the original mel-icon recipe: five transposed convolutions and unpooled attention.

It is here to be compared with (`--preset sagan-seed`), not to be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from generator.networks.bounds import require
from generator.networks.layers import QuerySoftmaxAttention

PLAIN_IMAGE_SIZE = 64


@dataclass(frozen=True)
class PlainConfig:
    """Sizes of the plain generator. Raises ValueError, with a sentence, when they are out of bounds."""

    architecture: ClassVar[str] = "plain"
    image_size: int = PLAIN_IMAGE_SIZE
    channels: int = 3
    latent_size: int = 20
    width: int = 64
    """Channels at 32x32."""

    def __post_init__(self) -> None:
        if self.image_size != PLAIN_IMAGE_SIZE or self.channels != 3:
            raise ValueError("the plain generator draws 64 x 64 pixels in three channels only")
        require(self.image_size, (PLAIN_IMAGE_SIZE,), self.channels, self.latent_size, self.width)


class PlainGenerator(nn.Module):
    """Latents `(N, z)` -> icons `(N, 3, 64, 64)` in [-1, 1]."""

    def __init__(self, config: PlainConfig) -> None:
        super().__init__()
        self.config = config
        w = config.width
        self.trunk = nn.Sequential(
            *_block(config.latent_size, 8 * w, stride=1, padding=0),  # 4x4
            *_block(8 * w, 4 * w),  # 8x8
            *_block(4 * w, 2 * w),  # 16x16
            QuerySoftmaxAttention(2 * w),
            *_block(2 * w, w),  # 32x32
            QuerySoftmaxAttention(w),
            nn.ConvTranspose2d(w, config.channels, 4, stride=2, padding=1),  # 64x64
            nn.Tanh(),
        )

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Draw a batch: `(N, z) -> (N, 3, 64, 64)` in [-1, 1]."""
        icons: torch.Tensor = self.trunk(latents[:, :, None, None])
        return icons


def _block(inputs: int, outputs: int, *, stride: int = 2, padding: int = 1) -> tuple[nn.Module, ...]:
    return (
        nn.ConvTranspose2d(inputs, outputs, 4, stride=stride, padding=padding),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
