"""Pictures from people: decoded in a process of its own, which no file stops, drains or gets out of."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from generator import decoder as process
from generator.decode import TRANSPARENT, Cause, Color, DecodeError, decode
from generator.decoder import FORMATS, PIXEL_LIMIT, Decoder
from tests.generator.test_decode import encode, png, quarters

WHITE = (255, 255, 255)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as decoder:
        yield decoder


def cause(decoder: Decoder, data: bytes) -> Cause:
    with pytest.raises(DecodeError) as caught:
        decoder.decode(data, size=64, background=WHITE, name="x.png")
    assert str(caught.value).startswith("x.png: ")
    return caught.value.cause


def turned(format_: str) -> bytes:
    """A picture that lies on its side and says so, where its format can: reading that needs more of Pillow."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(quarters(), format_, exif=exif)


@pytest.mark.parametrize("background", [WHITE, TRANSPARENT])
@pytest.mark.parametrize("format_", [*FORMATS, "MPO"])
def test_it_sees_what_the_decoder_sees(decoder: Decoder, format_: str, background: Color) -> None:
    for data in (encode(quarters(), format_), turned(format_)):
        expected = decode(data, size=48, background=background).pixels
        assert np.array_equal(decoder.decode(data, size=48, background=background, name="x"), expected)


@pytest.mark.parametrize("format_", ["TIFF", "JPEG2000", "BMP", "ICO", "TGA", "PPM", "QOI"])
def test_formats_of_archives_are_none_of_a_chat(decoder: Decoder, format_: str) -> None:
    assert cause(decoder, encode(quarters(), format_)) is Cause.UNKNOWN


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _with(data: bytes, between: bytes) -> bytes:
    head = 33  # the signature and IHDR
    return data[:head] + between + data[head:]


def bomb(width: int, height: int, depth: int, color: int, row: int) -> bytes:
    return png(width, height, depth, color, bytes((row + 1) * height))


HOSTILE: dict[str, tuple[Callable[[], bytes], Cause]] = {
    "more pixels than an icon": (lambda: bomb(4097, 4096, 1, 0, 513), Cause.PIXELS),
    "a claim of pixels": (lambda: png(30_000, 30_000, 8, 2, b""), Cause.PIXELS),
    "cut off": (lambda: encode(quarters())[:100], Cause.DAMAGED),
    "empty": (lambda: b"", Cause.EMPTY),
    "a drawing": (lambda: b"<svg/>", Cause.SVG),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_gets_a_sentence_and_the_next_one_is_read(decoder: Decoder, name: str) -> None:
    make, expected = HOSTILE[name]
    assert cause(decoder, make()) is expected
    assert decoder.decode(encode(quarters()), size=16, background=WHITE, name="x").shape == (16, 16, 3)


def test_texts_beside_the_pixels_are_not_unpacked(decoder: Decoder) -> None:
    data = _with(encode(quarters()), chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50 * 2**20), 1)))
    assert decoder.decode(data, size=16, background=WHITE, name="x").shape == (16, 16, 3)


def test_the_largest_picture_that_is_taken_is_read(decoder: Decoder) -> None:
    """As deep as pictures are: the limit of memory is not in its way."""
    data = bomb(4096, 4096, 16, 0, 8192)
    assert PIXEL_LIMIT == 4096 * 4096
    assert not decoder.decode(data, size=64, background=WHITE, name="x").any()


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(FORMATS),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    st.integers(0, 2000),
)
def test_damage_is_a_sentence_or_a_picture(
    decoder: Decoder, format_: str, changes: list[tuple[int, int]], length: int
) -> None:
    data = bytearray(encode(quarters(), format_))
    for position, value in changes:
        data[position % len(data)] = value
    with suppress(DecodeError):
        assert decoder.decode(bytes(data[: length or None]), size=16, background=WHITE, name="x").shape == (16, 16, 3)


def test_it_opens_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opening(_: bytes, **__: object) -> None:
        (tmp_path / "secret").open()

    (tmp_path / "secret").touch()
    monkeypatch.setattr(process, "decode", opening)
    with pytest.raises(OSError, match="Too many open files"):
        process._answer(b'{"size": 1, "background": [0, 0, 0], "threshold": null}\n')
    (tmp_path / "secret").open().close()
