"""Growing resolution (Karras et al. 2018, section 2): training begins small and doubles, at a fraction of the price.

The layers are those of the full networks; what lies below full size gets its own way in from colors and out to colors,
which training alone needs. A new size fades in beside the old one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from generator.networks import GeneratorConfig
from generator.networks.bounds import base_of
from generator.networks.layers import colored
from generator.networks.pgan import PganConfig, PganGenerator
from generator.networks.sagan import SaganGenerator
from train.adversary.discriminators import LEAK, SaganDiscriminator, normalized_conv
from train.adversary.forebears import PganDiscriminator

FIRST_RESOLUTION = 16
"""Where SAGAN begins, or just below: smaller, its networks cost nothing anyway."""
FADE_SHARE = 0.5
"""Share of a size's time over which it fades in."""


@dataclass(frozen=True)
class Stage:
    """Where a growing run stands."""

    resolution: int
    blend: float = 1.0
    """Weight of this size beside the one below, 0 to 1."""


def first_resolution(config: GeneratorConfig) -> int:
    """The resolution that growing networks begin with."""
    base = base_of(config.image_size)
    return base if isinstance(config, PganConfig) else base << (FIRST_RESOLUTION // base).bit_length() - 1


def stage_at(progress: float, growth: float, size: int, first: int = FIRST_RESOLUTION) -> Stage:
    """The stage of a run at `progress`, a share of it, when its sizes from `first` to below the full one take `growth`.

    Each size below the full one takes the same time; the full size fades in as long as the one before it.
    """
    lower = (size // first).bit_length() - 1
    if not growth or not lower:
        return Stage(size)
    place = progress * lower / growth  # in units of one size's time
    index = min(int(place), lower)
    blend = min((place - index) / FADE_SHARE, 1.0) if index else 1.0
    return Stage(first << index, blend)


class _Growing(nn.Module):
    """What both networks know of the stage; its blend lies in a tensor, too, where a recorded step can read it."""

    blend: torch.Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("blend", torch.ones(()), persistent=False)
        self.stage = Stage(size)

    @property
    def stage(self) -> Stage:
        """Where the run stands."""
        return self._stage

    @stage.setter
    def stage(self, stage: Stage) -> None:
        self._stage = stage
        self.blend.fill_(stage.blend)


class GrowingGenerator(_Growing):
    """A generator that can stop at a lower resolution. `network` is the one that remains."""

    def __init__(self, network: SaganGenerator | PganGenerator) -> None:
        config = network.config
        super().__init__(config.image_size)
        self.network = network
        self.colors = nn.ModuleDict(
            {
                str(resolution): nn.Conv2d(config.channels_at(resolution), config.channels, 1)
                for resolution in _lower_resolutions(config)
            }
        )

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Draw a batch at the stage's resolution: `(N, z) -> (N, C, r, r)` in [-1, 1]."""
        resolution, blend = self.stage.resolution, self.stage.blend
        below: torch.Tensor | None = None
        for size, features in self.network.features(latents):
            if size == resolution:
                icons = self.colors[str(size)](features)
                break
            if 2 * size == resolution and blend < 1:
                below = self.colors[str(size)](features)
        else:
            icons = self.network.head(features)
        if below is not None:
            icons = torch.lerp(functional.interpolate(below.float(), scale_factor=2.0), icons.float(), self.blend)
        return colored(icons)


class GrowingDiscriminator(_Growing):
    """A discriminator that can begin at a lower resolution: icons `(N, C, r, r)` -> scores `(N,)`."""

    def __init__(self, network: SaganDiscriminator | PganDiscriminator, config: GeneratorConfig) -> None:
        super().__init__(config.image_size)
        self.network = network
        self.size = config.image_size
        layer = normalized_conv if isinstance(network, SaganDiscriminator) else nn.Conv2d
        self.colors = nn.ModuleDict(
            {
                str(resolution): layer(config.channels, network.channels_at(resolution), 1)
                for resolution in _lower_resolutions(config)
            }
        )

    def forward(self, icons: torch.Tensor, groups: int = 1) -> torch.Tensor:
        """Score icons of the stage's resolution; `groups` as in the discriminator itself."""
        resolution, blend = self.stage.resolution, self.stage.blend
        if resolution < self.size:
            features, reached = self._enter(icons, resolution), resolution
            if blend < 1:
                features, reached = self.network.block(features, resolution // 2), resolution // 2
        else:
            features, reached = self.network.block(icons, self.size // 2), self.size // 2
        if blend < 1:
            below = self._enter(functional.avg_pool2d(icons, 2), resolution // 2)
            features = torch.lerp(below.float(), features.float(), self.blend)
        return self.network.score(icons, features, reached, groups)

    def _enter(self, icons: torch.Tensor, resolution: int) -> torch.Tensor:
        return functional.leaky_relu(self.colors[str(resolution)](icons), LEAK)


def _lower_resolutions(config: GeneratorConfig) -> list[int]:
    first = first_resolution(config)
    sizes: list[int] = []
    while first << len(sizes) < config.image_size:
        sizes.append(first << len(sizes))
    return sizes
