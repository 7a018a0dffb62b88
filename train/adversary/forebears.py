"""The discriminators of the networks before SAGAN: the plain GAN's, the DCGAN's, the progressive GAN's."""

from __future__ import annotations

import torch
from torch import nn

from generator.networks import GeneratorConfig
from generator.networks.dcgan import LEAK, DcganConfig, draw_weights
from generator.networks.dense import dense
from generator.networks.pgan import PganConfig
from train.adversary.discriminators import batch_deviation
from train.adversary.distributed import share

DROPOUT = 0.4


class DenseDiscriminator(nn.Module):
    """The plain GAN's: icons `(N, channels, size, size)` in [-1, 1] -> scores `(N,)`."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.layers = dense([config.channels * config.image_size**2, config.width, config.width // 2, 1])

    def forward(self, icons: torch.Tensor, groups: int = 1) -> torch.Tensor:
        """Score icons; no layer looks across the batch, so `groups` changes nothing."""
        scores: torch.Tensor = self.layers(icons.flatten(1))
        return scores.flatten()


class DcganDiscriminator(nn.Module):
    """The DCGAN's: icons `(N, channels, size, size)` in [-1, 1] -> scores `(N,)`."""

    def __init__(self, config: DcganConfig) -> None:
        super().__init__()
        width, quarter = config.width // 2, config.image_size // 4
        self.trunk = nn.Sequential(
            nn.Conv2d(config.channels, width, 3, stride=2, padding=1),
            nn.LeakyReLU(LEAK),
            Dropout(DROPOUT),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.LeakyReLU(LEAK),
            Dropout(DROPOUT),
        )
        self.head = nn.Linear(width * quarter**2, 1)
        draw_weights(self)

    def forward(self, icons: torch.Tensor, groups: int = 1) -> torch.Tensor:
        """Score icons; no layer looks across the batch, so `groups` changes nothing."""
        scores: torch.Tensor = self.head(self.trunk(icons).flatten(1))
        return scores.flatten()


class Dropout(nn.Module):
    """Dropout whose random numbers are those of the training, so that a run goes on bit for bit."""

    def __init__(self, chance: float) -> None:
        super().__init__()
        self.chance = chance
        self.rng: torch.Generator | None = None
        """Set by who trains; without, nothing is dropped."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Drop values, and scale what stays: `(N, ...)`."""
        if self.rng is None:
            return x
        kept = share(torch.rand, x.shape, self.rng) >= self.chance
        return x * kept / (1 - self.chance)


class PganDiscriminator(nn.Module):
    """The progressive GAN's: icons `(N, channels, size, size)` in [-1, 1] -> scores `(N,)`, the generator mirrored."""

    def __init__(self, config: PganConfig) -> None:
        super().__init__()
        self.channels_at = config.channels_at
        self.colors = nn.Sequential(nn.Conv2d(config.channels, config.width, 1), nn.LeakyReLU(LEAK))
        self.blocks = nn.ModuleDict()  # by the resolution that comes out
        resolution = config.image_size // 2
        while resolution >= config.base:
            inputs, outputs = config.channels_at(2 * resolution), config.channels_at(resolution)
            self.blocks[str(resolution)] = nn.Sequential(
                *_convolution(inputs, inputs), *_convolution(inputs, outputs), nn.AvgPool2d(2)
            )
            resolution //= 2
        last = config.channels_at(config.base)
        self.end = nn.Sequential(*_convolution(last + 1, last))
        self.head = nn.Sequential(nn.Linear(last * config.base**2, last), nn.LeakyReLU(LEAK), nn.Linear(last, 1))

    def forward(self, icons: torch.Tensor, groups: int = 1) -> torch.Tensor:
        """Score icons. The batch is `groups` batches in a row, whose statistics stay apart."""
        return self.score(icons, icons, icons.shape[-1], groups)

    def score(self, icons: torch.Tensor, features: torch.Tensor, resolution: int, groups: int) -> torch.Tensor:
        """Score icons by the features that the blocks down to `resolution` gave, `(N, C, r, r)`: -> `(N,)`."""
        for reached in map(int, self.blocks):
            if reached < resolution:
                features = self.block(features, reached)
        features = self.end(torch.cat([features, batch_deviation(features, groups)], dim=1))
        scores: torch.Tensor = self.head(features.flatten(1))
        return scores.flatten()

    def block(self, features: torch.Tensor, resolution: int) -> torch.Tensor:
        """The block that ends at a resolution: `(N, C, 2r, 2r) -> (N, D, r, r)`; the finest one takes icons."""
        if resolution == max(map(int, self.blocks)):
            features = self.colors(features)
        result: torch.Tensor = self.blocks[str(resolution)](features)
        return result


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.LeakyReLU(LEAK)
