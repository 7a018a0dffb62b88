"""The report on a set of icons before any training: what was read, what was left out and why, and what looks wrong."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from train.data.reading import NAMES_LIMIT, Broken, Icon, LeftOut, Reading, Why

NEAR_DISTANCE = 0.02  # RMS difference of low-passed pixels (0..1) below which two icons are nearly the same
NEAR_LIST = 200  # pairs that the report lists; it counts all
DESCRIPTOR_SIDE = 16  # pixels of the low-passed icon that near duplicates are looked for in
GRAY_TOLERANCE = 8  # largest difference between the channels of a pixel that still counts as gray (0..255)
_GRAY_MODES = frozenset(("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F"))  # modes that have no color to lose
_BLOCK = 1024  # rows of the distance matrix at a time


@dataclass(frozen=True)
class SourceReport:
    """One source: its ``icons`` before duplicates were removed, and how many were left out for which reason."""

    source: str
    kind: str
    name: str
    license: str
    author: str
    icons: int
    broken: int
    left_out: dict[Why, int]


@dataclass(frozen=True)
class Duplicate:
    """An icon that was left out since its pixels equal those of ``kept``."""

    name: str
    kept: str


@dataclass(frozen=True)
class NearDuplicate:
    """Two icons that are kept though they hardly differ; ``distance``: RMS of low-passed pixels, 0 (same) .. 1."""

    first: str
    second: str
    distance: float


@dataclass(frozen=True)
class Report:
    """What was read. Lists hold names; ``mean`` and ``deviation`` are per channel (red, green, blue), 0..255.

    ``colors``: what the icons are made of (generator/gray.py).
    ``noted``: files that were read but for what they say of their colors and the like; ``left_out``: by reason.
    """

    name: str
    license: str
    author: str
    count: int
    size: int
    background: str
    digest: str
    sources: list[SourceReport]
    sizes: dict[str, int]
    modes: dict[str, int]
    animated: list[str]
    enlarged: int
    padded: int
    duplicates: list[Duplicate]
    near_duplicates: list[NearDuplicate]
    near_duplicate_count: int
    broken: list[Broken]
    noted: list[Broken]
    left_out: dict[Why, LeftOut]
    blank: list[str]
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    gray_share: float
    colors: str
    warnings: list[str]


def source_report(source: str, reading: Reading) -> SourceReport:
    """The line of the report on one source."""
    return SourceReport(
        source=source,
        kind=reading.kind,
        name=reading.name,
        license=reading.license,
        author=reading.author,
        icons=len(reading.icons),
        broken=len(reading.broken),
        left_out={why: left_out.count for why, left_out in reading.left_out.items()},
    )


def all_left_out(readings: Sequence[Reading]) -> dict[Why, LeftOut]:
    """What all sources left out, by reason; names up to the limit for each."""
    total: dict[Why, LeftOut] = {}
    for why in Why:
        found = [reading.left_out[why] for reading in readings if why in reading.left_out]
        if found:
            names = [name for left_out in found for name in left_out.names]
            total[why] = LeftOut(sum(left_out.count for left_out in found), names[:NAMES_LIMIT])
    return total


def near_duplicates(pixels: NDArray[np.uint8], names: Sequence[str]) -> tuple[list[NearDuplicate], int]:
    """Pairs of icons that hardly differ, nearest first, at most NEAR_LIST of them, and how many there are in all.

    pixels: (N, size, size, 3). Exact over all pairs: N^2 / 2 distances, in blocks; seconds for ten thousand icons.
    """
    side = (DESCRIPTOR_SIDE, DESCRIPTOR_SIDE)
    small = [np.asarray(Image.fromarray(icon).resize(side, Image.Resampling.BOX)).ravel() for icon in pixels]
    descriptors = np.stack(small).astype(np.float32) / 255.0
    descriptors -= descriptors.mean(axis=0)  # distances stay, and float32 loses less to large norms
    norms = np.square(descriptors).sum(axis=1)
    limit = NEAR_DISTANCE**2 * descriptors.shape[1]
    found: list[tuple[float, int, int]] = []
    count = 0
    for start in range(0, len(pixels), _BLOCK):
        block = slice(start, start + _BLOCK)
        squares = norms[block, None] + norms[None, start:] - 2.0 * descriptors[block] @ descriptors[start:].T
        rows, columns = np.nonzero(np.triu(squares <= limit, k=1))
        count += len(rows)
        found += [
            (_distance(descriptors, start + row, start + column), start + row, start + column)
            for row, column in zip(rows[: 10 * NEAR_LIST].tolist(), columns[: 10 * NEAR_LIST].tolist(), strict=True)
        ]
    found.sort()
    pairs = [NearDuplicate(names[first], names[second], round(d, 4)) for d, first, second in found[:NEAR_LIST]]
    return pairs, count


def gray(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which icons have no color at all: (N, size, size, 3) -> (N,)."""
    spread = pixels.max(axis=3) - pixels.min(axis=3)
    return np.asarray(spread.reshape(len(pixels), -1).max(axis=1) <= GRAY_TOLERANCE)


def blank(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which icons show nothing, one color everywhere: (N, size, size, 3) -> (N,)."""
    return np.asarray((pixels == pixels[:, :1, :1]).reshape(len(pixels), -1).all(axis=1))


def color_statistics(pixels: NDArray[np.uint8]) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and standard deviation per channel, 0..255, over (N, size, size, 3)."""
    values = pixels.reshape(-1, 3)
    # Counting the 256 values of each channel keeps memory small, where float64 would take eight times the set.
    levels = np.arange(256, dtype=np.float64)
    means, deviations = [], []
    for channel in range(3):
        share = np.bincount(values[:, channel], minlength=256) / len(values)
        mean = float((share * levels).sum())
        means.append(round(mean, 2))
        deviations.append(round(float((share * (levels - mean) ** 2).sum()) ** 0.5, 2))
    return (means[0], means[1], means[2]), (deviations[0], deviations[1], deviations[2])


def size_histogram(icons: Sequence[Icon]) -> dict[str, int]:
    """How many files have which dimensions, the most frequent first."""
    counts = Counter(f"{icon.decoded.width} x {icon.decoded.height}" for icon in icons)
    return dict(counts.most_common())


def mode_histogram(icons: Sequence[Icon]) -> dict[str, int]:
    """How many files have which Pillow mode, the most frequent first."""
    return dict(Counter(icon.decoded.mode for icon in icons).most_common())


def warnings_on(icons: Sequence[Icon], colorless: bool, blanks: int, size: int) -> list[str]:
    """What a person should look at before training on these icons: one sentence each.

    ``colorless``: every icon is gray, though nobody asked for that.
    """
    warnings = []
    colored = sum(icon.decoded.mode not in _GRAY_MODES for icon in icons)
    if colorless and colored:
        warnings.append(
            f"Every icon is gray, though {colored:,} of the {len(icons):,} files are of a mode with colors: "
            "look at reals.png, the colors may be lost."
        )
    if blanks:
        warnings.append(f"Icons of one color everywhere: {blanks:,}; the background may hide what they show.")
    small = sum(max(icon.decoded.width, icon.decoded.height) < size for icon in icons)
    if 2 * small > len(icons):
        warnings.append(
            f"{small:,} of the {len(icons):,} files are smaller than {size} x {size} pixels and were enlarged."
        )
    return warnings


def _distance(descriptors: NDArray[np.float32], first: int, second: int) -> float:
    """The distance without the cancellation of the expanded square."""
    return float(np.sqrt(np.mean(np.square(descriptors[first] - descriptors[second]))))
