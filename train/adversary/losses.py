"""The adversarial losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from train.adversary.distributed import average

SLOPE_WEIGHT, DRIFT_WEIGHT = 10.0, 1e-3
"""Weights of the Wasserstein critic's penalties."""


def discriminator_hinge(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """Hinge loss of the discriminator (Lim and Ye 2017; SAGAN, equation 4): scores `(N,)` -> a scalar."""
    return torch.relu(1 - real_scores).mean() + torch.relu(1 + fake_scores).mean()


def generator_hinge(fake_scores: torch.Tensor) -> torch.Tensor:
    """Loss of the generator (SAGAN, equation 4): scores `(N,)` -> a scalar."""
    return -fake_scores.mean()


def discriminator_logistic(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """Loss of the discriminator in the original game (Goodfellow et al. 2014, equation 1), scores being logits."""
    return functional.softplus(-real_scores).mean() + functional.softplus(fake_scores).mean()


def generator_logistic(fake_scores: torch.Tensor) -> torch.Tensor:
    """The non-saturating loss of the generator (Goodfellow et al. 2014, section 3)."""
    return functional.softplus(-fake_scores).mean()


def discriminator_wasserstein(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """Loss of the critic of a Wasserstein GAN (Arjovsky et al. 2017); `slope_penalty` belongs to it."""
    return fake_scores.mean() - real_scores.mean()


class Game(NamedTuple):
    """The losses of both sides: scores `(N,)` -> a scalar."""

    discriminator: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    generator: Callable[[torch.Tensor], torch.Tensor]
    is_wasserstein: bool = False


GAMES = {
    "hinge": Game(discriminator_hinge, generator_hinge),
    "non-saturating": Game(discriminator_logistic, generator_logistic),
    "wasserstein": Game(discriminator_wasserstein, generator_hinge, is_wasserstein=True),
}
"""By the name that a recipe knows."""


class LeCam:
    """The regularizer of Tseng et al. 2021, equation 5: scores may not stray from the other side's moving average.

    The averages live on the device: nothing waits for them.
    """

    def __init__(self, device: torch.device, decay: float = 0.99) -> None:
        self.anchors = torch.zeros(2, device=device)
        """Moving averages of the scores of real and generated icons."""
        self.decay = decay

    def __call__(self, real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
        """Scores `(N,)` each -> a scalar; moves the averages."""
        means = average(torch.stack([real_scores.detach().mean(), fake_scores.detach().mean()]))
        self.anchors.lerp_(means, 1 - self.decay)
        real_anchor, fake_anchor = self.anchors.clone()
        return (
            torch.relu(real_scores - fake_anchor).square().mean()
            + torch.relu(real_anchor - fake_scores).square().mean()
        )


def gradient_penalty(discriminator: nn.Module, reals: torch.Tensor) -> torch.Tensor:
    """R1 (Mescheder et al. 2018, equation 9): mean squared norm of the gradient at real icons `(N, C, H, W)`."""
    reals = reals.detach().requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no second derivative
        (gradient,) = torch.autograd.grad(discriminator(reals).sum(), reals, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def slope_penalty(discriminator: nn.Module, between: torch.Tensor, real_scores: torch.Tensor) -> torch.Tensor:
    """What keeps a Wasserstein critic's slope at 1 (WGAN-GP: Gulrajani et al. 2017), and its scores near 0.

    `between`: points between real and generated icons, `(N, C, H, W)`; weights as in Karras et al. 2018, appendix A.
    """
    between = between.detach().requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):
        (gradient,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    slope = (gradient.square().sum(dim=(1, 2, 3)) + 1e-12).sqrt()
    return SLOPE_WEIGHT * (slope - 1).square().mean() + DRIFT_WEIGHT * real_scores.square().mean()


def as_long(gradient: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """A gradient, scaled to the length of another one (the adaptive weight of Esser et al. 2021, section 3.1)."""
    return gradient.mul(other.norm() / gradient.norm().clamp_min(1e-12))
