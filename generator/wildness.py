"""Wildness, as people set it, the truncation that it stands for, and what that does to latents."""

from __future__ import annotations

import torch

TAMEST = 0.7
"""The truncation of 0 %. Where a bundle knows no plainest icon, latents are scaled by it, and one much shorter than
those of training is nothing that the network has seen: at 0.5 icons fall apart, at 0.7 each seed has its own."""

WILDEST = 150
"""The highest wildness, in percent."""

TAMED = 0.7
"""How far 0 % leads from a latent to that of the plainest icon: 1 would be all the way, the same icon for all seeds."""


def truncation_of(wildness: int) -> float:
    """The truncation of a wildness in percent: 100 is as in training (1), 0 is TAMEST.

    Raises ValueError for a wildness out of range.
    """
    if not 0 <= wildness <= WILDEST:
        raise ValueError(f"A wildness of {wildness} % is not between 0 and {WILDEST} %.")
    return 1 - (1 - TAMEST) * (100 - wildness) / 100


MOST = truncation_of(WILDEST)
"""The truncation of WILDEST."""


def wildness_of(truncation: float) -> int:
    """The wildness, in percent, that a truncation stands for; those below TAMEST count as 0 %."""
    return max(0, round(100 * (truncation - TAMEST) / (1 - TAMEST)))


def require_truncation(truncation: float) -> None:
    """Raise ValueError, with a sentence, for a truncation out of range."""
    if not 0 < truncation <= MOST:
        raise ValueError(f"A truncation of {truncation} is not above 0 and at most {MOST:g}.")


def tame(latents: torch.Tensor, plainest: torch.Tensor | None, truncation: float) -> torch.Tensor:
    """Latents `(N, D)` at a truncation: turned towards that of the plainest icon, `(D,)`, and above 1 away from it.

    Their length stays: the network hardly sees how long a latent is, but its icons change with the direction. Without a
    plainest icon latents are scaled.
    """
    if plainest is None:
        return latents * truncation
    if truncation == 1:
        return latents
    share = min((1 - truncation) / (1 - TAMEST), 1.0) * TAMED
    points, end = latents.double(), plainest.double()
    cosine = (points @ end) / (points.norm(dim=1) * end.norm()).clamp_min(1e-12)
    angle = torch.arccos(cosine.clamp(-1 + 1e-9, 1 - 1e-9))[:, None]
    kept, added = torch.sin((1 - share) * angle) / torch.sin(angle), torch.sin(share * angle) / torch.sin(angle)
    turned = kept * points + added * end * (points.norm(dim=1, keepdim=True) / end.norm())
    result: torch.Tensor = turned.float()
    return result
