"""Gray icons and drawings in black and white: the luminance of colors, and the threshold between black and white."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Threshold: TypeAlias = float | Literal["otsu"] | None
"""From which luminance on, above 0 to 1, pixels are white, others black; otsu: as each icon asks for; None: gray."""

OTSU: Literal["otsu"] = "otsu"

_LEVELS = np.arange(256, dtype=np.float64)


def in_gray(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Red, green and blue `(..., 3)` -> luminance `(..., 1)`, 0..255, as Pillow's mode L has it; gray stays.

    ITU-R BT.601, of the values as they are encoded: 0 stays 0, and 255 is 255.
    """
    if pixels.shape[-1] == 1:
        return pixels
    weights = np.array([19595, 38470, 7471], np.uint32)  # of 2**16
    return ((pixels @ weights + 2**15) >> 16).astype(np.uint8)[..., None]


def black_and_white(icon: NDArray[np.uint8], threshold: Threshold) -> NDArray[np.uint8]:
    """A gray icon in black and white alone, `(H, W, 1)` both; without a threshold it stays."""
    if threshold is None:
        return icon
    cut = otsu(icon) if threshold == OTSU else 255 * threshold
    return np.where(icon >= cut, np.uint8(255), np.uint8(0))


def otsu(icon: NDArray[np.uint8]) -> float:
    """The level that parts the pixels of an icon into two groups whose means lie farthest apart (Otsu 1979), 0..255.

    Where several part them equally, their middle; where all pixels are the same, the middle of all levels.
    """
    counts = np.bincount(icon.ravel(), minlength=256)
    below, sums = counts.cumsum()[:-1], (counts * _LEVELS).cumsum()
    above = icon.size - below
    apart = sums[:-1] * above - (sums[-1] - sums[:-1]) * below  # times both counts, which may be 0
    between = np.divide(apart**2, below * above, out=np.zeros(255), where=(below * above) > 0)
    if not between.any():
        return 127.5
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    return float(best.mean()) + 0.5


def parse_threshold(text: str) -> Threshold:
    """Turn "0.5" or "otsu" into a threshold. ``ValueError``: one sentence."""
    if text.strip().lower() == OTSU:
        return OTSU
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise ValueError(f"{text!r} is no threshold: give a luminance above 0 and up to 1, such as 0.5, or otsu")
    return value


def in_words(channels: int, threshold: Threshold) -> str:
    """What icons are made of: "transparent", "color", "gray", "black and white (threshold 0.5)"."""
    if threshold is not None:
        return f"black and white ({'by the method of Otsu' if threshold == OTSU else f'threshold {threshold:g}'})"
    return {1: "gray", 3: "color", 4: "transparent"}[channels]
