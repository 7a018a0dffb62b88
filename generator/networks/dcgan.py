"""The generator of a small DCGAN (after Radford et al. 2016): dense, two transposed convolutions, one of 7x7."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from generator.networks.bounds import QUARTERED, require
from generator.networks.layers import colored

LEAK = 0.2


@dataclass(frozen=True)
class DcganConfig:
    """Sizes of the generator. Raises ValueError, with a sentence, when they are out of bounds."""

    architecture: ClassVar[str] = "dcgan"
    image_size: int = 28
    channels: int = 1
    latent_size: int = 100
    width: int = 128
    """Channels of all hidden layers."""

    def __post_init__(self) -> None:
        require(self.image_size, QUARTERED, self.channels, self.latent_size, self.width)


def draw_weights(network: nn.Module) -> None:
    """Draw the weights of a fresh network anew, in place: biases 0, the rest as Glorot and Bengio 2010, equation 16.

    With torch's own, small towards the end and for few inputs large, the discriminator judges brightness alone at
    first, and within 20 steps the generator saturates on white paper, from where no gradient leads back.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class DcganGenerator(nn.Module):
    """Latents `(N, z)` -> icons `(N, channels, size, size)` in [-1, 1]."""

    def __init__(self, config: DcganConfig) -> None:
        super().__init__()
        self.config = config
        width, quarter = config.width, config.image_size // 4
        self.stem = nn.Sequential(
            nn.Linear(config.latent_size, width * quarter**2),
            nn.LeakyReLU(LEAK),
            nn.Unflatten(1, (width, quarter, quarter)),
        )
        self.trunk = nn.Sequential(
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
            nn.LeakyReLU(LEAK),
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
            nn.LeakyReLU(LEAK),
            nn.Conv2d(width, config.channels, 7, padding=3),
        )
        draw_weights(self)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Draw a batch: `(N, z) -> (N, channels, size, size)` in [-1, 1]."""
        return colored(self.trunk(self.stem(latents)))
