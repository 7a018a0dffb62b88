"""The decoder on real files of every kind: colors are kept, damage and bombs are sentences."""

import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from generator.decode import DecodeError, decode, parse_color

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encode(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, color_type: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG by hand, for what Pillow does not write."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def quarters(mode: str = "RGB") -> Image.Image:
    """Red, green over blue, white: 64 x 64."""
    image = Image.new("RGB", (64, 64), WHITE)
    for color, corner in ((RED, (0, 0)), (GREEN, (32, 0)), (BLUE, (0, 32))):
        image.paste(color, (*corner, corner[0] + 32, corner[1] + 32))
    return image.convert(mode)


def corners(pixels: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """The colors in the middle of the four quarters, by rows."""
    quarter, size = len(pixels) // 4, len(pixels)
    points = [(y, x) for y in (quarter, size - quarter) for x in (quarter, size - quarter)]
    return [tuple(int(value) for value in pixels[point]) for point in points]


def near(found: list[tuple[int, ...]], wanted: list[tuple[int, int, int]], by: int) -> bool:
    return bool(np.abs(np.array(found) - np.array(wanted)).max() <= by)


@pytest.mark.parametrize(
    ("format_", "options", "by"),
    [
        ("PNG", {}, 0),
        ("GIF", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("PPM", {}, 0),
        ("TGA", {}, 0),
        ("QOI", {}, 0),
        ("ICO", {"sizes": [(64, 64)]}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("JPEG", {"quality": 95}, 8),
        ("AVIF", {"quality": 95}, 16),
        ("JPEG2000", {}, 8),
    ],
)
def test_every_format_keeps_its_colors(format_: str, options: dict[str, object], by: int) -> None:
    icon = decode(encode(quarters(), format_, **options))
    assert icon.pixels.shape == (64, 64, 3)
    assert icon.pixels.dtype == np.uint8
    assert (icon.width, icon.height, icon.frames) == (64, 64, 1)
    assert near(corners(icon.pixels), [RED, GREEN, BLUE, WHITE], by)


@pytest.mark.parametrize(
    ("mode", "format_"),
    [
        ("P", "PNG"),
        ("P", "GIF"),
        ("RGBA", "PNG"),
        ("CMYK", "TIFF"),
        ("CMYK", "JPEG"),
        ("YCbCr", "TIFF"),
        ("PA", "TIFF"),
    ],
)
def test_color_modes_keep_their_colors(mode: str, format_: str) -> None:
    image = quarters().quantize(16).convert("RGBA").convert("PA") if mode == "PA" else quarters(mode)
    icon = decode(encode(image, format_))
    assert icon.mode == mode
    assert near(corners(icon.pixels), [RED, GREEN, BLUE, WHITE], 12)


def test_lab_keeps_its_colors() -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    image = ImageCms.applyTransform(quarters(), to_lab)
    assert image is not None
    icon = decode(encode(image, "TIFF"))
    assert icon.mode == "LAB"
    assert near(corners(icon.pixels), [RED, GREEN, BLUE, WHITE], 24)


@pytest.mark.parametrize("mode", ["1", "L", "LA"])
def test_grey_modes_keep_their_brightness(mode: str) -> None:
    image = Image.new("L", (64, 64), 255)
    image.paste(0, (0, 0, 32, 64))
    icon = decode(encode(image.convert(mode)))
    assert icon.mode == mode
    assert corners(icon.pixels) == [(0, 0, 0), WHITE] * 2


@pytest.mark.parametrize("transparency", [0, bytes([0, 255, 128, 255])], ids=["index", "bytes"])
def test_a_palette_with_transparency_keeps_colors_and_shows_the_background(transparency: int | bytes) -> None:
    """The trap of a palette read as grey, and of its alpha dropped by convert("RGB")."""
    image = Image.new("P", (64, 64))
    image.putpalette([*RED, *GREEN, *BLUE, *WHITE])
    image.paste(1, (32, 0, 64, 32))
    image.paste(2, (0, 32, 32, 64))
    image.paste(3, (32, 32, 64, 64))
    icon = decode(encode(image, transparency=transparency), background=(10, 20, 30))
    half_blue = (5, 10, 143) if isinstance(transparency, bytes) else BLUE
    assert icon.mode == "P"
    assert near(corners(icon.pixels), [(10, 20, 30), GREEN, half_blue, WHITE], 1)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey_shows_the_background_at_every_depth(depth: int) -> None:
    white = 2**depth - 1
    samples = {1: b"\x40", 2: b"\x30", 4: b"\x0f", 8: b"\x00\xff", 16: b"\x00\x00\xff\xff"}[depth]
    icon = decode(
        png(2, 1, depth, 0, b"\0" + samples, chunk(b"tRNS", struct.pack(">H", white))), size=2, background=RED
    )
    assert [tuple(pixel) for pixel in icon.pixels[0].tolist()] == [(0, 0, 0), RED]


def test_a_transparent_color_of_16_bits_shows_the_background() -> None:
    rows = b"\0" + struct.pack(">6H", 0x1234, 0x5678, 0x9ABC, 0xFFFF, 0, 0)
    icon = decode(
        png(2, 1, 16, 2, rows, chunk(b"tRNS", struct.pack(">3H", 0x1234, 0x5678, 0x9ABC))), size=2, background=BLUE
    )
    assert [tuple(pixel) for pixel in icon.pixels[0].tolist()] == [BLUE, RED]


@pytest.mark.parametrize(
    ("mode", "format_", "white"),
    [("I;16", "PNG", 65535), ("I;16", "TIFF", 65535), ("I", "TIFF", 65535), ("F", "TIFF", 1.0), ("F", "TIFF", 255.0)],
)
def test_deep_grey_is_scaled_not_clipped(mode: str, format_: str, white: float) -> None:
    ramp = np.tile(np.linspace(0, white, 64), (64, 1))
    kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
    icon = decode(encode(Image.fromarray(ramp.astype(kind)), format_))
    assert icon.mode == mode
    wanted = np.linspace(0, 255, 64)
    assert np.abs(icon.pixels[:, :, 0] - wanted).max() <= 1
    assert (icon.pixels[:, :, 0] == icon.pixels[:, :, 2]).all()


def test_deep_grey_without_a_known_white_is_stretched() -> None:
    ramp = np.tile(np.linspace(-5, 1e6, 64, dtype=np.float32), (64, 1))
    ramp[0, 0] = np.nan
    icon = decode(encode(Image.fromarray(ramp), "TIFF"))
    assert (icon.pixels[5, 0, 0], icon.pixels[5, -1, 0]) == (0, 255)


def test_an_animation_gives_its_first_frame_and_that_others_follow() -> None:
    frames = [Image.new("RGB", (64, 64), color) for color in (RED, GREEN, BLUE)]
    for format_ in ("GIF", "PNG", "WEBP", "TIFF"):
        data = encode(frames[0], format_, save_all=True, append_images=frames[1:])
        icon = decode(data)
        assert icon.frames == (1 if format_ == "TIFF" else 2), format_  # a TIFF has pages
        assert near(corners(icon.pixels), [RED] * 4, 3), format_


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_the_orientation_of_a_photograph_is_applied(orientation: int, format_: str) -> None:
    upright = quarters()
    upright.paste((0, 0, 0), (0, 0, 10, 10))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    icon = decode(encode(stored, format_, exif=exif))
    assert (icon.pixels == np.asarray(upright)).all()


def test_the_dimensions_are_those_of_the_upright_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    icon = decode(encode(Image.new("RGB", (80, 40), RED), "JPEG", exif=exif))
    assert (icon.width, icon.height) == (40, 80)
    assert tuple(icon.pixels[32, 0]) == WHITE


def test_hidden_colors_leave_no_fringe() -> None:
    """Green hides under the transparent part; mixed into the edge it would show between red and white."""
    image = Image.new("RGBA", (200, 200), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (50, 50, 151, 151))
    pixels = decode(encode(image)).pixels.astype(int)
    assert (pixels[:, :, 1] == pixels[:, :, 2]).all()
    assert (pixels[:, :, 0] >= 254).all()
    assert tuple(pixels[32, 32]) == RED


def test_half_transparent_pixels_mix_with_the_background() -> None:
    icon = decode(encode(Image.new("RGBA", (64, 64), (200, 100, 0, 128))), background=(0, 0, 100))
    assert near([tuple(icon.pixels[0, 0].tolist())], [(100, 50, 50)], 1)


@pytest.mark.parametrize(("width", "height"), [(128, 64), (64, 128), (30, 10), (1, 5000), (5000, 1)])
def test_other_shapes_are_padded_not_stretched(width: int, height: int) -> None:
    pixels = decode(encode(Image.new("RGB", (width, height), BLUE)), background=GREEN).pixels
    blue = (pixels == BLUE).all(axis=2)
    rows, columns = int(blue.any(axis=1).sum()), int(blue.any(axis=0).sum())
    longest = max(width, height)
    assert (columns, rows) == tuple(max(1, round(side * 64 / longest)) for side in (width, height))
    assert int(blue.sum()) == rows * columns
    assert (pixels[~blue] == GREEN).all()
    top, left = np.argwhere(blue)[0]
    assert abs((64 - rows) / 2 - top) < 1
    assert abs((64 - columns) / 2 - left) < 1


def test_an_icon_of_the_right_size_is_not_touched() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert (decode(encode(Image.fromarray(noise))).pixels == noise).all()


def test_pixel_art_is_enlarged_in_blocks() -> None:
    art = np.random.default_rng(0).integers(0, 2, (16, 16, 1), dtype=np.uint8).repeat(3, axis=2) * 255
    assert (decode(encode(Image.fromarray(art))).pixels == art.repeat(4, axis=0).repeat(4, axis=1)).all()


def test_pixel_art_of_an_odd_size_keeps_flat_blocks() -> None:
    art = Image.new("RGB", (24, 24), WHITE)
    art.paste(RED, (0, 0, 12, 24))
    pixels = decode(encode(art)).pixels
    assert (pixels[:, :32] == RED).all()
    assert (pixels[:, 32:] == WHITE).all()


def test_small_pictures_with_many_colors_are_enlarged_smoothly() -> None:
    ramp = np.tile(np.linspace(0, 252, 63).astype(np.uint8), (63, 1))
    steps = np.diff(decode(encode(Image.fromarray(ramp[:40, :40]))).pixels[32, :, 0].astype(int))
    assert steps.max() <= 4


def test_colors_have_names_and_numbers() -> None:
    assert parse_color("#fF8000") == (255, 128, 0)
    assert parse_color(" white ") == WHITE
    with pytest.raises(ValueError, match="'chartreux' is not a color"):
        parse_color("chartreux")
    with pytest.raises(ValueError, match="transparent"):
        parse_color("#ffffff80")


def test_threads_decode_beside_each_other_and_leave_the_warning_filters_alone() -> None:
    bomb, good = png(12_000, 8_000, 1, 0, b""), encode(quarters())

    def attempt(number: int) -> str:
        try:
            return str(corners(decode(bomb if number % 2 else good).pixels)[0])
        except DecodeError as error:
            return error.reason.partition(" pixels")[0]

    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(attempt, range(40)))
    assert found == ["(255, 0, 0)", "12,000 x 8,000"] * 20
    assert list(warnings.filters) == before
