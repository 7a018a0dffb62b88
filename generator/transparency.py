"""Icons as arrays and as pictures. Transparent ones: premultiplied RGBA in arrays, straight RGBA in pictures and files.

Premultiplied, a pixel without opacity has one value only, so that no hidden color is learned, averaged or compared
(Porter and Duff 1984). Pictures are straight, as PNG is; reading them back gives the same premultiplied bytes, since
no color can be more than its opacity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WHITE, DARK = (255, 255, 255), (49, 51, 56)
"""The backgrounds that transparent icons are judged on: paper, and a dark chat."""

FAINT = 2
"""Opacity, 0 to 255, that a network means no more than rounding: as faint as this or fainter is nothing."""
RINGING = 4
"""The same after resampling: what a Lanczos filter leaves around a shape, a hundredth of its opacity."""


MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's mode of the picture of an icon, by its channels."""


def as_image(pixels: NDArray[np.uint8]) -> Image.Image:
    """An icon as a picture: `(H, W, 1)` in L, `(H, W, 3)` in RGB, `(H, W, 4)`, premultiplied, in straight RGBA."""
    height, width, channels = pixels.shape
    return Image.frombytes(MODES[channels], (width, height), straight(pixels).tobytes())


def as_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """What `as_image` made a picture of: `(H, W, 4)` premultiplied for a transparent mode, `(H, W, 1)` for L.

    For any other mode `(H, W, 3)`.
    """
    if image.has_transparency_data:
        return premultiplied(np.array(image.convert("RGBA")))
    return np.array(image)[..., None] if image.mode == MODES[1] else np.array(image.convert("RGB"))


def in_color(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Gray `(..., 1)` as red, green and blue `(..., 3)`; what has colors stays."""
    return pixels.repeat(3, axis=-1) if pixels.shape[-1] == 1 else pixels


def straight(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Premultiplied `(..., 4)` to straight, rounded; where nothing is seen, all is 0. Opaque ones stay."""
    if pixels.shape[-1] < 4:
        return pixels
    alpha = pixels[..., 3:].astype(np.uint32)
    colors = (pixels[..., :3] * np.uint32(255) + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate([np.minimum(colors, 255), alpha], axis=-1).astype(np.uint8)


def premultiplied(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Straight `(..., 4)` to premultiplied, rounded. Opaque ones stay."""
    if pixels.shape[-1] < 4:
        return pixels
    alpha = pixels[..., 3:]
    colors = (pixels[..., :3] * alpha.astype(np.uint32) + 127) // 255
    return np.concatenate([colors.astype(np.uint8), alpha], axis=-1)


def clear_ringing(pixels: NDArray[np.uint8]) -> None:
    """Clear what resampling left around the shapes of `(..., 4)`, straight or premultiplied, in place."""
    pixels[pixels[..., 3] <= RINGING] = 0


def over(pixels: NDArray[np.uint8], background: tuple[int, ...]) -> NDArray[np.uint8]:
    """Icons in RGB, `(..., 3)`: premultiplied ones, `(..., 4)`, on a background (gray, or red, green, blue)."""
    if pixels.shape[-1] < 4:
        return in_color(pixels)
    behind = (255 - pixels[..., 3:].astype(np.uint32)) * np.array(background[:3], np.uint32)
    return np.asarray(np.minimum(pixels[..., :3] + (behind + 127) // 255, 255), np.uint8)
