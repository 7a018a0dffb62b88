"""The decoder of the convolutional autoencoder: a code of eight small maps, upsampled and convolved to an icon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from generator.networks.bounds import QUARTERED, require
from generator.networks.layers import colored


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the decoder. Raises ValueError, with a sentence, when they are out of bounds."""

    architecture: ClassVar[str] = "decoder"
    image_size: int = 28
    channels: int = 1
    latent_size: int = 128
    """All values of a code: as many as `maps_size` says."""
    width: int = 8
    """Maps of a code; the last hidden layer has twice as many channels."""

    def __post_init__(self) -> None:
        require(self.image_size, QUARTERED, self.channels, self.latent_size, self.width)
        if self.latent_size != maps_size(self.image_size, self.width):
            raise ValueError(
                f"a code of {self.latent_size} values is not {self.width} maps of {self.coarsest} x {self.coarsest}"
            )

    @property
    def coarsest(self) -> int:
        """Edge of the maps of a code."""
        return coarsest_of(self.image_size)


def coarsest_of(image_size: int) -> int:
    """Edge of the maps of a code for icons of this edge: an eighth, rounded up."""
    return -(-image_size // 8)


def maps_size(image_size: int, width: int) -> int:
    """Values of a code for icons of this edge, of `width` maps. Above 1024 of them, no config takes it."""
    return width * coarsest_of(image_size) ** 2


class Decoder(nn.Module):
    """Codes `(N, width, s, s)` -> icons `(N, channels, size, size)` in [-1, 1]; s is the config's `coarsest`."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width = config.width
        # Where the size is no multiple of 8, an eighth was rounded up: without padding, the surplus goes again.
        padding = 1 if config.image_size % 8 == 0 else 0
        self.layers = nn.Sequential(
            *_stage(width, width, 1),
            *_stage(width, width, 1),
            *_stage(width, 2 * width, padding),
            nn.Conv2d(2 * width, config.channels, 3, padding=1),
        )

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Decode a batch."""
        return colored(self.layers(codes))


class DecoderGenerator(nn.Module):
    """Latents `(N, z)` -> icons `(N, channels, size, size)` in [-1, 1]: points of a Gaussian of codes, decoded."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.codes = nn.Linear(config.latent_size, config.latent_size)
        """From a standard normal latent to a code: its bias is the mean of the Gaussian, its weight the spread."""
        self.decoder = Decoder(config)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Draw a batch: `(N, z) -> (N, channels, size, size)` in [-1, 1]."""
        config = self.config
        codes = self.codes(latents).view(-1, config.width, config.coarsest, config.coarsest)
        icons: torch.Tensor = self.decoder(codes)
        return icons


def _stage(inputs: int, outputs: int, padding: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=padding), nn.ReLU(), nn.Upsample(scale_factor=2)
