"""The losses against their formulas."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from train.adversary.losses import LeCam, discriminator_hinge, generator_hinge, gradient_penalty


def test_hinge_losses() -> None:
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([-2.0, 0.0])
    assert float(discriminator_hinge(real, fake)) == pytest.approx(0.5 + 0.5)
    assert float(generator_hinge(fake)) == 1


def test_lecam_pulls_scores_towards_the_other_side() -> None:
    lecam = LeCam(torch.device("cpu"), decay=0.0)
    reals, fakes = torch.full((4,), 2.0), torch.full((4,), -1.0)
    assert lecam(reals, fakes) == pytest.approx((2 + 1) ** 2 + (2 + 1) ** 2)
    assert lecam.anchors.tolist() == [2.0, -1.0]


def test_the_gradient_penalty_is_the_squared_slope() -> None:
    slope = torch.randn(3, 8, 8)

    class Linear(nn.Module):
        def forward(self, icons: torch.Tensor) -> torch.Tensor:
            return (icons * slope).sum(dim=(1, 2, 3))

    penalty = gradient_penalty(Linear(), torch.randn(5, 3, 8, 8))
    assert float(penalty) == pytest.approx(float(slope.square().sum()), rel=1e-5)
