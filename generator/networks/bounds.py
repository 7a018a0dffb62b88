"""What the configs of all networks must hold: sizes, channels, widths."""

from __future__ import annotations

from collections.abc import Collection

QUARTERED = range(16, 65, 4)
"""Edges of an icon, in pixels, for the networks that were made for drawings of 28."""


def require(image_size: int, sizes: Collection[int], channels: int, latent_size: int, width: int) -> None:
    """Raise ValueError, with a sentence, unless a network of `sizes` can have these."""
    if image_size not in sizes:
        if isinstance(sizes, range):
            named = f"from {sizes[0]} to {sizes[-1]} in steps of {sizes.step}"
        else:
            named = f"one of {', '.join(map(str, sizes))}"
        raise ValueError(f"an image size of {image_size} is not {named}")
    if channels not in (1, 3, 4):
        raise ValueError(f"{channels} channels are none of 1 (gray), 3 (RGB) and 4 (premultiplied RGBA)")
    if not 1 <= latent_size <= 1024 or not 8 <= width <= 256 or width % 8:
        raise ValueError("a latent size is from 1 to 1024, and a width from 8 to 256 in steps of 8")


def base_of(image_size: int) -> int:
    """The resolution that doubles up to an image size: 4, or 7 for 28."""
    return 7 if image_size == 28 else 4
