"""The discriminators: one for each generator architecture, spectrally normalized throughout (Miyato et al. 2018)."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import nn
from torch.nn import functional

from generator.networks import GeneratorConfig
from generator.networks.bounds import base_of
from generator.networks.layers import QuerySoftmaxAttention, SelfAttention
from generator.networks.sagan import counted
from train.adversary.distributed import average
from train.adversary.spectral import normalize

LEAK = 0.1


class SaganDiscriminator(nn.Module):
    """Icons `(N, channels, size, size)` in [-1, 1] -> scores `(N,)`; each block halves the resolution, down to 4x4.

    From 28 it goes down to 7x7.

    A second, small one may look at the icon at 16x16, where layout and color are, and add its score (multi-scale
    discriminators: Wang et al. 2018, section 3.2).
    """

    def __init__(
        self,
        config: GeneratorConfig,
        *,
        minibatch_stddev: bool = True,
        attention: Collection[int] = (16,),
        coarse: bool = False,
    ) -> None:
        """`attention`: the resolutions that attend; `coarse`: look at 16x16, too."""
        super().__init__()
        self.blocks = nn.ModuleDict()  # by the resolution that comes out
        self._channels: dict[int, int] = {}
        inputs, outputs, resolution = config.channels, config.width, config.image_size // 2
        base = base_of(config.image_size)
        while resolution >= base:
            layers = [normalized_conv(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(LEAK, inplace=True)]
            if counted(resolution) in attention:
                layers.append(spectrally_normalized(SelfAttention(outputs), nn.Conv2d))
            self.blocks[str(resolution)] = nn.Sequential(*layers)
            self._channels[resolution] = outputs
            inputs, outputs, resolution = outputs, min(2 * outputs, 8 * config.width), resolution // 2
        self.head = _Head(inputs, base, minibatch_stddev)
        self.coarse = CoarseDiscriminator(config, minibatch_stddev=minibatch_stddev) if coarse else None

    def forward(self, icons: torch.Tensor, groups: int = 1) -> torch.Tensor:
        """Score icons: `(N, C, H, W) -> (N,)`. The batch is `groups` batches in a row, whose statistics stay apart."""
        return self.score(icons, icons, icons.shape[-1], groups)

    def score(self, icons: torch.Tensor, features: torch.Tensor, resolution: int, groups: int) -> torch.Tensor:
        """Score icons by the features that the blocks down to `resolution` gave, `(N, C, r, r)`: -> `(N,)`."""
        for reached in self._channels:
            if reached < resolution:
                features = self.block(features, reached)
        scores: torch.Tensor = self.head(features, groups)
        return scores if self.coarse is None else scores + self.coarse(icons, groups)

    def block(self, features: torch.Tensor, resolution: int) -> torch.Tensor:
        """The block that ends at a resolution: `(N, C, 2r, 2r) -> (N, D, r, r)`."""
        result: torch.Tensor = self.blocks[str(resolution)](features)
        return result

    def channels_at(self, resolution: int) -> int:
        """Feature channels that come out at a resolution."""
        return self._channels[resolution]


class CoarseDiscriminator(nn.Module):
    """Icons `(N, channels, size, size)`, seen at 16x16 (28: as they are) -> scores `(N,)`."""

    def __init__(self, config: GeneratorConfig, *, minibatch_stddev: bool) -> None:
        super().__init__()
        width, self.resolution = config.width, 4 * base_of(config.image_size)
        self.trunk = nn.Sequential(
            normalized_conv(config.channels, width, 3, padding=1),
            nn.LeakyReLU(LEAK, inplace=True),
            normalized_conv(width, 2 * width, 4, stride=2, padding=1),
            nn.LeakyReLU(LEAK, inplace=True),
            normalized_conv(2 * width, 4 * width, 4, stride=2, padding=1),
            nn.LeakyReLU(LEAK, inplace=True),
        )
        self.head = _Head(4 * width, self.resolution // 4, minibatch_stddev)

    def forward(self, icons: torch.Tensor, groups: int) -> torch.Tensor:
        """Score icons; the batch is `groups` batches in a row, whose statistics stay apart."""
        if icons.shape[-1] < self.resolution:  # while networks grow to 28
            small = functional.interpolate(icons, self.resolution)
        else:
            small = functional.avg_pool2d(icons, icons.shape[-1] // self.resolution)
        scores: torch.Tensor = self.head(self.trunk(small), groups)
        return scores


class PlainDiscriminator(nn.Module):
    """The discriminator of the original mel-icon recipe, for comparison: `(N, 3, 64, 64)` -> scores `(N,)`."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        w = config.width
        self.trunk = nn.Sequential(
            normalized_conv(3, w, 4, stride=2, padding=1),
            nn.LeakyReLU(LEAK, inplace=True),
            normalized_conv(w, 2 * w, 4, stride=2, padding=1),
            nn.LeakyReLU(LEAK, inplace=True),
            normalized_conv(2 * w, 4 * w, 4, stride=2, padding=1),
            nn.LeakyReLU(LEAK, inplace=True),
            QuerySoftmaxAttention(4 * w),
            normalized_conv(4 * w, 8 * w, 4, stride=2, padding=1),
            nn.LeakyReLU(LEAK, inplace=True),
            QuerySoftmaxAttention(8 * w),
            nn.Conv2d(8 * w, 1, 4),
        )

    def forward(self, icons: torch.Tensor, groups: int = 1) -> torch.Tensor:
        """Score icons: `(N, 3, 64, 64) -> (N,)`; no layer looks across the batch, so `groups` changes nothing."""
        scores: torch.Tensor = self.trunk(icons)
        return scores.flatten()


def spectrally_normalized(network: nn.Module, kind: type[nn.Module]) -> nn.Module:
    """Put spectral normalization on every layer of a kind in a network, in place."""
    for module in list(network.modules()):
        if isinstance(module, kind):
            normalize(module)
    return network


def normalized_conv(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Module:
    """A spectrally normalized convolution: `(N, inputs, H, W) -> (N, outputs, H', W')`."""
    return normalize(nn.Conv2d(inputs, outputs, kernel, stride, padding))


class _Head(nn.Module):
    """Features `(N, channels, r, r)` -> scores `(N,)`; it may see how the batch varies, too."""

    def __init__(self, channels: int, resolution: int, minibatch_stddev: bool) -> None:
        super().__init__()
        self.minibatch_stddev = minibatch_stddev
        self.conv = normalized_conv(channels + minibatch_stddev, 1, resolution)

    def forward(self, features: torch.Tensor, groups: int) -> torch.Tensor:
        if self.minibatch_stddev:
            features = torch.cat([features, batch_deviation(features, groups)], dim=1)
        scores: torch.Tensor = self.conv(features)
        return scores.flatten()


def batch_deviation(features: torch.Tensor, groups: int) -> torch.Tensor:
    """Mean deviation across each batch as one more channel (Karras et al. 2018, section 3): `(N, 1, H, W)`."""
    n, _, h, w = features.shape
    batches = features.float().reshape(groups, n // groups, -1, h, w)
    mean = average(batches.mean(dim=1, keepdim=True))
    deviation = average((batches - mean).square().mean(dim=1)).add(1e-8).sqrt()
    means = deviation.mean(dim=(1, 2, 3)).to(features.dtype).repeat_interleave(n // groups)
    return means[:, None, None, None].expand(n, 1, h, w)
