"""How good a model is, in one number, and what its distances from training icons mean, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping

from generator.card import Figure

DISTANCE = "0 is a copy; 1 is as far as an icon that training never saw usually is."
"""What the distance of an icon from its nearest training icon means (`generator/neighborhood.py` measures it)."""

_FLOORS = {"swd": 1.0, "kid": 1.0, "form": 20.0}
"""The smallest figures that still count: real ones can be lower by chance, that of KID even below zero."""

SCORED = frozenset(_FLOORS)
"""The figures that make the score."""


def score(metrics: Mapping[str, Figure]) -> float:
    """How far a model is from real icons: the mean logarithm of SWD, KID and form over those of real icons.

    Lower is better; all count alike, in ratios. SWD alone looks at patches, and on 117 faces it preferred an early
    state whose faces were visibly worse; KID alone swings on a few held-out icons; on broad sets both called blobs
    excellent, which form does not. None counts below what real icons have. Without any of them it is 0.
    """
    ratios = [math.log(ratio(name, metrics[name])) for name in _FLOORS if name in metrics]
    return sum(ratios) / max(len(ratios), 1)


def ratio(name: str, figure: Figure) -> float:
    """One of the figures in SCORED as a multiple of that of real icons: at least 1."""
    floor = max(figure.real, _FLOORS[name])
    return max(figure.value, floor) / floor
