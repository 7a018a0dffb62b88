"""Colors as a viewer shows them: from the color space that a file names to sRGB, by littleCMS.

Numbers that describe a color space (PNG's cICP, gAMA and cHRM, AVIF's nclx, BMP's endpoints) are written as an ICC
profile, so that there is one way only. Where viewers differ, Chromium is followed.
"""

import io
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Curve: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From stored values, 0..1, to linear light, 0..1."""

PROFILE_LIMIT = 16 * 2**20  # bytes of a profile; those of printing presses have up to 3 MiB
PADDING_LIMIT = 2**16  # bytes after a profile's end; more is not a profile
_LEAST_CONTRAST = 64  # levels between the black and the white of a profile that can be meant
_CURVE_POINTS = 4096
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])  # the white of ICC profiles
_D65, _D_C, _DCI = (0.3127, 0.329), (0.31, 0.316), (0.314, 0.351)
_BT709 = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
_SMPTE = (0.63, 0.34, 0.31, 0.595, 0.155, 0.07)
_P3 = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
_PRIMARIES: dict[int, tuple[float, ...]] = {  # ITU-T H.273, table 2: x and y of red, green, blue and white
    1: (*_BT709, *_D65),
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, *_D_C),
    5: (0.64, 0.33, 0.29, 0.6, 0.15, 0.06, *_D65),
    6: (*_SMPTE, *_D65),
    7: (*_SMPTE, *_D65),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *_D_C),
    9: (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, *_D65),
    11: (*_P3, *_DCI),
    12: (*_P3, *_D65),
    22: (0.63, 0.34, 0.295, 0.605, 0.155, 0.077, *_D65),
}
_SRGB_GAMMA = 0.45455  # of a gAMA chunk that means sRGB
# Light above that of paper has to fit below 255: as Chromium 150 shows gray, light 1 being 203 nits.
_BRIGHT = (0.0, 1.075, 1.558, 2.246, 3.229, 4.631, 5.2)
_SHOWN = (0.0, 0.533, 0.665, 0.784, 0.888, 0.982, 1.0)


class ProfileError(Exception):
    """A color space that cannot be meant; ``str()`` goes on after "its color profile"."""


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert what a profile describes to sRGB: L, RGB or CMYK to RGB, LA or RGBA to RGBA.

    Relative colorimetric, without black point compensation, as browsers do. The profile of a gray picture may be one of
    colors. Not for several threads at once: littleCMS remembers the last pixel. Raises ``ProfileError``.
    """
    gray, alpha = image.mode in {"L", "LA"}, image.mode in {"LA", "RGBA"}
    space = _space(profile)
    if space == "RGB " and gray:
        image = image.convert("RGBA" if alpha else "RGB")
    elif space != {"L": "GRAY", "LA": "GRAY", "CMYK": "CMYK"}.get(image.mode, "RGB "):
        raise ProfileError(f"is one of {space.strip()}, which the picture is not, and was ignored")
    mode = "L" if image.mode == "LA" else image.mode
    transform = _transform(profile, mode)
    if transform is None:
        return image.convert("RGBA" if alpha else "RGB")
    if image.mode != "LA":
        return _apply(image, transform)
    converted = _apply(image.getchannel("L"), transform)
    converted.putalpha(image.getchannel("A"))
    return converted


def gamma_profile(gamma: float, chromaticities: Sequence[float] = ()) -> bytes | None:
    """A profile by PNG's gAMA (1 / 2.2 = 0.45455) and cHRM, both as fractions; None: they mean sRGB.

    cHRM: x and y of white, red, green and blue. Raises ``ProfileError``.
    """
    if not chromaticities and abs(gamma - _SRGB_GAMMA) < 1e-4:
        return None
    if not 0.05 <= gamma <= 20:
        raise ProfileError("has an absurd gamma and was ignored")
    points = (*chromaticities[2:], *chromaticities[:2]) or _PRIMARIES[1]
    return matrix_profile(points, lambda values: np.power(values, 1 / gamma))


def cicp_profile(primaries: int, transfer: int) -> bytes | None:
    """A profile by code points (ITU-T H.273); None: they are unknown here, or mean sRGB."""
    points, curve = _PRIMARIES.get(primaries), _CURVES.get(transfer)
    if points is None or curve is None or (primaries, transfer) == (1, 13):
        return None
    return matrix_profile(points, curve)


def display_profile(colors: Sequence[float], gamma: float) -> bytes:
    """A profile by x and y of red, green and blue, on the white of daylight. Raises ``ProfileError``."""
    return matrix_profile((*colors, *_D65), lambda values: values**gamma)


def matrix_profile(chromaticities: Sequence[float], curve: Curve) -> bytes:
    """An ICC profile of three primaries (ICC.1:2001-04) with one curve for all.

    chromaticities: x and y of red, green, blue and white. Raises ``ProfileError``.
    """
    try:
        red, green, blue, white = (
            np.array((x / y, 1.0, (1 - x - y) / y))
            for x, y in zip(chromaticities[::2], chromaticities[1::2], strict=True)
        )
        colors = np.stack([red, green, blue], axis=1)
        matrix = colors * np.linalg.solve(colors, white)
        adapted = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD @ matrix
    except (ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
        raise ProfileError("has absurd primaries and was ignored") from error
    if not np.isfinite(adapted).all() or np.abs(adapted).max() > 100:
        raise ProfileError("has absurd primaries and was ignored")
    points = np.rint(curve(np.linspace(0, 1, _CURVE_POINTS)).clip(0, 1) * 65535).astype(">u2").tobytes()
    return _write_profile(
        {b"rXYZ": _xyz(adapted[:, 0]), b"gXYZ": _xyz(adapted[:, 1]), b"bXYZ": _xyz(adapted[:, 2]), b"wtpt": _xyz(_D50)}
        | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), struct.pack(">4sII", b"curv", 0, _CURVE_POINTS) + points)
    )


def _write_profile(tags: dict[bytes, bytes]) -> bytes:
    """Header, table and contents of a display profile of version 2.1; equal contents are written once."""
    contents = list(dict.fromkeys(tags.values()))
    starts = np.cumsum([128 + 4 + 12 * len(tags), *map(len, contents)]).tolist()
    places = dict(zip(contents, starts, strict=False))
    table = b"".join(struct.pack(">4sII", tag, places[content], len(content)) for tag, content in tags.items())
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x3I48x", starts[-1], 0x02100000, b"mntr", b"RGB ", b"XYZ ", b"acsp", *_s15(_D50)
    )
    return header + struct.pack(">I", len(tags)) + table + b"".join(contents)


def _xyz(color: NDArray[np.float64]) -> bytes:
    return struct.pack(">4sI3I", b"XYZ ", 0, *_s15(color))


def _s15(color: NDArray[np.float64]) -> list[int]:
    """Signed numbers of 16 bits before and after the point, as they are stored."""
    return [round(float(value) * 65536) & 0xFFFFFFFF for value in color]


def _space(profile: bytes) -> str:
    """The color space of a profile's pixels: "RGB ", "GRAY", "CMYK"."""
    if len(profile) < 132 or profile[36:40] != b"acsp":
        raise ProfileError("is damaged and was ignored")
    length = int.from_bytes(profile[:4], "big")
    if length > len(profile) or len(profile) - length > PADDING_LIMIT:
        raise ProfileError("is damaged and was ignored")
    return profile[16:20].decode("latin-1")


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From pixels of a mode (L, RGB, RGBA, CMYK) to sRGB; None where they are so already, up to rounding."""
    output = "RGBA" if mode == "RGBA" else "RGB"
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(opened, srgb, mode, output, intent, ImageCms.Flags.NONE)
    except Exception as error:  # Pillow's own error, and those of what it reads of a profile first
        raise ProfileError("is damaged and was ignored") from error
    probe = _probe(mode)
    shown = np.asarray(_apply(probe, transform))[..., :3].astype(int)
    black, white = (int(shown[0, place].sum()) // 3 for place in ((-1, 0) if mode == "CMYK" else (0, -1)))
    if white - black < _LEAST_CONTRAST:
        raise ProfileError("is absurd, as it shows white no brighter than black, and was ignored")
    if mode != "CMYK" and np.abs(shown - np.asarray(probe.convert("RGB")).astype(int)).max() <= 1:
        return None
    return transform


def _probe(mode: str) -> Image.Image:
    """Colors of all kinds, the first with all numbers 0, the last with all 255: one row."""
    levels = np.linspace(0, 255, 18 if mode != "L" else 256).round().astype(np.uint8)
    count = {"L": 1, "CMYK": 4}.get(mode, 3)
    if mode == "CMYK":
        levels = levels[::17]
    grid = np.stack(np.meshgrid(*[levels] * count, indexing="ij"), axis=-1).reshape(1, -1, count)
    if mode == "L":
        return Image.fromarray(grid[..., 0])
    image = Image.frombytes("CMYK" if mode == "CMYK" else "RGB", (grid.shape[1], 1), grid.tobytes())
    return image.convert("RGBA") if mode == "RGBA" else image


def _apply(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # noqa: S101 - for the type checker: only in place it returns nothing
    return converted


def _srgb(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _smpte240(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values < 0.091286, values / 4.0, ((values + 0.111572) / 1.111572) ** (1 / 0.45))


def _perceptual_quantizer(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084, shown on paper of 203 nits."""
    power = values ** (32 / 2523)
    nits = 10_000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (16384 / 2610)
    return np.interp(nits / 203, _BRIGHT, _SHOWN)


def _hybrid_log_gamma(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """ARIB STD-B67 on a display of 1,000 nits, shown on paper of 203 nits."""
    scene = np.where(values <= 0.5, values**2 / 3, (np.exp((values - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    return np.interp(scene**1.2 * 1000 / 203, _BRIGHT, _SHOWN)


_CURVES: dict[int, Curve] = {  # ITU-T H.273, table 3
    **dict.fromkeys((1, 6, 14, 15), lambda values: values**2.4),  # as displays of video do, ITU-R BT.1886
    4: lambda values: values**2.2,
    5: lambda values: values**2.8,
    7: _smpte240,
    8: lambda values: values,
    13: _srgb,
    16: _perceptual_quantizer,
    17: lambda values: values**2.6 * (52.37 / 48),
    18: _hybrid_log_gamma,
}
