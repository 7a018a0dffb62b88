"""What a benchmark finds: figures, each with its unit and, where there is one, its bar."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure; `most` and `least` are its bars."""

    what: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it keeps its bars."""
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    @property
    def bar(self) -> str:
        """The bar in words, or nothing."""
        if self.most is not None:
            return f"at most {self.most:g}"
        return "" if self.least is None else f"at least {self.least:g}"


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed; the largest for a share near 1 of few."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def spread(what: str, seconds: Sequence[float], *, slowest: float | None = None) -> list[Figure]:
    """Median, 95 % and 99 % quantile of times, in milliseconds, or the one there is.

    `slowest`: a bar, in seconds, of the last of them.
    """
    bar = None if slowest is None else 1000 * slowest
    if len(seconds) == 1:
        return [Figure(what, 1000 * seconds[0], "ms", bar)]
    return [
        Figure(f"{what}, median", 1000 * statistics.median(seconds), "ms"),
        Figure(f"{what}, 95 %", 1000 * quantile(seconds, 0.95), "ms"),
        Figure(f"{what}, 99 %", 1000 * quantile(seconds, 0.99), "ms", bar),
    ]
