"""The autoencoders: encoders beside the decoders that bundles hold, and the Gaussian that lets these draw."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import nn
from torch.nn import functional

from generator.networks import GeneratorConfig
from generator.networks.decoder import Decoder, DecoderConfig, DecoderGenerator
from generator.networks.dense import DenseConfig, DenseGenerator, dense


class DenseAutoencoder(nn.Module):
    """Icons `(N, C, H, W)` in [-1, 1] -> codes -> the same icons, as nearly as the code allows."""

    def __init__(self, config: DenseConfig) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), *dense(config.units[::-1]))
        self.decoder = DenseGenerator(config)

    def forward(self, icons: torch.Tensor) -> torch.Tensor:
        """Reconstruct a batch; the shape stays."""
        reconstructed: torch.Tensor = self.decoder(self.encoder(icons))
        return reconstructed

    @torch.no_grad()
    def generator(self, mean: torch.Tensor, spread: torch.Tensor) -> nn.Module:
        """The network that draws codes of a Gaussian, `mean + spread @ z`: its first layer takes the Gaussian up."""
        generator = DenseGenerator(self.decoder.config).to(mean.device)
        generator.load_state_dict(self.decoder.state_dict())
        first = generator.layers[0]
        if not isinstance(first, nn.Linear):
            raise TypeError(f"{type(first).__name__} is not a linear layer")
        weight = first.weight.double()
        first.bias.copy_(first.bias + weight @ mean.double())
        first.weight.copy_(weight @ spread.double())
        return generator.eval()


class ConvAutoencoder(nn.Module):
    """Icons `(N, C, H, W)` in [-1, 1] -> codes of small maps -> the same icons, as nearly as the code allows."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.encoder = nn.Sequential(
            *_stage(config.channels, 2 * width),
            *_stage(2 * width, width),
            nn.Conv2d(width, width, 3, padding=1),
            nn.MaxPool2d(2, ceil_mode=True),
        )
        self.decoder = Decoder(config)

    def forward(self, icons: torch.Tensor) -> torch.Tensor:
        """Reconstruct a batch; the shape stays."""
        reconstructed: torch.Tensor = self.decoder(self.encoder(icons))
        return reconstructed

    @torch.no_grad()
    def generator(self, mean: torch.Tensor, spread: torch.Tensor) -> nn.Module:
        """The network that draws codes of a Gaussian, `mean + spread @ z`."""
        generator = DecoderGenerator(self.config).to(mean.device)
        generator.decoder.load_state_dict(self.decoder.state_dict())
        generator.codes.weight.copy_(spread)
        generator.codes.bias.copy_(mean)
        return generator.eval()


Autoencoder: TypeAlias = DenseAutoencoder | ConvAutoencoder


def build_autoencoder(config: GeneratorConfig) -> Autoencoder:
    """The autoencoder whose decoder a config describes. Raises TypeError for that of another network."""
    if isinstance(config, DenseConfig):
        return DenseAutoencoder(config)
    if isinstance(config, DecoderConfig):
        return ConvAutoencoder(config)
    raise TypeError(f"{config.architecture} is no decoder of an autoencoder")


def reconstruction_loss(icons: torch.Tensor, reconstructed: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of pixels, both in [-1, 1], beyond the least that is possible: -> a scalar, at best 0."""
    target = (icons + 1) / 2
    least = functional.binary_cross_entropy(target, target)
    return functional.binary_cross_entropy((reconstructed + 1) / 2, target) - least


@torch.no_grad()
def gaussian(codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean `(D,)` and spread `(D, D)` of codes `(N, D)`: `mean + spread @ z`, z standard normal, is distributed so."""
    values = codes.double().cpu()
    mean = values.mean(dim=0)
    centered = values - mean
    covariance = centered.t() @ centered / max(len(values) - 1, 1)
    variances, axes = torch.linalg.eigh(covariance)
    spread = axes * variances.clamp_min(0).sqrt()  # fewer icons than dimensions: no spread along the rest
    return mean.float().to(codes.device), spread.float().to(codes.device)


def _stage(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)
