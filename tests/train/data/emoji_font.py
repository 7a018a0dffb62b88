"""A small color emoji font, made by hand, so that fonts are tested on machines that have none."""

import io
import struct
from collections.abc import Collection, Mapping
from pathlib import Path

from PIL import Image

SIZE = 96  # pixels per em, and along the edge of a picture
LICENSE = "This Font Software is licensed under the SIL Open Font License, Version 1.1."


def write_font(
    path: Path,
    pictures: Mapping[str, Image.Image],
    license_: str = LICENSE,
    without_picture: Collection[str] = (),
) -> Path:
    """Write a TrueType font whose bitmaps (table "sbix") are the pictures of single characters; some have none."""
    characters = sorted(pictures)
    glyphs = [
        b"",
        *(b"" if each in without_picture else _png(pictures[each]) for each in characters),
    ]  # glyph 0 stands for missing ones
    count = len(glyphs)
    tables = {
        b"cmap": _cmap(characters),
        b"glyf": b"\0\0\0\0",
        b"head": struct.pack(
            ">4I2H2Q4h2H3h", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, 1000, 0, 0, 0, 0, 1000, 1000, 0, 8, 2, 1, 0
        ),
        b"hhea": struct.pack(">I3hH11hH", 0x10000, 1000, 0, 0, 1000, *[0] * 11, count),
        b"hmtx": struct.pack(">Hh", 1000, 0) * count,
        b"loca": bytes(4 * (count + 1)),
        b"maxp": struct.pack(">I14H", 0x10000, count, *[0] * 13),
        b"name": _name({1: "Test Emoji", 2: "Regular", 4: "Test Emoji", 13: license_}),
        b"sbix": _sbix(glyphs),
    }
    start = 12 + 16 * len(tables)
    directory, body = struct.pack(">I4H", 0x10000, len(tables), 128, 3, 16 * len(tables) - 128), b""
    for tag, table in tables.items():
        directory += struct.pack(">4s3I", tag, 0, start + len(body), len(table))
        body += table + bytes(-len(table) % 4)
    path.write_bytes(directory + body)
    return path


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.resize((SIZE, SIZE)).save(buffer, "PNG")
    return buffer.getvalue()


def _cmap(characters: list[str]) -> bytes:
    groups = b"".join(struct.pack(">3I", ord(text), ord(text), index) for index, text in enumerate(characters, start=1))
    table = struct.pack(">2H3I", 12, 0, 16 + len(groups), 0, len(characters)) + groups
    return struct.pack(">4HI", 0, 1, 3, 10, 12) + table


def _name(names: dict[int, str]) -> bytes:
    records, storage = b"", b""
    for key, text in names.items():
        raw = text.encode("utf-16-be")
        records += struct.pack(">6H", 3, 1, 0x409, key, len(raw), len(storage))
        storage += raw
    return struct.pack(">3H", 0, len(names), 6 + len(records)) + records + storage


def _sbix(glyphs: list[bytes]) -> bytes:
    data = [struct.pack(">2h4s", 0, 0, b"png ") + glyph if glyph else b"" for glyph in glyphs]
    offset = 4 + 4 * (len(data) + 1)
    offsets = [offset]
    for glyph in data:
        offset += len(glyph)
        offsets.append(offset)
    strike = struct.pack(f">2H{len(offsets)}I", SIZE, 72, *offsets) + b"".join(data)
    return struct.pack(">2H2I", 1, 1, 1, 12) + strike
