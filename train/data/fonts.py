"""A color emoji font as a source of icons: which size its pictures have, under which license, and the drawing of them.

Fonts with bitmaps are read (CBDT as in Noto, sbix as in Apple's). Pillow draws nothing for glyphs that are only layered
outlines (COLR), whose own outline is empty, and does not know SVG; such fonts are refused.
"""

import struct
import sys
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from generator.decode import Color
from train.data.emoji import Emoji
from train.data.reading import Why

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
LARGEST_PICTURE = 1024  # pixels along an edge of an emoji; the largest bitmaps in use have 160
VARIATION_SELECTOR = "\ufe0f"  # asks for the emoji rather than the text form of a character
_ABSENT = "\U0001fffe"  # a noncharacter: no font has it, so it is drawn as "missing"
_NAME_COPYRIGHT, _NAME_LICENSE, _NAME_LICENSE_URL = 0, 13, 14  # OpenType, table "name"
_KNOWN_LICENSES = (
    ("sil open font license", "OFL-1.1"),
    ("scripts.sil.org/ofl", "OFL-1.1"),
    ("openfontlicense.org", "OFL-1.1"),
    ("apache license", "Apache-2.0"),
    ("apache.org/licenses", "Apache-2.0"),
    ("creativecommons.org/licenses/by/4.0", "CC-BY-4.0"),
    ("mit license", "MIT"),
)


class FontError(Exception):
    """A file that is no usable color emoji font; ``str()`` is the reason, without the file's name."""


@dataclass(frozen=True)
class EmojiFont:
    """A color font opened at the size of its pictures; ``sequences`` tells whether joined emoji can be drawn (Raqm)."""

    name: str
    license: str
    size: int
    sequences: bool
    face: ImageFont.FreeTypeFont
    characters: list[tuple[int, int]]
    """First and last of the characters that it has, sorted; empty where it does not say it in a way known here."""

    def has(self, character: str) -> bool:
        """Whether the font says that it has a character."""
        place = bisect_right(self.characters, (ord(character), sys.maxunicode)) - 1
        return place >= 0 and ord(character) <= self.characters[place][1]


def is_font(head: bytes) -> bool:
    """Whether a file that starts with these (at least 4) bytes is a TrueType or OpenType font or collection."""
    return head[:4] in {b"\x00\x01\x00\x00", b"OTTO", b"true", b"ttcf"}


def open_font(path: Path) -> EmojiFont:
    """Open a color emoji font. Raises ``FontError`` where it is damaged or has no color that Pillow can draw."""
    try:
        tables = _read_tables(path.read_bytes())
        size = _native_size(tables)
        names = _read_names(tables.get("name", b""))
        characters = _read_characters(tables.get("cmap", b""))
    except (struct.error, IndexError) as error:
        raise FontError("the font is damaged or cut off") from error
    except OSError as error:
        raise FontError(f"cannot be opened ({error.strerror or error})") from None
    sequences = bool(features.check("raqm"))
    layout = ImageFont.Layout.RAQM if sequences else ImageFont.Layout.BASIC
    try:
        face = ImageFont.truetype(path, size, layout_engine=layout)
    except OSError as error:
        raise FontError(f"FreeType cannot open the font ({error})") from None
    return EmojiFont(face.getname()[0] or path.stem, _license(names), size, sequences, face, characters)


def draw_emoji(font: EmojiFont, emojis: list[Emoji], background: Color) -> Iterator[tuple[Emoji, Image.Image | Why]]:
    """Draw each emoji at the font's own size on the background (RGB, or RGBa on TRANSPARENT), or say why it is none.

    One that the font lacks (LACKING) is told from one that it has, but only in a form that is not drawn (UNDRAWN).

    Raises ``FontError`` where the font is damaged as a whole.
    """
    try:
        missing = _picture(font, _ABSENT, background)
        widths = [font.face.getlength(emoji.text[0]) for emoji in emojis]
    except OSError as error:
        raise FontError(f"FreeType cannot draw with the font ({error})") from None
    widest = 1.5 * float(np.median(widths)) if widths else 0.0
    for emoji in emojis:
        try:
            picture = _draw(font, emoji, background, widest)
        except OSError:  # one damaged glyph
            picture = Why.UNDRAWN
        if picture is None or (isinstance(picture, Image.Image) and _equal(picture, missing)):
            picture = Why.UNDRAWN if font.has(emoji.text[0]) else Why.LACKING
        yield emoji, picture


def _draw(font: EmojiFont, emoji: Emoji, background: Color, widest: float) -> Image.Image | Why | None:
    """One emoji; None where nothing is drawn.

    A sequence that the font cannot join is lacking: it would stand side by side, wider than ``widest``. Without Raqm
    none is drawn.
    """
    text = emoji.text if font.sequences else emoji.text.replace(VARIATION_SELECTOR, "")
    if len(text) > 1 and not font.sequences:
        return Why.UNDRAWN
    return Why.LACKING if font.face.getlength(text) > widest else _picture(font, text, background)


def _picture(font: EmojiFont, text: str, background: Color) -> Image.Image | None:
    """The text on the background, cut to its box; None where nothing is drawn.

    Drawn on an opaque picture: on a transparent one Pillow would mix the glyph's soft edges with black. For the same
    reason the picture on black is premultiplied already, and what white shines through is the opacity that lacks.
    """
    left, top, right, bottom = (round(side) for side in font.face.getbbox(text))
    if not (0 < right - left <= LARGEST_PICTURE and 0 < bottom - top <= LARGEST_PICTURE):
        return None
    on = partial(_on, font, text, (left, top, right, bottom))
    if len(background) == 3:
        return on(background)
    colors = np.array(on(BLACK))
    alpha = 255 - (np.array(on(WHITE)).astype(np.int16) - colors).max(axis=2, keepdims=True).clip(0, 255)
    pixels = np.concatenate([np.minimum(colors, alpha), alpha], axis=2).astype(np.uint8)
    return Image.frombytes("RGBa", (right - left, bottom - top), pixels.tobytes())


def _on(font: EmojiFont, text: str, box: tuple[int, int, int, int], background: Color) -> Image.Image:
    left, top, right, bottom = box
    picture = Image.new("RGB", (right - left, bottom - top), background)
    ImageDraw.Draw(picture).text((-left, -top), text, font=font.face, embedded_color=True)
    return picture


def _equal(picture: Image.Image, missing: Image.Image | None) -> bool:
    return missing is not None and picture.size == missing.size and picture.tobytes() == missing.tobytes()


def _read_tables(data: bytes) -> dict[str, bytes]:
    """The tables of a font file by tag (OpenType, "Table Directory"); of a collection, those of its first font."""
    start = struct.unpack_from(">I", data, 12)[0] if data[:4] == b"ttcf" else 0
    (count,) = struct.unpack_from(">H", data, start + 4)
    tables: dict[str, bytes] = {}
    for index in range(count):
        tag, _, offset, length = struct.unpack_from(">4sIII", data, start + 12 + 16 * index)
        tables[tag.decode("latin-1")] = data[offset : offset + length]
    return tables


def _native_size(tables: dict[str, bytes]) -> int:
    """Pixels per em of the largest bitmaps. ``FontError`` where there are none."""
    sizes: list[int] = []
    if "CBDT" in tables and "CBLC" in tables:  # bitmapSizeTable: 48 bytes each, ppemY at byte 45
        table = tables["CBLC"]
        (count,) = struct.unpack_from(">I", table, 4)
        sizes = [table[8 + 48 * index + 45] for index in range(min(count, 256))]
    elif "sbix" in tables:  # offsets of the strikes, each of which starts with its ppem
        table = tables["sbix"]
        (count,) = struct.unpack_from(">I", table, 4)
        offsets = struct.unpack_from(f">{min(count, 256)}I", table, 8)
        sizes = [struct.unpack_from(">H", table, offset)[0] for offset in offsets]
    if sizes and 0 < max(sizes) <= LARGEST_PICTURE:
        return max(sizes)
    if "COLR" in tables or "SVG " in tables:
        raise FontError(
            "its colors are layered outlines or SVG (COLR, SVG), which Pillow cannot draw: "
            "take the font's bitmap (CBDT) version"
        )
    raise FontError("the font has no colors: it takes a color emoji font, such as Noto Color Emoji")


def _read_names(table: bytes) -> dict[int, str]:
    """Name id -> text of the "name" table, the English or Unicode entry where there are several."""
    names: dict[int, str] = {}
    if not table:
        return names
    _, count, storage = struct.unpack_from(">HHH", table)
    for index in range(count):
        platform, _, language, name, length, offset = struct.unpack_from(">6H", table, 6 + 12 * index)
        raw = table[storage + offset : storage + offset + length]
        text = raw.decode("mac-roman" if platform == 1 else "utf-16-be", errors="replace").strip()
        if text and (name not in names or (platform, language) == (3, 0x409)):
            names[name] = text
    return names


def _read_characters(table: bytes) -> list[tuple[int, int]]:
    """The characters of the table "cmap", formats 4 and 12, which fonts of emoji have."""
    found: set[tuple[int, int]] = set()
    (count,) = struct.unpack_from(">H", table, 2) if table else (0,)
    for index in range(min(count, 64)):
        (start,) = struct.unpack_from(">I", table, 4 + 8 * index + 4)
        (format_,) = struct.unpack_from(">H", table, start)
        if format_ == 4:
            (double,) = struct.unpack_from(">H", table, start + 6)
            ends = struct.unpack_from(f">{double // 2}H", table, start + 14)
            starts = struct.unpack_from(f">{double // 2}H", table, start + 16 + double)
            found |= {(first, last) for first, last in zip(starts, ends, strict=True) if first < 0xFFFF}
        elif format_ == 12:
            (groups,) = struct.unpack_from(">I", table, start + 12)
            places = range(start + 16, start + 16 + 12 * min(groups, len(table) // 12), 12)
            found |= {struct.unpack_from(">II", table, place) for place in places}
    return sorted(found)


def _license(names: dict[int, str]) -> str:
    """An SPDX identifier where the license is a known one, else its first line, else "unknown"."""
    texts = [names.get(key, "") for key in (_NAME_LICENSE, _NAME_LICENSE_URL, _NAME_COPYRIGHT)]
    for phrase, identifier in _KNOWN_LICENSES:
        if any(phrase in text.lower() for text in texts[:2]):
            return identifier
    first = next((text for text in texts if text), "unknown")
    return "".join(character for character in first.splitlines()[0][:120] if character.isprintable())
