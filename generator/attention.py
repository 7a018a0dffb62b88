"""What attention sees: for some points of an icon, from where in the icon the network took what it drew there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from generator.networks.layers import SelfAttention
from generator.seeds import Seed
from generator.studio import Studio
from generator.transparency import DARK, as_pixels, over

POINTS = ((0.36, 0.42), (0.64, 0.42), (0.5, 0.7), (0.5, 0.08))
"""Where one looks from, as shares of width and height: in a face the eyes, the mouth, and the edge above."""
CELL = 192
"""Edge of an icon in the picture, in pixels."""
GAP = 6
WARM = np.array((255, 170, 40), np.float32)


class NoAttentionError(Exception):
    """A network that does not attend: one sentence."""


@dataclass(frozen=True)
class Look:
    """An icon, and what it is made of at some points."""

    icon: Image.Image
    maps: NDArray[np.float32]
    """`(points, h, w)`: shares that each place has in what is drawn at a point; each map sums to 1."""
    gain: float
    """How much of what attention gives enters the network: 0, none."""


def look(studio: Studio, seed: Seed, points: Sequence[tuple[float, float]] = POINTS) -> Look:
    """Draw an icon and keep what its last attention layer looked at. Raises NoAttentionError where there is none."""
    layers = [module for module in studio.network.modules() if isinstance(module, SelfAttention)]
    if not layers:
        raise NoAttentionError(
            f"{studio.bundle.path}: a network of the kind {studio.bundle.config.architecture!r} "
            "has no self-attention that could be shown."
        )
    seen: list[torch.Tensor] = []
    hook = layers[-1].register_forward_pre_hook(lambda _, inputs: seen.append(layers[-1].weights(inputs[0][:1])))
    try:
        (icon,) = studio.draw([seed])
    finally:
        hook.remove()
    shares = seen[-1][0].float().cpu()
    height, width = shares.shape[:2]
    maps = [shares[min(int(y * height), height - 1), min(int(x * width), width - 1)] for x, y in points]
    return Look(icon, torch.stack(maps).numpy(), float(layers[-1].gain))


def picture(looks: Sequence[Look], points: Sequence[tuple[float, float]] = POINTS) -> Image.Image:
    """A row for each icon: itself, then for each point, marked by a ring, the places it was taken from, warm."""
    step = CELL + GAP
    sheet = Image.new("RGB", (step * (len(points) + 1) + GAP, step * len(looks) + GAP), DARK)
    for row, one in enumerate(looks):
        pixels = over(as_pixels(one.icon), DARK)
        plain = Image.fromarray(pixels).resize((CELL, CELL), Image.Resampling.LANCZOS)
        sheet.paste(plain, (GAP, GAP + row * step))
        dim = np.asarray(plain.convert("L").convert("RGB"), np.float32) * 0.45
        for column, (shares, (x, y)) in enumerate(zip(one.maps, points, strict=True), start=1):
            warmth = np.asarray(
                Image.fromarray(shares / shares.max()).resize((CELL, CELL), Image.Resampling.BICUBIC), np.float32
            ).clip(0, 1)[..., None]
            mixed = Image.fromarray((dim * (1 - 0.8 * warmth) + WARM * 0.8 * warmth).round().astype(np.uint8))
            middle, reach = (x * CELL, y * CELL), CELL / 24
            ImageDraw.Draw(mixed).ellipse(
                (middle[0] - reach, middle[1] - reach, middle[0] + reach, middle[1] + reach), outline="white", width=3
            )
            sheet.paste(mixed, (GAP + column * step, GAP + row * step))
    return sheet
