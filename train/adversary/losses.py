"""The adversarial losses."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from train.adversary.distributed import average


def discriminator_hinge(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """Hinge loss of the discriminator (Lim and Ye 2017; SAGAN, equation 4): scores `(N,)` -> a scalar."""
    return torch.relu(1 - real_scores).mean() + torch.relu(1 + fake_scores).mean()


def generator_hinge(fake_scores: torch.Tensor) -> torch.Tensor:
    """Loss of the generator (SAGAN, equation 4): scores `(N,)` -> a scalar."""
    return -fake_scores.mean()


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


def as_long(gradient: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """A gradient, scaled to the length of another one (the adaptive weight of Esser et al. 2021, section 3.1)."""
    return gradient.mul(other.norm() / gradient.norm().clamp_min(1e-12))
