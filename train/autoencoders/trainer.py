"""The training of an autoencoder: what a run asks of a trainer, with one network and no game."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from generator.networks import GeneratorConfig
from generator.studio import DeviceError, to_pixels
from train.adversary import distributed
from train.adversary.descent import Descent
from train.adversary.networks import laid_out, restore, room
from train.adversary.recipes import Recipe
from train.adversary.trainer import WEIGHT_LIMIT
from train.autoencoders.networks import build_autoencoder, gaussian, reconstruction_loss

CHUNK = 512
"""Icons that pass through at once when nothing is learned."""


class AutoencoderTrainer:
    """Trains a recipe's autoencoder on a set of icons that lies, as one uint8 tensor, on the device."""

    is_grown = True
    """It works at full size from the first step."""

    def __init__(
        self, recipe: Recipe, config: GeneratorConfig, icons: NDArray[np.uint8], *, device: torch.device, seed: int
    ) -> None:
        """`icons`: `(N, size, size, channels)` uint8. Raises DeviceError when several processes are to share it."""
        if distributed.size() > 1:
            raise DeviceError("An autoencoder is too small to be shared: train it in one process.")
        torch.manual_seed(seed)
        self.recipe, self.config, self.device = recipe, config, device
        self.icons = torch.from_numpy(icons).permute(0, 3, 1, 2).to(device).contiguous()
        self.network = laid_out(build_autoencoder(config), device).train()
        self.rng = torch.Generator(device).manual_seed(seed)
        self.rate_scale = 1.0
        """Multiplies the rate; a run that was thrown back lowers it."""
        self.steps = 0
        self._descent = Descent([self.network], recipe.generator_rate, recipe.betas, device)
        self._loss, self._loss_steps = torch.zeros((), device=device), 0

    @property
    def kimg(self) -> float:
        """Thousands of icons seen."""
        return self.steps * self.recipe.batch / 1000

    def step(self, progress: float) -> None:
        """One step; `progress`, the share of the run that is done, sets the rate."""
        self._descent.scale_rate(self.rate_scale * self.recipe.rate_share(progress))
        chosen = torch.randint(len(self.icons), (self.recipe.batch,), generator=self.rng, device=self.device)
        icons = _values(self.icons[chosen])
        loss = reconstruction_loss(icons, self.network(icons))
        self._descent.step(loss)
        self._loss += loss.detach().nan_to_num(0.0, 0.0, 0.0)
        self._loss_steps += 1
        self.steps += 1

    def start_from(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Refuse: a bundle holds no encoder. Raises RuntimeError."""
        raise RuntimeError("an autoencoder cannot start from a bundle, which has no encoder")

    def critics(self) -> dict[str, torch.Tensor]:
        """Nothing judges what it draws."""
        return {}

    def read_losses(self) -> tuple[float, None]:
        """The mean loss since the last reading, and none of a discriminator. This waits for the device."""
        loss = float(self._loss) / max(self._loss_steps, 1)
        self._loss.zero_()
        self._loss_steps = 0
        return loss, None

    def preview(self) -> nn.Module:
        """As `snapshot`."""
        return self.snapshot()

    @torch.no_grad()
    def snapshot(self) -> nn.Module:
        """The generator to show and to keep, in eval mode: the decoder of a Gaussian fitted to the icons' codes."""
        codes = [self.network.encoder(_values(chunk)).flatten(1) for chunk in torch.split(self.icons, CHUNK)]
        return self.network.generator(*gaussian(torch.cat(codes)))

    @torch.no_grad()
    def reconstruct(self, icons: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Icons, `(N, size, size, channels)` uint8, after they went through the code."""
        tensor = torch.from_numpy(icons).permute(0, 3, 1, 2).to(self.device)
        drawn = [to_pixels(self.network(_values(chunk))) for chunk in torch.split(tensor, CHUNK)]
        pixels: NDArray[np.uint8] = torch.cat(drawn).permute(0, 2, 3, 1).cpu().numpy()
        return pixels

    def is_finite(self) -> bool:
        """Whether all weights are numbers within bounds, and gradients were. This waits for the device."""
        largest = torch.stack([value.abs().amax() for value in self.network.parameters()])
        return bool((largest <= WEIGHT_LIMIT).all()) and self._descent.is_well()

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that training needs to go on, as named tensors on the CPU."""
        tensors = {
            "rng": self.rng.get_state(),
            "steps": torch.tensor(self.steps),
            "rate_scale": torch.tensor(self.rate_scale, dtype=torch.float64),
            **{f"network/{name}": value for name, value in self.network.state_dict().items()},
            **{f"adam/{name}": value for name, value in self._descent.state().items()},
        }
        return {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}

    def load_state(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a state. Raises KeyError, ValueError or RuntimeError when it does not fit the network."""
        self.network.load_state_dict(room(tensors, "network"))
        self._descent.load_state(room(tensors, "adam"))
        self.steps, self.rate_scale = int(tensors["steps"]), float(tensors["rate_scale"])
        restore(self.rng, tensors["rng"], self.steps)


def _values(icons: torch.Tensor) -> torch.Tensor:
    return icons.float().div(127.5).sub(1)
