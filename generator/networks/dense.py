"""Dense generators: that of the plain GAN, and the decoders of two autoencoders."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import nn

from generator.networks.bounds import QUARTERED, require
from generator.networks.layers import colored


@dataclass(frozen=True)
class DenseConfig:
    """Sizes of a dense generator. Raises ValueError, with a sentence, when they are out of bounds."""

    architecture: ClassVar[str] = "dense"
    image_size: int = 28
    channels: int = 1
    latent_size: int = 784
    width: int = 32
    """Units of the first hidden layer; each further one has twice as many."""
    layers: int = 1
    """Hidden layers between the latent and the pixels."""

    def __post_init__(self) -> None:
        require(self.image_size, QUARTERED, self.channels, self.latent_size, self.width)
        if not 0 <= self.layers <= 3:
            raise ValueError(f"{self.layers} hidden layers are not from 0 to 3")

    @property
    def units(self) -> list[int]:
        """Units of each layer, from the latent to the pixels."""
        hidden = [self.width << layer for layer in range(self.layers)]
        return [self.latent_size, *hidden, self.channels * self.image_size**2]


class DenseGenerator(nn.Module):
    """Latents `(N, z)` -> icons `(N, channels, size, size)` in [-1, 1]."""

    def __init__(self, config: DenseConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = dense(config.units)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Draw a batch: `(N, z) -> (N, channels, size, size)` in [-1, 1]."""
        config = self.config
        pixels = self.layers(latents).view(-1, config.channels, config.image_size, config.image_size)
        return colored(pixels)


def dense(units: list[int]) -> nn.Sequential:
    """Linear layers of so many units, rectified between: `(N, units[0]) -> (N, units[-1])`."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(units):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
