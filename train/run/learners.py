"""Who learns in a run: two networks against each other, or an autoencoder; to the run they are alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from generator.networks import GeneratorConfig
from generator.pictures import grid, png
from generator.transparency import as_image
from train.adversary.leader import new_trainer
from train.autoencoders.trainer import AutoencoderTrainer
from train.run.outputs import SHEET_COLUMNS
from train.run.setting import Setting

SHOWN = 4 * SHEET_COLUMNS
"""Icons that are shown above their reconstructions."""


class Learner(Protocol):
    """What a run asks of a trainer; each one says more."""

    steps: int
    rate_scale: float

    @property
    def config(self) -> GeneratorConfig:
        """Of the generator."""

    @property
    def device(self) -> torch.device:
        """Where it learns."""

    @property
    def kimg(self) -> float:
        """Thousands of real icons seen."""

    @property
    def is_grown(self) -> bool:
        """Whether the networks work at full size."""

    def step(self, progress: float) -> None:
        """One step at a share of the run."""

    def start_from(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Begin with a bundle's weights."""

    def critics(self) -> dict[str, torch.Tensor]:
        """The weights of all that judges the generator."""

    def read_losses(self) -> tuple[float, float | None]:
        """Mean losses of generator and discriminator, if there is one, since the last reading."""

    def preview(self) -> nn.Module:
        """The generator at the size that is trained just now."""

    def snapshot(self) -> nn.Module:
        """The generator to show and to keep."""

    def is_finite(self) -> bool:
        """Whether all is well with its numbers."""

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that training needs to go on."""

    def load_state(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a state."""


def new_learner(setting: Setting, icons: NDArray[np.uint8], device: torch.device) -> Learner:
    """The learner of a setting, for the icons to train on. Raises DeviceError."""
    recipe, seed = setting.recipe, setting.seed
    if recipe.is_autoencoder:
        return AutoencoderTrainer(recipe, setting.network, icons, device=device, seed=seed)
    return new_trainer(recipe, setting.network, icons, background=setting.background, device=device, seed=seed)


def reconstruct(
    learner: Learner, training: NDArray[np.uint8], held_out: NDArray[np.uint8]
) -> tuple[dict[str, float], bytes] | None:
    """How well an autoencoder reconstructs icons, and a PNG of some above what it made of them; None for others.

    The errors are root mean squares over pixels, from 0 to 1, of the `training` icons and of those `held_out`, if
    there are any; the picture shows icons held out first.
    """
    if not isinstance(learner, AutoencoderTrainer):
        return None
    pairs = {"training": training, "held_out": held_out}
    results = {name: (icons, learner.reconstruct(icons)) for name, icons in pairs.items() if len(icons)}
    errors = {
        name: float(np.sqrt(np.mean((icons / 255 - drawn / 255) ** 2))) for name, (icons, drawn) in results.items()
    }
    originals, drawn = (np.concatenate([result[side] for result in reversed(results.values())]) for side in (0, 1))
    return errors, png(grid(list(_above(originals, drawn)), SHEET_COLUMNS))


def _above(originals: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> Iterator[Image.Image]:
    """Rows of a sheet: originals, then under each what was drawn of it."""
    for start in range(0, min(len(originals), SHOWN), SHEET_COLUMNS):
        for icons in (originals, drawn):
            yield from map(as_image, icons[start : min(start + SHEET_COLUMNS, len(originals), SHOWN)])
