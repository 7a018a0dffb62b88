"""How long the nearest training icons of a picture take to be found among many, and whether they are the nearest."""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
from PIL import Image

from generator.checkpoint import DEFAULT_BUNDLE, read_bundle
from generator.neighbors import CHUNK, DESCRIPTOR_SIZE, NeighborIndex, describe
from generator.transparency import as_image, as_pixels
from tests.bench.figures import Figure
from tests.memory import resident

SIZES = (2_000, 100_000, 1_000_000)
QUERIES = 3
FOUND = 3


def measure(sizes: tuple[int, ...] = SIZES) -> list[Figure]:
    """Milliseconds and MiB for sets of so many icons, and how many of the searches found the very nearest."""
    icons = read_bundle(DEFAULT_BUNDLE).icons()
    asked = [as_image(icon) for icon in icons[:QUERIES]]
    figures: list[Figure] = []
    for size in sizes:
        before = resident()
        points = _many(icons, size)
        index = NeighborIndex(points)
        held, times, exact = resident() - before, list[float](), 0
        for icon in asked:
            begin = time.perf_counter()
            found = index.search(icon, FOUND)
            times.append(time.perf_counter() - begin)
            exact += [near.index for near in found] == _nearest(points, icon)
        name = f"{size:,} icons"
        figures += [
            Figure(f"{name}: one search", 1000 * statistics.median(times), "ms"),
            Figure(f"{name}: descriptors and index", held, "MiB"),
            Figure(f"{name}: searches that agree with one by one in float64", exact / len(asked), "share", least=1),
        ]
        del points, index
    return figures


def _many(icons: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], size: int) -> torch.Tensor:
    """Descriptors of so many icons: those of real ones, each moved a little in its own way: `(size, 768)` float16."""
    real, chance = describe(icons).float(), torch.Generator().manual_seed(0)
    points = torch.empty((size, DESCRIPTOR_SIZE), dtype=torch.float16)
    for start in range(0, size, len(real)):
        part = points[start : start + len(real)]
        part[:] = real[: len(part)] + 0.1 * torch.randn(part.shape, generator=chance)
    return points


def _nearest(points: torch.Tensor, icon: Image.Image) -> list[int]:
    """The same in float64, whose rounding is too small to change an order: every shift against every icon."""
    queries = NeighborIndex(points[:1])._queries(as_pixels(icon)[None])[0].double()
    best = []
    for start in range(0, len(points), CHUNK):
        part = points[start : start + CHUNK].double()
        lengths = queries.square().sum(dim=1, keepdim=True) + part.square().sum(dim=1)
        best.append((lengths - 2 * queries @ part.T).amin(dim=0))
    return [int(place) for place in torch.cat(best).argsort(stable=True)[:FOUND]]
