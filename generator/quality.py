"""How good a model is, in one number, and what its distances from training icons mean, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from generator.card import Figure

DISTANCE = "0 is a copy; 1 is as far as an icon that training never saw usually is."
"""What the distance of an icon from its nearest training icon means (`generator/neighborhood.py` measures it)."""

_FLOORS = {"swd": 1.0, "kid": 1.0, "form": 20.0}
"""The smallest figures that still count: real ones can be lower by chance, that of KID even below zero."""

SCORED = frozenset(_FLOORS)
"""The figures that can make the score."""


def score(metrics: Mapping[str, Figure]) -> float:
    """How far a model is from real icons: the logarithm of its form over that of real icons. Lower is better.

    Form ranks models as eyes do (docs/training.md). On broad sets SWD and KID rank them the other way, and on faces
    they stop falling while the pictures still get better: they count, alike, in ratios, only where form was not
    taken. Nothing counts below what real icons have. Without any of them it is 0.
    """
    names = deciding(metrics)
    return sum(math.log(ratio(name, metrics[name])) for name in names) / max(len(names), 1)


def deciding(metrics: Collection[str]) -> list[str]:
    """Which of these figures make the score: scores of others cannot be compared with it."""
    return ["form"] if "form" in metrics else [name for name in _FLOORS if name in metrics]


def ratio(name: str, figure: Figure) -> float:
    """One of the figures in SCORED as a multiple of that of real icons: at least 1."""
    floor = max(figure.real, _FLOORS[name])
    return max(figure.value, floor) / floor
