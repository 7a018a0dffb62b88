"""Files that are broken, too large or no pictures: each is named, none does harm."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from generator.decode import FILE_LIMIT, DecodeError, decode
from tests.generator.test_decode import encode, png, quarters


@pytest.mark.parametrize("format_", ["PNG", "GIF", "JPEG", "BMP", "TIFF", "WEBP", "ICO", "PPM", "TGA", "QOI", "AVIF"])
def test_a_file_that_is_cut_off_is_named(format_: str) -> None:
    data = encode(quarters().resize((128, 128)), format_)
    for share in (0.02, 0.3, 0.6, 0.9):
        with pytest.raises(DecodeError, match=r"^half\.img: (not an image|the image data is damaged)"):
            decode(data[: int(len(data) * share)], name="half.img")


def test_a_png_with_a_flipped_bit_is_named() -> None:
    data = bytearray(encode(quarters()))
    data[data.index(b"IDAT") + 20] ^= 1
    with pytest.raises(DecodeError, match="damaged"):
        decode(bytes(data))


def test_a_header_that_claims_too_much_is_refused_before_decoding() -> None:
    with pytest.raises(DecodeError, match=r"^big\.png: 30,000 x 30,000 pixels, more than the limit of 64 megapixels$"):
        decode(png(30_000, 30_000, 8, 2, b""), name="big.png")


def test_a_real_bomb_is_refused(tmp_path: Path) -> None:
    """A genuine 12,000 x 8,000 image of a few kilobytes: Pillow itself only warns about it."""
    path = tmp_path / "bomb.png"
    path.write_bytes(png(12_000, 8_000, 1, 0, bytes(1501 * 8000)))
    assert path.stat().st_size < 20_000
    with pytest.raises(DecodeError, match=r"^bomb\.png: 12,000 x 8,000 pixels"):
        decode(path)


def test_a_gif_that_claims_too_much_is_refused() -> None:
    data = bytearray(encode(Image.new("P", (8, 8)), "GIF"))
    data[6:10] = struct.pack("<HH", 65535, 65535)
    with pytest.raises(DecodeError, match="65,535 x 65,535 pixels"):
        decode(bytes(data))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"This is text, not a picture.\n" * 20, "not an image"),
        (b'<?xml version="1.0"?>\n<svg width="3"/>', "an SVG drawing"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a PDF or PostScript page, which cannot be read"),
        (png(0, 5, 8, 2, b""), "has no pixels"),
    ],
)
def test_other_content_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=rf"^x\.png: {reason}"):
        decode(path)


def test_other_things_than_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match=r"^no\.png: cannot be opened \(No such file"):
        decode(tmp_path / "no.png")
    with pytest.raises(DecodeError, match="not a file"):
        decode(tmp_path)
    with pytest.raises(DecodeError, match=r"^null: not a file"):
        decode(Path("/dev/null"))


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(FILE_LIMIT + 1)
    with pytest.raises(DecodeError, match=r"^huge\.png: 128 MiB, more than the limit of 128 MiB"):
        decode(path)


FORMATS = ("PNG", "GIF", "JPEG", "BMP", "TIFF", "WEBP", "ICO", "PPM", "TGA", "QOI")


NOISE = Image.effect_noise((24, 20), 90)


SAMPLES = [encode(NOISE.convert("RGB"), format_) for format_ in FORMATS]
SAMPLES.append(encode(NOISE.convert("P"), "PNG", transparency=bytes(range(200))))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_never_break_it(data: bytes) -> None:
    check_only_decode_errors(data)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8),
    st.integers(0, 3000),
)
def test_damaged_images_never_break_it(sample: bytes, changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(sample)
    for position, value in changes:
        data[position % len(data)] = value
    check_only_decode_errors(bytes(data[:length]))


def check_only_decode_errors(data: bytes) -> None:
    message = ""
    try:
        assert decode(data, size=16, name="x").pixels.shape == (16, 16, 3)
    except DecodeError as error:
        message = str(error)
    assert message == "" or message.startswith("x: ")
    assert "\n" not in message
