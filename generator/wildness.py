"""Wildness, as people set it, and the truncation that it stands for."""

from __future__ import annotations

TAMEST = 0.7
"""The truncation of 0 %. A latent much shorter than those of training is nothing that the network has seen: at 0.5
icons fall apart, and near 0 every seed gives the same blank picture. At 0.7 each seed still has an icon of its own."""


def truncation_of(wildness: int) -> float:
    """The truncation of a wildness in percent: 100 is as in training (1), 0 is TAMEST.

    Raises ValueError for a wildness out of range.
    """
    if not 0 <= wildness <= 100:
        raise ValueError(f"A wildness of {wildness} % is not between 0 and 100 %.")
    return 1 - (1 - TAMEST) * (100 - wildness) / 100


def wildness_of(truncation: float) -> int:
    """The wildness, in percent, that a truncation stands for; those below TAMEST count as 0 %."""
    return max(0, round(100 * (truncation - TAMEST) / (1 - TAMEST)))
