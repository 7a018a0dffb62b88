"""Every format that Pillow writes, each mode, with and without a profile, in each orientation, against arithmetic.

The matrices are those of CSS Color 4, https://www.w3.org/TR/css-color-4/#color-conversion-code.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from generator.decode import TRANSPARENT, decode
from tests.generator.formats.samples import adobe, encode, gray, p3, turned

EDGE = 32
_MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "AVIF": ("L", "RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"),
    "GIF": ("1", "L", "P", "RGB"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "ICO": ("L", "P", "RGB", "RGBA"),
    "TGA": ("1", "L", "LA", "P", "RGB", "RGBA"),
    "QOI": ("RGB", "RGBA"),
    "PPM": ("1", "L", "RGB", "I;16"),
    "JPEG2000": ("L", "LA", "RGB", "RGBA"),
}
_LOSSLESS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "AVIF": {"quality": 100, "subsampling": "4:4:4", "speed": 10},
    "WEBP": {"lossless": True, "exact": True},
    "ICO": {"sizes": [(EDGE, EDGE)]},
}
_PROFILED = {"PNG", "JPEG", "WEBP", "AVIF", "TIFF"}
_TURNED = {"PNG", "JPEG", "AVIF", "TIFF"}
_OPAQUE = {"BMP"}  # as Pillow writes it, the fourth byte is unused
_LOSSY = {"JPEG": 6, "AVIF": 8}
_UNDO = {  # orientation -> what makes the stored pixels of upright ones
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
_P3 = np.array([[1.22494018, -0.22494018, 0], [-0.04205695, 1.04205695, 0], [-0.01963755, -0.07863605, 1.0982736]])
_ADOBE = np.array([[1.39835574, -0.39835574, 0], [0, 1, 0], [0, -0.04292898, 1.04292898]])


def _linear(stored: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)


def _in_srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255


def _nothing(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    return colors


def _from_p3(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    return _in_srgb(_linear(colors / 255) @ _P3.T)


def _from_adobe(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    return _in_srgb((colors / 255) ** (563 / 256) @ _ADOBE.T)


def _from_light(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    return _in_srgb(colors / 255)


@dataclass(frozen=True)
class Case:
    """One file, by what differs between files."""

    format: str
    mode: str
    profile: Callable[[], bytes] | None
    convert: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    orientation: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    format_ = draw(st.sampled_from(sorted(_MODES)))
    mode = draw(st.sampled_from(_MODES[format_]))
    choices: list[tuple[Callable[[], bytes] | None, Callable[[NDArray[np.float64]], NDArray[np.float64]]]]
    choices = [(None, _nothing)]
    if format_ in _PROFILED and mode in {"P", "RGB", "RGBA"}:
        choices += [(p3, _from_p3), (adobe, _from_adobe)]
    elif format_ in _PROFILED and mode in {"L", "LA", "I;16"} and format_ != "AVIF":
        choices.append((gray, _from_light))
    profile, convert = draw(st.sampled_from(choices))
    orientation = draw(st.integers(1, 8)) if format_ in _TURNED or format_ == "WEBP" else 1
    return Case(format_, mode, profile, convert, orientation)


def _picture(mode: str, colors: list[tuple[int, int, int, int]]) -> tuple[Image.Image, NDArray[np.float64]]:
    """Four quarters of the colors in a mode, and what they are there: (2, 2, 4)."""
    small = Image.frombytes("RGBA", (2, 2), bytes(value for color in colors for value in color))
    if mode == "I;16":
        levels = np.asarray(small.convert("L"))
        stored = Image.fromarray(levels.astype(np.uint16) * 257)
        meant = np.stack([levels] * 3 + [np.full_like(levels, 255)], axis=-1)
    else:
        stored = small.quantize(4).convert("RGB").quantize(4) if mode == "P" else small.convert(mode)
        meant = np.asarray(stored.convert("L").convert("RGBA") if mode == "1" else stored.convert("RGBA"))
    return stored.resize((EDGE, EDGE), Image.Resampling.NEAREST), meant.astype(np.float64)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(cases(), st.lists(st.tuples(*[st.integers(0, 255)] * 4), min_size=4, max_size=4))
def test_what_is_read_is_what_was_meant(case: Case, colors: list[tuple[int, int, int, int]]) -> None:
    stored, meant = _picture(case.mode, colors)
    if case.format in {"TGA", "ICO"}:  # where all is 0, opacity is unused
        meant[..., 3] = 255 if not meant[..., 3].any() else meant[..., 3]
    if case.format in _OPAQUE:
        meant[..., 3] = 255
    if case.format in _TURNED and case.orientation in _UNDO:
        stored = stored.transpose(_UNDO[case.orientation])
    options = dict(_LOSSLESS.get(case.format, {}))
    if case.profile is not None:
        options["icc_profile"] = case.profile()
    if case.orientation > 1:
        options["exif"] = turned(case.orientation)
    icon = decode(encode(stored, case.format, **options), size=EDGE, background=TRANSPARENT)
    opacity = meant[..., 3:]
    shown = np.concatenate([case.convert(meant[..., :3]) * opacity / 255, opacity], axis=-1)
    quarter = EDGE // 4
    read = icon.pixels[quarter :: 2 * quarter, quarter :: 2 * quarter].astype(np.float64)
    seen = np.where(opacity <= 4, 0, shown)  # so faint a pixel counts as nothing
    assert np.abs(read - seen).max() <= _LOSSY.get(case.format, 3), (read, seen)
