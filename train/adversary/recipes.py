"""The recipes: every number that decides how a model is trained, and the presets that name good sets of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generator.networks import GeneratorConfig
from generator.networks.plain import PlainConfig
from generator.networks.sagan import SaganConfig


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

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Recipe:
        """A recipe from JSON, which knows no tuples. Raises TypeError when it is not one."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in document.items()
        }
        if "bf16" in values:  # runs of before 0.2
            values["precision"] = "auto" if values.pop("bf16") else "float32"
        return cls(**values)

    def network(self, image_size: int, channels: int = 3) -> GeneratorConfig:
        """The config of this recipe's generator. Raises ValueError for a size that it does not have."""
        if self.preset == "sagan-seed":
            return PlainConfig(image_size, channels, self.latent_size, self.width)
        return SaganConfig(image_size, channels, self.latent_size, self.width, self.attention_limit)

    def guide_weight(self, progress: float) -> float:
        """The weight of the guide at `progress`, a share of the run."""
        return self.guide + (self.guide_end - self.guide) * progress

    def rate_share(self, progress: float) -> float:
        """The share of the learning rates that holds at `progress`, a share of the run: 1, then a linear fall."""
        if not self.decay_share:
            return 1.0
        fallen = min(max(progress - (1 - self.decay_share), 0.0) / self.decay_share, 1.0)
        return 1 - (1 - self.decay_floor) * fallen


PRESETS = {
    "sagan": Recipe(
        preset="sagan",
        width=32,
        latent_size=64,
        batch=32,
        generator_rate=7e-4,
        discriminator_rate=7e-4,
        ema=0.998,
        translation=0.1,
        cutout=0.0,
        color=False,
        mirror=False,
        minibatch_stddev=True,
        normalize_generator=False,
        decay_share=0.4,
        decay_floor=0.05,
        coarse_discriminator=True,
    ),
    "sagan-seed": Recipe(
        preset="sagan-seed",
        width=64,
        latent_size=20,
        batch=5,
        generator_rate=1e-4,
        discriminator_rate=4e-4,
        ema=0.0,
        translation=0.0,
        cutout=0.0,
        color=False,
        mirror=False,
        minibatch_stddev=False,
        normalize_generator=True,
        decay_share=0.0,
        decay_floor=1.0,
    ),
}
