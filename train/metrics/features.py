"""Figures on features of the encoder: kernel distance, precision, recall and coverage."""

from __future__ import annotations

import torch

NEAREST = 5
"""The neighbor whose distance is a point's radius, as the authors of coverage choose it."""
KID_SCALE = 1000


def kid(first: torch.Tensor, second: torch.Tensor) -> float:
    """Kernel distance x 1000 between features `(N, D)` and `(M, D)` of length 1, N and M at least 2.

    Bińkowski et al. 2018 divide by D what has a length of about the root of D; these features have the length 1.
    """
    return KID_SCALE * unbiased_mmd(first, second)


def unbiased_mmd(first: torch.Tensor, second: torch.Tensor) -> float:
    """The squared maximum mean discrepancy between points `(N, D)` and `(M, D)`, N and M at least 2.

    The unbiased estimate with the cubic kernel of Bińkowski et al. 2018, over all pairs.
    """
    first, second = first.double(), second.double()
    within = sum(_between_different(points) for points in (first, second))
    return float(within - 2 * _kernel(first, second).mean())


def _kernel(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return (first @ second.T + 1) ** 3


def _between_different(points: torch.Tensor) -> torch.Tensor:
    kernel, count = _kernel(points, points), len(points)
    return (kernel.sum() - kernel.diagonal().sum()) / (count * (count - 1))


def manifold(reals: torch.Tensor, others: torch.Tensor) -> dict[str, float]:
    """`precision`, `recall` and `coverage` of others `(M, D)` against reals `(N, D)`; each from 0 to 1.

    Precision is the share of others within the radius of a real one, recall the share of reals within the radius of
    another (Kynkäänniemi et al. 2019), coverage the share of reals with another in their radius (Naeem et al. 2020); a
    radius is the distance to the fifth neighbor among one's own. All depend on N and M: compare equal ones.
    """
    distances = torch.cdist(reals, others)
    around_reals, around_others = _radii(reals), _radii(others)
    return {
        "precision": float((distances < around_reals[:, None]).any(dim=0).float().mean()),
        "recall": float((distances < around_others).any(dim=1).float().mean()),
        "coverage": float((distances.amin(dim=1) < around_reals).float().mean()),
    }


def _radii(points: torch.Tensor) -> torch.Tensor:
    """The distance of each point to its fifth neighbor among the others, or to the last one."""
    rank = min(NEAREST + 1, len(points))  # the nearest of all is the point itself
    return torch.cdist(points, points).kthvalue(rank, dim=1).values
