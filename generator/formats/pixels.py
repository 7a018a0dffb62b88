"""What Pillow has read, as a viewer shows it: upright, on its canvas, with its opacity, in sRGB."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile

from generator.formats.bitmaps import is_opaque_tga
from generator.formats.color import ProfileError, to_srgb
from generator.formats.exif import orientation
from generator.formats.picture import Picture

Box: TypeAlias = tuple[int, int, int, int]

_ANIMATED = frozenset(("PNG", "GIF", "WEBP", "AVIF"))  # what holds frames, and not pages or sizes
_TURNED_BY_EXIF = frozenset(("JPEG", "MPO", "AVIF"))  # as in browsers; Pillow turns a TIFF itself
_SUBFILE_TYPE, _REDUCED = 254, 1  # of a page of a TIFF
_PAGES = 16  # of a TIFF that are looked at: counting them takes quadratic time
_TURNS = {  # orientation in EXIF -> the operation that turns the stored pixels upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Shown:
    """A picture as it is seen: ``image`` is RGB or RGBA in sRGB; ``width``, ``height``: of the file, in pixels."""

    image: Image.Image
    width: int
    height: int
    frames: int
    notes: tuple[str, ...]


def show(image: ImageFile.ImageFile, picture: Picture, edge: int) -> Shown:
    """Load what Pillow has opened; a JPEG that is far larger is read smaller, but not below ``edge`` pixels.

    Raises what Pillow raises.
    """
    _seek_picture(image)
    box = image.tile[0][1] if image.format == "GIF" and image.tile else None
    width, height = size = image.size
    if max(size) >= 2 * edge:
        image.draft(None, (edge, edge))
    image.load()
    if image.format not in {"JPEG", "MPO"}:  # only these are read smaller; others learn their size on loading
        width, height = image.size
    notes = list(picture.notes)
    colors = _in_srgb(_plain(image, picture), image, picture, notes)
    if box is not None and tuple(box) != (0, 0, *image.size):
        colors = _on_canvas(colors.crop(box), image.size, box[:2])
    if picture.place is not None:
        width, height = picture.place[:2]
        colors = _on_canvas(colors, picture.place[:2], picture.place[2:])
    turn = _orientation(image, picture)
    if turn in _TURNS:
        colors = colors.transpose(_TURNS[turn])
    if turn >= 5:  # a quarter turn
        width, height = height, width
    return Shown(colors, width, height, _frames(image, picture), tuple(notes))


def _seek_picture(image: Image.Image) -> None:
    """Go from a small copy that a TIFF may start with to the picture itself."""
    if image.format != "TIFF":
        return
    for page in range(_PAGES):
        try:
            image.seek(page)
        except EOFError:
            break
        if not image.tag_v2.get(_SUBFILE_TYPE, 0) & _REDUCED:  # type: ignore[attr-defined]  # of TIFF only
            return
    image.seek(0)


def _plain(image: Image.Image, picture: Picture) -> Image.Image:
    """Any mode to L, LA, RGB, RGBA or CMYK, deep gray scaled to 8 bits."""
    mode = image.mode
    if mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image.convert("RGB")
    if mode in {"I", "F"} or mode.startswith("I;16"):
        return _from_deep(image, is_inverted=picture.inverted)
    if image.has_transparency_data and not (picture.opaque or _is_unused(image, picture)):
        _align_transparency(image, picture)
        return image if mode in {"LA", "RGBA"} else image.convert("RGBA")
    if mode in {"1", "L", "LA", "La"}:
        return image.convert("L")
    return image if mode == "CMYK" else image.convert("RGB")


def _in_srgb(plain: Image.Image, image: Image.Image, picture: Picture, notes: list[str]) -> Image.Image:
    """By the first profile that can be used. A CMYK picture without one is mixed as plain inks."""
    if image.mode != "LAB":
        for profile in _profiles(image, picture, notes):
            try:
                return to_srgb(plain, profile)
            except ProfileError as error:
                notes.append(f"its color profile {error}")
    return plain.convert("RGBA" if plain.mode in {"LA", "RGBA"} else "RGB")


def _profiles(image: Image.Image, picture: Picture, notes: list[str]) -> list[bytes]:
    if picture.profiles:
        return picture.profiles
    found = image.info.get("icc_profile", b"") if image.format != "PNG" else b""
    if found is None:
        notes.append("its color profile is damaged and was ignored")
    return [found] if found else []


def _from_deep(image: Image.Image, *, is_inverted: bool) -> Image.Image:
    """Deep gray to L, or to LA where one of its values is not to be seen."""
    values = np.asarray(image)
    is_16 = image.mode.startswith("I;16") or (image.format == "PPM" and image.mode == "I")
    pixels = _to_bytes(values, "I;16" if is_16 else image.mode)
    gray = Image.fromarray(255 - pixels if is_inverted else pixels)
    hidden = image.info.get("transparency")
    if isinstance(hidden, int):
        gray.putalpha(Image.fromarray(np.where(values == hidden, 0, 255).astype(np.uint8)))
    return gray


def _to_bytes(values: NDArray[np.generic], mode: str) -> NDArray[np.uint8]:
    """Deep grey to 0..255, scaled. (H, W) of any number type -> (H, W) uint8.

    16-bit files span 0..65535 by definition. 32-bit integers and floats have no defined white: it is the smallest of 1
    (floats only), 255 and 65535 that holds every value; failing that, the values are stretched over their own range.
    """
    numbers = values.astype(np.float64)
    numbers[~np.isfinite(numbers)] = 0.0
    low, high = float(numbers.min()), float(numbers.max())
    whites = (65535.0,) if mode.startswith("I;16") else (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0)
    white = next((white for white in whites if low >= 0.0 and high <= white), None)
    if white is None:
        numbers -= low
        white = (high - low) or 1.0
    return np.asarray(np.rint(numbers * (255.0 / white)), dtype=np.uint8)


def _align_transparency(image: Image.Image, picture: Picture) -> None:
    """Scale a PNG's transparent color to 8 bits, as Pillow scales the pixels but not the color (PNG 11.3.2.1, tRNS)."""
    hidden = image.info.get("transparency")
    if image.format != "PNG":
        return
    depth = picture.data[24]  # bits per sample, in the IHDR chunk that every PNG starts with
    if image.mode == "L" and depth in {2, 4} and isinstance(hidden, int):
        image.info["transparency"] = hidden * 255 // (2**depth - 1)
    elif image.mode == "RGB" and depth == 16 and isinstance(hidden, tuple):
        image.info["transparency"] = tuple(sample >> 8 for sample in hidden)


def _is_unused(image: Image.Image, picture: Picture) -> bool:
    """Whether what looks like opacity is none: a TGA says so, a BMP leaves it all 0."""
    if image.format == "TGA" and is_opaque_tga(picture.data):
        return True
    return image.format in {"TGA", "BMP"} and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0)


def _on_canvas(colors: Image.Image, size: tuple[int, int], place: tuple[int, int]) -> Image.Image:
    canvas = Image.new("RGBA", size)
    canvas.paste(colors.convert("RGBA"), place)
    return canvas


def _orientation(image: Image.Image, picture: Picture) -> int:
    """1 (upright) where there is none, or browsers do not look at it."""
    if picture.orientation is not None:
        return picture.orientation
    exif = image.info.get("exif") if image.format in _TURNED_BY_EXIF else None
    return orientation(exif) if isinstance(exif, bytes) else 1


def _frames(image: Image.Image, picture: Picture) -> int:
    """2 where frames follow the first; 1 where none does, or those are damaged. Counting would read all of them."""
    if picture.frames is not None:
        return min(picture.frames, 2)
    try:
        return 2 if image.format in _ANIMATED and getattr(image, "is_animated", False) else 1
    except Exception:  # the first frame, which is the icon, is whole
        return 1
