"""The recipes: every number that decides how a model is trained, and the presets that name good sets of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from generator.networks import GeneratorConfig
from generator.networks.dcgan import DcganConfig
from generator.networks.decoder import DecoderConfig, maps_size
from generator.networks.dense import DenseConfig
from generator.networks.pgan import PganConfig
from generator.networks.plain import PlainConfig
from generator.networks.sagan import SaganConfig

RECONSTRUCTION = "reconstruction"
"""The loss of autoencoders."""


@dataclass(frozen=True)
class Recipe:
    """How to train. Rates are Adam's; a share is a number in [0, 1]."""

    preset: str
    width: int
    """Channels of the finest layers of both networks."""
    latent_size: int
    batch: int
    generator_rate: float
    discriminator_rate: float
    ema: float
    """Decay of the moving average per step; 0: none."""
    translation: float
    """Largest shift of the augmentation, as a share of the edge."""
    cutout: float
    """Edge of the augmentation's cutout, as a share of the edge; 0: none."""
    color: bool
    mirror: bool
    minibatch_stddev: bool
    normalize_generator: bool
    """Spectral normalization in the generator, too."""
    decay_share: float
    """Share of the run, at its end, over which the rates fall."""
    decay_floor: float
    """What is left of the rates at the end, as a share."""
    attention_limit: int = 16
    """The finest resolution of the generator that attends: 16, or 32, too."""
    discriminator_attention: tuple[int, ...] = (8,)
    """Resolutions of the discriminator that attend."""
    coarse_discriminator: bool = False
    """A second, small discriminator of the icon at 16x16 adds its score."""
    growth: float = 0.0
    """Share of the run that is spent below full size, from 16x16 on; 0: none."""
    adaptive: bool = False
    """Augment as often as the discriminator needs it, instead of always."""
    lecam: float = 0.0
    """Weight of the LeCam regularizer; 0: none."""
    r1: float = 0.0
    """Weight (gamma) of the R1 gradient penalty; 0: none."""
    noise: float = 0.0
    """Standard deviation of instance noise at the beginning, on a scale of -1 to 1; it fades to 0 at the end."""
    betas: tuple[float, float] = (0.0, 0.9)
    guide: float = 0.0
    """Weight of the guide's scores beside the discriminator's at the beginning; 0: no guide."""
    guide_end: float = 0.05
    """The same at the end; between, it falls linearly."""
    precision: str = "auto"
    """A Precision: what convolutions and products run in."""
    architecture: str = SaganConfig.architecture
    """Of the generator."""
    hidden_layers: int = 0
    """Of a dense generator."""
    loss: str = "hinge"
    """A name in GAMES, or RECONSTRUCTION."""
    equalize: bool = False
    """Equalized learning rates, in both networks."""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Recipe:
        """A recipe from JSON, which knows no tuples. Raises TypeError when it is not one."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in document.items()
        }
        if "architecture" not in values and values["preset"] == "sagan-seed":  # runs of before 0.2
            values["architecture"] = PlainConfig.architecture
        if "bf16" in values:
            values["precision"] = "auto" if values.pop("bf16") else "float32"
        return cls(**values)

    def network(self, image_size: int, channels: int = 3) -> GeneratorConfig:
        """The config of this recipe's generator. Raises ValueError for a size that it does not have."""
        width, latent_size = self.width, self.latent_size
        match self.architecture:
            case PlainConfig.architecture:
                return PlainConfig(image_size, channels, latent_size, width)
            case DenseConfig.architecture:
                return DenseConfig(image_size, channels, latent_size, width, self.hidden_layers)
            case DcganConfig.architecture:
                return DcganConfig(image_size, channels, latent_size, width)
            case DecoderConfig.architecture:
                return DecoderConfig(image_size, channels, maps_size(image_size, width), width)
            case PganConfig.architecture:
                return PganConfig(image_size, channels, latent_size, width)
        return SaganConfig(image_size, channels, latent_size, width, self.attention_limit)

    @property
    def is_autoencoder(self) -> bool:
        """Whether one network learns to reconstruct, instead of two that play a game."""
        return self.loss == RECONSTRUCTION

    @property
    def starts_from_bundles(self) -> bool:
        """Whether training can go on from a bundle's weights: not where they went through something to get there."""
        return not (self.normalize_generator or self.equalize or self.is_autoencoder)

    def guide_weight(self, progress: float) -> float:
        """The weight of the guide at `progress`, a share of the run."""
        return self.guide + (self.guide_end - self.guide) * progress

    def rate_share(self, progress: float) -> float:
        """The share of the learning rates that holds at `progress`, a share of the run: 1, then a linear fall."""
        if not self.decay_share:
            return 1.0
        fallen = min(max(progress - (1 - self.decay_share), 0.0) / self.decay_share, 1.0)
        return 1 - (1 - self.decay_floor) * fallen


_PLAIN = Recipe(
    preset="",
    width=32,
    latent_size=32,
    batch=32,
    generator_rate=2e-4,
    discriminator_rate=2e-4,
    betas=(0.5, 0.999),
    ema=0.0,
    translation=0.0,
    cutout=0.0,
    color=False,
    mirror=False,
    minibatch_stddev=False,
    normalize_generator=False,
    decay_share=0.0,
    decay_floor=1.0,
    coarse_discriminator=False,
)
"""Two networks and a game, and nothing of what was found out since."""

_AUTOENCODER = replace(_PLAIN, generator_rate=1e-3, betas=(0.9, 0.999), loss=RECONSTRUCTION)

PRESETS = {
    recipe.preset: recipe
    for recipe in (
        replace(
            _PLAIN,
            preset="sagan",
            latent_size=64,
            generator_rate=7e-4,
            discriminator_rate=7e-4,
            betas=(0.0, 0.9),
            ema=0.998,
            translation=0.1,
            minibatch_stddev=True,
            decay_share=0.4,
            decay_floor=0.05,
            coarse_discriminator=True,
        ),
        replace(
            _PLAIN,
            preset="sagan-seed",
            architecture=PlainConfig.architecture,
            width=64,
            latent_size=20,
            batch=5,
            generator_rate=1e-4,
            discriminator_rate=4e-4,
            betas=(0.0, 0.9),
            normalize_generator=True,
        ),
        replace(
            _PLAIN,
            preset="pgan",
            architecture=PganConfig.architecture,
            loss="wasserstein",
            width=16,
            latent_size=128,
            batch=16,
            generator_rate=1e-3,
            discriminator_rate=1e-3,
            betas=(0.0, 0.99),
            ema=0.999,
            minibatch_stddev=True,
            growth=0.6,
            equalize=True,
        ),
        replace(
            _PLAIN,
            preset="dcgan",
            architecture=DcganConfig.architecture,
            loss="non-saturating",
            width=128,
            latent_size=100,
            betas=(0.0, 0.99),  # momentum overshoots where 6,272 weights move one pixel: white paper, and no way back
        ),
        replace(
            _PLAIN,
            preset="gan",
            architecture=DenseConfig.architecture,
            hidden_layers=1,
            loss="non-saturating",
            latent_size=784,
        ),
        replace(_AUTOENCODER, preset="autoencoder-conv", architecture=DecoderConfig.architecture, width=8),
        replace(
            _AUTOENCODER,
            preset="autoencoder-deep",
            architecture=DenseConfig.architecture,
            hidden_layers=2,
            width=64,
        ),
        replace(_AUTOENCODER, preset="autoencoder", architecture=DenseConfig.architecture),
    )
}
"""By name: ours, the one it comes from, and the line of networks before them."""
