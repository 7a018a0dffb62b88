"""The one decoder: any image file, or its bytes, becomes an icon, or a sentence that says why not.

Nothing in a file is trusted: dimensions are checked before pixels are decoded, only pixel formats are opened (no
PostScript, no SVG), and every failure is a ``DecodeError``. Pictures that people attach in Discord are decoded in a
process of its own besides (`generator/decoder.py`).
"""

import io
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, UnidentifiedImageError

from generator.formats.picture import FormatError
from generator.formats.pixels import show
from generator.formats.reading import read_picture, stranger
from generator.gray import OTSU, Threshold, black_and_white, in_gray
from generator.transparency import clear_ringing

Color: TypeAlias = tuple[int] | tuple[int, int, int] | tuple[int, int, int, int]
"""What stands behind an icon: gray, or red, green and blue, 0..255, or TRANSPARENT.

Its length is that of the icon's pixels: on a gray, icons are gray.
"""

TRANSPARENT = (0, 0, 0, 0)
TRANSPARENT_CODE = "transparent"

FILE_LIMIT = 128 * 2**20  # bytes of one file: the largest collection, Fluent Emoji, has 99 MiB
PIXEL_LIMIT = 64_000_000  # pixels of one image, before anything is decoded
PIXEL_ART_COLORS = 32  # an image smaller than the icon with at most so many colors is enlarged in hard-edged blocks

# Formats that hold pixels. EPS and WMF are left out: Pillow hands them to other programs.
FORMATS = (
    *("PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP", "ICO", "CUR", "ICNS"),
    *("TIFF", "JPEG2000", "PPM", "QOI", "TGA", "XPM"),
)
HIDDEN = "the background hides it"
"""The note on a picture of which nothing is seen, as it has the color of what is behind it."""

_SEEN = 8  # levels that a color differs from the background by, where it can be seen
_NOT_AN_IMAGE = "not an image that can be read (PNG, JPEG, GIF, WebP, AVIF, BMP, ICO and TIFF can)"
_DAMAGED = "the image data is damaged or cut off"
# Pillow reports bombs and oddities through the warnings module, whose filters belong to the whole process.
_warnings_lock = threading.Lock()


class Cause(StrEnum):
    """The kinds of reasons, for who says them in words of their own."""

    EMPTY = "empty"
    BYTES = "bytes"
    PIXELS = "pixels"
    UNKNOWN = "unknown"
    SVG = "svg"
    DAMAGED = "damaged"
    MEMORY = "memory"
    TIME = "time"
    FILE = "file"


class DecodeError(Exception):
    """An image that cannot be used. ``str()`` is one sentence: the name, then the reason."""

    def __init__(self, name: str, reason: str, cause: Cause = Cause.DAMAGED) -> None:
        super().__init__(name, reason, cause)
        self.name = name
        self.reason = reason
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True)
class Decoded:
    """An icon, and what its file was.

    ``pixels``: uint8, (size, size, 3) RGB, (size, size, 4) premultiplied RGBA on TRANSPARENT, (size, size, 1) gray;
    ``mode``: the Pillow mode of the file; ``width``, ``height``: of the file as it is meant to be seen, in pixels;
    ``frames``: 1, or 2 where further ones follow the first, which is the icon; ``notes``: what was ignored, each as it
    goes on after the file's name.
    """

    pixels: NDArray[np.uint8]
    mode: str
    width: int
    height: int
    frames: int
    notes: tuple[str, ...] = ()


def decode(
    source: Path | bytes,
    *,
    size: int = 64,
    background: Color = (255, 255, 255),
    threshold: Threshold = None,
    name: str = "",
    formats: tuple[str, ...] = FORMATS,
    pixel_limit: int = PIXEL_LIMIT,
) -> Decoded:
    """Read an image and fit it into a square icon of ``size`` x ``size`` pixels on the background.

    ``threshold`` makes gray ones, those on a gray background, black and white; ``name`` is what the error calls the
    image (default: the file's name); ``formats`` are Pillow's names of those that are tried.
    Raises ``DecodeError``, and nothing else.
    """
    name = name or (source.name if isinstance(source, Path) else "the image")
    try:
        data = read_file(source, name) if isinstance(source, Path) else source
        if not data:
            raise DecodeError(name, "the file is empty", Cause.EMPTY)
        if len(data) > FILE_LIMIT:
            raise DecodeError(name, _too_many_bytes(len(data)), Cause.BYTES)
        with _warnings_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            try:
                return _decode(data, size, background, threshold, name, formats, pixel_limit)
            except (Image.DecompressionBombError, Image.DecompressionBombWarning):
                sentence = _too_many_pixels(*_claimed_size(data, formats), pixel_limit)
                raise DecodeError(name, sentence, Cause.PIXELS) from None
    except DecodeError:
        raise
    except UnidentifiedImageError:
        if _is_svg(data):
            raise DecodeError(name, "an SVG drawing, which has no pixels: export it as PNG", Cause.SVG) from None
        if any(_openers(data, formats)):
            raise DecodeError(name, _DAMAGED) from None
        raise DecodeError(name, stranger(data) or _NOT_AN_IMAGE, Cause.UNKNOWN) from None
    except MemoryError:
        raise DecodeError(name, "needs more memory than there is", Cause.MEMORY) from None
    except Exception as error:  # Pillow's readers raise nearly every built-in exception on damaged input
        raise DecodeError(name, _DAMAGED) from error


def read_file(path: Path, name: str) -> bytes:
    """The bytes of a regular file (a pipe or device would block), at most FILE_LIMIT + 1. Raises ``DecodeError``."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DecodeError(name, "not a file", Cause.FILE)
        if status.st_size > FILE_LIMIT:
            raise DecodeError(name, _too_many_bytes(status.st_size), Cause.BYTES)
        with path.open("rb") as file:
            return file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise DecodeError(name, f"cannot be opened ({error.strerror or error})", Cause.FILE) from None


def parse_color(text: str) -> Color:
    """Turn "#ffffff", "white", "rgb(255, 255, 255)" into (red, green, blue), 0..255.

    "transparent" is TRANSPARENT. ``ValueError``: one sentence.
    """
    if text.strip().lower() == TRANSPARENT_CODE:
        return TRANSPARENT
    try:
        color = ImageColor.getrgb(text.strip())
    except ValueError:
        message = f"{text!r} is not a color: write it as #rrggbb or as a name such as white"
        raise ValueError(message) from None
    if len(color) == 4:
        raise ValueError(f"{text!r} is half transparent: a background is opaque, such as #ffffff, or transparent")
    return color


def color_code(color: Color) -> str:
    """The code of a color, as `parse_color` reads it: "#ffffff" or "transparent"."""
    return TRANSPARENT_CODE if len(color) == 4 else "#{:02x}{:02x}{:02x}".format(*paper(color))


def gray_of(color: Color, threshold: Threshold = None) -> Color:
    """The gray that an opaque color is, as a background; black or white where there is a threshold."""
    level = in_gray(np.array(color, np.uint8))
    # One color alone asks for no threshold of its own: the middle decides.
    return (int(black_and_white(level, 0.5 if threshold == OTSU else threshold)[0]),)


def paper(background: Color) -> Color:
    """A background as Pillow takes it: red, green and blue for a gray; others stay."""
    return (background[0],) * 3 if len(background) == 1 else background


def fit(image: Image.Image, size: int, background: Color, threshold: Threshold = None) -> NDArray[np.uint8]:
    """Scale an RGB image into a square without stretching it, the rest is background: (size, size, 3) uint8.

    On TRANSPARENT the image is premultiplied (Pillow's RGBa), and so is what comes out: (size, size, 4). On a gray it
    comes out gray, (size, size, 1), and with a threshold in black and white.

    Larger images are scaled down by Lanczos. Smaller ones: pixel art (at most 32 colors) by whole-numbered blocks,
    which are averaged down when the factor is no whole number; others by bicubic.
    """
    longest = max(image.size)
    width, height = (max(1, round(side * size / longest)) for side in image.size)
    if longest > size:
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    elif longest < size and image.getcolors(PIXEL_ART_COLORS) is not None:
        factor = -(-size // longest)
        blocks = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
        image = blocks.resize((width, height), Image.Resampling.BOX)
    elif longest < size:
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    if (width, height) != (size, size):
        square = Image.new(image.mode, (size, size), paper(background))
        square.paste(image, ((size - width) // 2, (size - height) // 2))
        image = square
    pixels = np.array(image, dtype=np.uint8)
    if pixels.shape[2] == 4:  # where a filter overshoots, colors can come out above their opacity
        np.minimum(pixels[..., :3], pixels[..., 3:], out=pixels[..., :3])
        clear_ringing(pixels)
    return black_and_white(in_gray(pixels), threshold) if len(background) == 1 else pixels


def _decode(
    data: bytes,
    size: int,
    background: Color,
    threshold: Threshold,
    name: str,
    formats: tuple[str, ...],
    pixel_limit: int,
) -> Decoded:
    if formats is not FORMATS and not any(_openers(data, formats)):
        raise UnidentifiedImageError
    try:
        picture = read_picture(data)
    except FormatError as error:
        raise DecodeError(name, str(error) or _DAMAGED) from error
    with Image.open(io.BytesIO(picture.data), formats=formats) as image:
        width, height = (1, 1) if picture.place is None else picture.place[:2]
        width, height = max(width, image.width), max(height, image.height)
        if min(image.size) < 1:
            raise DecodeError(name, "has no pixels")
        if width * height > pixel_limit:
            raise DecodeError(name, _too_many_pixels(width, height, pixel_limit), Cause.PIXELS)
        mode = image.mode
        shown = show(image, picture, 8 * size)
        if image.width * image.height > pixel_limit:  # containers such as ICO learn the true size on loading
            raise DecodeError(name, _too_many_pixels(*image.size, pixel_limit), Cause.PIXELS)
        pixels = fit(_flatten(shown.image, paper(background)), size, background, threshold)
        notes = shown.notes
        if len(background) < 4 and shown.image.mode == "RGBA" and _vanishes(pixels, shown.image, background):
            notes = (*notes, HIDDEN)
        return Decoded(pixels, mode, shown.width, shown.height, shown.frames, notes)


def _vanishes(pixels: NDArray[np.uint8], image: Image.Image, background: Color) -> bool:
    """Whether nothing is seen of a transparent picture that is not empty."""
    apart = np.abs(pixels.astype(np.int16) - np.array(background, np.int16)).max()
    return bool(apart <= _SEEN) and image.getchannel("A").getextrema() != (0, 0)


def _flatten(image: Image.Image, background: Color) -> Image.Image:
    """RGB or RGBA to RGB: composited over the background where it is transparent.

    Compositing before any resampling keeps the colors hidden under transparent pixels out of the icon; over a constant
    background it equals resampling with premultiplied alpha, which is what TRANSPARENT gives (mode RGBa).
    """
    if len(background) == 4:
        return image.convert("RGBA").convert("RGBa")
    if image.mode == "RGB":
        return image
    flat = Image.new("RGB", image.size, background)
    flat.paste(image, mask=image.getchannel("A"))
    return flat


def _claimed_size(data: bytes, formats: tuple[str, ...]) -> tuple[int, int]:
    """The dimensions in the header of an image that Pillow refuses to open, (0, 0) where they cannot be read."""
    for opener in _openers(data, formats):
        try:
            with opener(io.BytesIO(data), "") as image:
                return image.size
        except Exception:  # noqa: S112 - a header that is damaged too is simply not quoted
            continue
    return (0, 0)


def _openers(data: bytes, formats: tuple[str, ...]) -> Iterator[Callable[[io.BytesIO, str], Image.Image]]:
    """What opens the formats that the first bytes are those of."""
    for name in formats:
        opener, accept = Image.OPEN.get(name, (None, None))
        if opener and accept and accept(data[:16]) is True:
            yield opener


def _too_many_pixels(width: int, height: int, limit: int) -> str:
    dimensions = f"{width:,} x {height:,}" if width and height else "too many"
    return f"{dimensions} pixels, more than the limit of {limit // 10**6} megapixels"


def _too_many_bytes(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB, more than the limit of {FILE_LIMIT // 2**20} MiB for one file"


def _is_svg(data: bytes) -> bool:
    head = data[:512].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    return head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!--", b"<!doctype")) and b"<svg" in head)
