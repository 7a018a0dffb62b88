"""The heart of training: two networks, two optimizers, a step without host synchronization, a state to go on from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from generator.decode import Color
from generator.networks import GeneratorConfig
from train.adversary import distributed
from train.adversary.augmentation import Augmentation, adapt, mirror
from train.adversary.average import MovingAverage, recalibrate
from train.adversary.capture import Steps, Way
from train.adversary.descent import Descent
from train.adversary.growth import GrowingDiscriminator, GrowingGenerator, Stage, first_resolution, stage_at
from train.adversary.guide import CALIBRATION_ICONS, LEVELS, Guide, plain_views, views
from train.adversary.losses import (
    GAMES,
    LeCam,
    as_long,
    discriminator_hinge,
    generator_hinge,
    gradient_penalty,
    slope_penalty,
)
from train.adversary.networks import (
    discriminator_of,
    generator_of,
    inner,
    laid_out,
    parametrized,
    restore,
    room,
    shapes,
    take_chances,
)
from train.adversary.recipes import Recipe
from train.precision import Precision

R1_INTERVAL = 16
"""Steps between two gradient penalties, each weighted so much more (Karras et al. 2020, appendix B)."""

WEIGHT_LIMIT = 1e6
"""Of any weight's size: Adam's steps lead nowhere near; beyond it, numbers are finite and the training is lost."""


class Trainer:
    """Trains a recipe's networks on a set of icons that lies, as one uint8 tensor, on the device."""

    def __init__(
        self,
        recipe: Recipe,
        config: GeneratorConfig,
        icons: NDArray[np.uint8],
        *,
        background: Color,
        device: torch.device,
        seed: int,
    ) -> None:
        """`icons`: `(N, size, size, channels)` uint8; `background`: what augmentation shifts in."""
        torch.manual_seed(seed)
        self.recipe, self.config, self.device, self.game = recipe, config, device, GAMES[recipe.loss]
        self.batch = recipe.batch // distributed.size()
        """Icons in a step of this process."""
        self.icons = (
            torch.from_numpy(icons).permute(0, 3, 1, 2).to(device).contiguous(memory_format=torch.channels_last)
        )
        self.background = torch.tensor(background, device=device).div(127.5).sub(1)
        self.schedule = Steps(self._work, device, torch.Generator(device).manual_seed(seed))
        network = parametrized(generator_of(recipe, config), recipe)
        self.generator = distributed.synchronize(laid_out(network, device)).train()
        self.discriminator = laid_out(discriminator_of(recipe, config), device).train()
        self.guide = laid_out(Guide(), device) if recipe.guide else None
        self.average = MovingAverage(self.generator, laid_out(generator_of(recipe, config), device), recipe.ema)
        if self.guide is not None:
            chosen = self.icons[torch.linspace(0, len(icons) - 1, min(CALIBRATION_ICONS, len(icons))).long()]
            self.guide.calibrate(plain_views(chosen.float().div(127.5).sub(1), self.background))
        self.augmentation = Augmentation(recipe.translation, recipe.cutout, recipe.color)
        self.augmentation_chance = torch.tensor(0.0 if recipe.adaptive else 1.0, device=device)
        self.lecam = LeCam(device)
        self.rate_scale = 1.0
        """Multiplies both rates; a run that was thrown back lowers it."""
        self.is_short = Precision(recipe.precision).is_short_on(device)
        """Whether convolutions and products run in bfloat16."""
        self._generating = Descent([self.generator], recipe.generator_rate, recipe.betas, device)
        self._judging = Descent([*self._critics().values()], recipe.discriminator_rate, recipe.betas, device)
        self.steps = 0
        self._blend, self._noise = torch.ones((), device=device), torch.zeros((), device=device)
        self._guide_weight = torch.zeros((), device=device)
        self._enter(self._stage_at(0.0))
        self._losses = torch.zeros(2, device=device)
        self._losses_steps = 0

    @property
    def rng(self) -> torch.Generator:
        """Where a step draws its random numbers; another object after a state was loaded."""
        return self.schedule.rng

    @property
    def kimg(self) -> float:
        """Thousands of real icons seen."""
        return self.steps * self.recipe.batch / 1000

    def step(self, progress: float) -> None:
        """One step of both networks; `progress`, the share of the run that is done, sets rates, size and noise."""
        recipe = self.recipe
        self._enter(self._stage_at(progress))
        share = self.rate_scale * recipe.rate_share(progress)
        for descent in self._descents().values():
            descent.scale_rate(share)
        self._noise.fill_(recipe.noise * (1 - progress))
        self._guide_weight.fill_(recipe.guide_weight(progress))
        is_penalized = bool(recipe.r1) and self.steps % R1_INTERVAL == 0
        self.schedule.take(Way(self.stage.resolution, self.stage.blend < 1, is_penalized))
        self.steps += 1
        if distributed.is_first() or recipe.normalize_generator:  # whose weights change when they are looked at
            self.average.update(self.steps)
        self._losses_steps += 1

    def _work(self, way: Way) -> None:
        """What the device does in a step. It may be recorded: what changes from step to step lies in tensors."""
        recipe = self.recipe
        take_chances(self.discriminator, self.rng)
        # One pass through the generator serves both steps: detached for the discriminator, with its graph for itself.
        with self._precision():
            fakes = self.generator(self._latents())
        fakes = fakes.float()
        self._judging.learn(allowed=True)
        reals, seen = self._seen(self._reals()), self._seen(fakes)
        real_scores, fake_scores = self._score(torch.cat([reals, seen.detach()]), groups=2).chunk(2)
        discriminator_loss = loss = self.game.discriminator(real_scores, fake_scores)
        guided: list[torch.Tensor] = []
        if self.guide is not None:  # its features of the generated icons serve both steps, too
            real_features, guided = self.guide.look(self._views(reals)), self.guide.look(self._views(seen))
            loss = (
                loss
                + discriminator_hinge(self.guide(real_features), self.guide([features.detach() for features in guided]))
                * LEVELS
            )
        if recipe.lecam:
            loss = loss + recipe.lecam * self.lecam(real_scores, fake_scores)
        if self.game.is_wasserstein:
            mix = distributed.share(torch.rand, (self.batch, 1, 1, 1), self.rng)
            loss = loss + slope_penalty(self.discriminator, torch.lerp(reals, seen.detach(), mix), real_scores)
        if way.is_penalized:
            loss = loss + R1_INTERVAL * recipe.r1 / 2 * gradient_penalty(self.discriminator, reals)
        self._judging.step(loss)

        self._judging.learn(allowed=False)
        generator_loss = self.game.generator(self._score(self._seen(fakes)))
        if self.guide is None:
            self._generating.step(generator_loss)
        else:
            (pull,) = torch.autograd.grad(generator_loss, fakes)
            (guiding,) = torch.autograd.grad(generator_hinge(self.guide(guided)), fakes)
            self._generating.step(fakes, pull + self._guide_weight * as_long(guiding, pull))

        if recipe.adaptive:
            adapt(self.augmentation_chance, real_scores.detach())
        losses = distributed.average(torch.stack([generator_loss.detach(), discriminator_loss.detach()]))
        self._losses += losses.nan_to_num(0.0, 0.0, 0.0)  # what is not finite was skipped

    def start_from(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Begin with the generator of a bundle, and with what judged it where that fits, instead of fresh ones.

        `weights`: the generator's by their names, the others' as `critics` gives them. Raises RuntimeError when the
        generator does not fit.
        """
        critics = self._critics()
        given = {name: room(weights, name) for name in critics}
        own = {name: value for name, value in weights.items() if "/" not in name}
        for network in (self.generator, self.average.network):
            own_network = inner(network)
            if not self.recipe.starts_from_bundles:
                raise RuntimeError("a generator whose weights are normalized cannot start from a bundle's")
            own_network.load_state_dict(own)
        for name, network in critics.items():
            if shapes(given[name]) == shapes(network.state_dict()):
                network.load_state_dict(given[name])

    def critics(self) -> dict[str, torch.Tensor]:
        """The weights of all that judges the generator, to start another run with."""
        return {
            f"{critic}/{name}": value
            for critic, network in self._critics().items()
            for name, value in network.state_dict().items()
        }

    def read_losses(self) -> tuple[float, float]:
        """Mean losses of generator and discriminator since the last reading. This waits for the device."""
        generator_loss, discriminator_loss = (self._losses / max(self._losses_steps, 1)).tolist()
        self._losses.zero_()
        self._losses_steps = 0
        return generator_loss, discriminator_loss

    @property
    def is_grown(self) -> bool:
        """Whether the networks work at full size; before that, `snapshot` has layers that never learned."""
        return self.stage.resolution == self.config.image_size

    def preview(self) -> nn.Module:
        """As `snapshot`, at the size that is trained just now: latents -> icons `(N, C, r, r)`."""
        rng = torch.Generator(self.device).manual_seed(self.steps)
        return recalibrate(self.average.network, self.config.latent_size, rng)

    def snapshot(self) -> nn.Module:
        """The generator to show and to keep: averaged weights with statistics of their own, in eval mode."""
        # A generator of its own: looking at the model does not change how training goes on.
        rng = torch.Generator(self.device).manual_seed(self.steps)
        return recalibrate(inner(self.average.network), self.config.latent_size, rng)

    def is_finite(self) -> bool:
        """Whether all weights and averages are numbers within bounds, and gradients were. This waits for the device."""
        values = [value for network in self._networks().values() for value in network.state_dict().values()]
        largest = torch.stack([value.abs().amax() for value in values if value.is_floating_point()])
        are_finite = bool((largest <= WEIGHT_LIMIT).all())  # NaN is not
        return are_finite and all(descent.is_well() for descent in self._descents().values())

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that training needs to go on, as named tensors on the CPU."""
        tensors = {
            "rng": self.rng.get_state(),
            "steps": torch.tensor(self.steps),
            "rate_scale": torch.tensor(self.rate_scale, dtype=torch.float64),
            "augmentation_chance": self.augmentation_chance,
            "lecam": self.lecam.anchors,
            "stage": torch.tensor([self.stage.resolution, self.stage.blend], dtype=torch.float64),
        }
        for side, network in self._networks().items():
            tensors |= {f"{side}/{name}": value for name, value in network.state_dict().items()}
        for side, descent in self._descents().items():
            tensors |= {f"{side}/{name}": value for name, value in descent.state().items()}
        return {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}

    def load_state(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a state. Raises KeyError, ValueError or RuntimeError when it does not fit the networks."""
        for name, network in self._networks().items():
            network.load_state_dict(room(tensors, name))
        self.schedule.forget()
        for name, descent in self._descents().items():
            descent.load_state(room(tensors, name))
        self.steps = int(tensors["steps"])
        self.rate_scale = float(tensors["rate_scale"])
        self.augmentation_chance.copy_(tensors["augmentation_chance"])
        self.lecam.anchors.copy_(tensors["lecam"])
        resolution, blend = tensors["stage"].tolist()
        self._enter(Stage(int(resolution), blend))
        restore(self.rng, tensors["rng"], self.steps)

    def _networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "average": self.average.network, **self._critics()}

    def _critics(self) -> dict[str, nn.Module]:
        guide = {} if self.guide is None else {"guide": self.guide}
        return {"discriminator": self.discriminator, **guide}

    def _descents(self) -> dict[str, Descent]:
        return {"generator-adam": self._generating, "discriminator-adam": self._judging}

    def _precision(self) -> torch.autocast:
        """Convolutions and products in bfloat16, or not; losses, statistics and gradient penalties stay in float32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.is_short, cache_enabled=False)

    def _score(self, icons: torch.Tensor, groups: int = 1) -> torch.Tensor:
        with self._precision():
            scores: torch.Tensor = self.discriminator(icons, groups)
        return scores.float()

    def _latents(self) -> torch.Tensor:
        return distributed.share(torch.randn, (self.batch, self.config.latent_size), self.rng)

    def _reals(self) -> torch.Tensor:
        chosen = distributed.share(partial(torch.randint, len(self.icons)), (self.batch,), self.rng)
        reals = self.icons[chosen].float().div(127.5).sub(1)
        if not self.is_grown:
            reals = functional.avg_pool2d(reals, self.config.image_size // self.stage.resolution)
        if self.stage.blend < 1:
            coarse = functional.interpolate(functional.avg_pool2d(reals, 2), scale_factor=2.0)
            reals = torch.lerp(coarse, reals, self._blend)
        return mirror(reals, self.rng) if self.recipe.mirror else reals

    def _seen(self, icons: torch.Tensor) -> torch.Tensor:
        """Icons as the discriminator sees them: augmented, and under noise."""
        chance = self.augmentation_chance if self.recipe.adaptive else None
        icons = self.augmentation(icons, self.background, self.rng, chance)
        if self.recipe.noise:
            icons = icons + self._noise * distributed.share(torch.randn, icons.shape, self.rng)
        return icons

    def _views(self, icons: torch.Tensor) -> torch.Tensor:
        return views(icons, self.background, self.rng)

    def _stage_at(self, progress: float) -> Stage:
        return stage_at(progress, self.recipe.growth, self.config.image_size, first_resolution(self.config))

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        self._blend.fill_(stage.blend)
        for network in (self.generator, self.average.network, self.discriminator):
            if isinstance(network, GrowingGenerator | GrowingDiscriminator):
                network.stage = stage
