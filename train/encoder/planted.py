"""How well copies are found: changed versions of icons are searched for among all icons, by features and by pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from generator.encoder import Encoder
from generator.neighbors import NeighborIndex, describe

QUERIES = 256
"""Icons that are changed and searched for, at most."""


@dataclass(frozen=True)
class Findings:
    """Of one kind of change, the share of icons whose changed version has the icon as its nearest (recall at 1)."""

    change: str
    encoder: float
    shifted_pixels: float
    """By the descriptors of `generator.neighbors`: low-passed pixels, tolerant to a shift of two."""
    pixels: float
    """By the plain distance of pixels."""


def find_planted(icons: NDArray[np.uint8], searched: Sequence[int], encoder: Encoder) -> list[Findings]:
    """Search for changed versions of some of the icons among all of them, `(N, size, size, 3)` uint8."""
    chosen = np.asarray(searched)[:QUERIES]
    index, features = NeighborIndex(describe(icons)), encoder.features(icons)
    flat = torch.from_numpy(icons).flatten(1).float()
    found = []
    for name, change in CHANGES.items():
        rng = np.random.default_rng(0)
        queries = np.stack([np.array(change(Image.fromarray(icons[i]), rng)) for i in chosen])
        by_features = (encoder.features(queries) @ features.T).argmax(dim=1).numpy()
        by_shifted = [index.search(Image.fromarray(query), 1)[0].index for query in queries]
        by_pixels = torch.cdist(torch.from_numpy(queries).flatten(1).float(), flat).argmin(dim=1).numpy()
        shares = [float((np.asarray(hits) == chosen).mean()) for hits in (by_features, by_shifted, by_pixels)]
        found.append(Findings(name, *shares))
    return found


def _recolored(icon: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Another hue (by a sixth of the circle at least), saturation and brightness; the white around stays white."""
    hue, saturation, value = icon.convert("HSV").split()
    turn = int(rng.integers(43, 213))
    turned = Image.merge("HSV", (hue.point(lambda level: (level + turn) % 256), saturation, value)).convert("RGB")
    vivid = ImageEnhance.Color(turned).enhance(float(rng.uniform(0.6, 1.4)))
    gamma = float(rng.uniform(0.7, 1.4))
    return vivid.point(lambda level: round(255 * (level / 255) ** gamma))


def _shifted(icon: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Moved by 4 to 8 pixels of 64 on both axes; edge pixels fill the gap."""
    unit = icon.width / 64
    x, y = (round(unit * int(rng.integers(4, 9))) * int(rng.choice((-1, 1))) for _ in range(2))
    reach = round(8 * unit)
    wide = Image.fromarray(np.pad(np.asarray(icon), ((reach, reach), (reach, reach), (0, 0)), mode="edge"))
    return wide.crop((reach + x, reach + y, reach + x + icon.width, reach + y + icon.height))


def _cropped(icon: Image.Image, rng: np.random.Generator) -> Image.Image:
    """70 to 85 % of the edge, from anywhere, enlarged."""
    edge = icon.width * float(rng.uniform(0.7, 0.85))
    left, top = (float(rng.uniform(0, icon.width - edge)) for _ in range(2))
    return icon.resize(icon.size, Image.Resampling.BICUBIC, box=(left, top, left + edge, top + edge))


def _mirrored(icon: Image.Image, _rng: np.random.Generator) -> Image.Image:
    return icon.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _recolored_and_shifted(icon: Image.Image, rng: np.random.Generator) -> Image.Image:
    return _shifted(_recolored(icon, rng), rng)


def _recolored_and_cropped(icon: Image.Image, rng: np.random.Generator) -> Image.Image:
    return _cropped(_recolored(icon, rng), rng)


CHANGES: Mapping[str, Callable[[Image.Image, np.random.Generator], Image.Image]] = {
    "recolored": _recolored,
    "shifted by 4-8 pixels": _shifted,
    "cropped to 70-85 %": _cropped,
    "mirrored": _mirrored,
    "recolored and shifted": _recolored_and_shifted,
    "recolored and cropped": _recolored_and_cropped,
}
"""The changes of a report. They are made with Pillow, apart from those that the encoder is trained with."""
