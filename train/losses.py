"""The adversarial losses."""

from __future__ import annotations

import torch


def discriminator_hinge(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """Hinge loss of the discriminator (Lim and Ye 2017; SAGAN, equation 4): scores `(N,)` -> a scalar."""
    return torch.relu(1 - real_scores).mean() + torch.relu(1 + fake_scores).mean()


def generator_hinge(fake_scores: torch.Tensor) -> torch.Tensor:
    """Loss of the generator (SAGAN, equation 4): scores `(N,)` -> a scalar."""
    return -fake_scores.mean()
