"""Formats that say what their bytes mean, and Pillow does not ask: BMP, TGA, TIFF, WebP."""

import struct
from collections.abc import Iterator

from generator.formats.color import ProfileError, display_profile
from generator.formats.picture import Picture

BMP, TIFF = b"BM", (b"II*\0", b"MM\0*")
_MASKS_OF_BGRA = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
_RAW, _BITFIELDS = 0, 3
_CALIBRATED, _EMBEDDED = 0, 0x4D424544  # bV5CSType
_BITS, _PHOTOMETRIC, _SAMPLES, _SHORT = 258, 262, 277, 3
_ANIMATED, _HAS_OPACITY = 0x02, 0x10  # flags of VP8X
_TGA_END = b"TRUEVISION-XFILE.\0"


def read_bmp(data: bytes) -> Picture:
    """With opacity where the header has a mask of it, from version 3 on; with the color space of versions 4 and 5."""
    picture = Picture(data, profiles=[], orientation=1)
    header, bits = struct.unpack_from("<I10xH", data, 14) if len(data) >= 54 else (0, 0)
    if header >= 56 and bits == 32 and data[30:34] == b"\0\0\0\0" and data[54:70] == _MASKS_OF_BGRA:
        picture.data = data[:30] + _BITFIELDS.to_bytes(4, "little") + data[34:]
    if header < 108 or len(data) < 14 + header:
        return picture
    kind, *numbers = struct.unpack_from("<I9i3I", data, 70)
    if kind == _EMBEDDED and header >= 124:
        start, length = struct.unpack_from("<II", data, 14 + 112)
        picture.profiles = [data[14 + start : 14 + start + length]]
    elif kind == _CALIBRATED and any(numbers[:9]) and all(numbers[9:]):
        try:
            colors = [numbers[place + axis] / sum(numbers[place : place + 3]) for place in (0, 3, 6) for axis in (0, 1)]
            picture.profiles = [display_profile(colors, sum(numbers[9:]) / 3 / 2**16)]
        except (ProfileError, ZeroDivisionError):
            picture.notes.append("its color profile has absurd primaries and was ignored")
    return picture


def read_tiff(data: bytes) -> Picture:
    """Gray of 16 bits whose zero is white, which Pillow reads the wrong way or not at all, comes as zero is black."""
    picture = Picture(data)
    order, head = ("<" if data.startswith(b"II") else ">"), data[4:8].ljust(4, b"\0")
    (start,) = struct.unpack(order + "I", head)
    fields = {tag: (value, place) for tag, value, place in _tiff_shorts(data, start, order)}
    if (
        fields.get(_PHOTOMETRIC, (1,))[0] == 0
        and fields.get(_BITS, (0,))[0] == 16
        and fields.get(_SAMPLES, (1,))[0] == 1
    ):
        place = fields[_PHOTOMETRIC][1]
        picture.data = data[:place] + struct.pack(order + "H", 1) + data[place + 2 :]
        picture.inverted = True
    return picture


def read_webp(data: bytes) -> Picture:
    """An animation whose frames are opaque is nevertheless empty where its first one does not lie."""
    if data[12:16] == b"VP8X" and data[20] & _ANIMATED:
        data = data[:20] + bytes([data[20] | _HAS_OPACITY]) + data[21:]
    return Picture(data)


def is_opaque_tga(data: bytes) -> bool:
    """Whether no bit of a pixel is opacity, as the header or the extension of version 2 says."""
    if data.endswith(_TGA_END) and len(data) >= 26:
        place = int.from_bytes(data[-26:-22], "little") + 494
        if place > 494 and data[place : place + 1] in {b"\0", b"\1", b"\2"}:
            return True
    return data[17] & 0x0F == 0


def _tiff_shorts(data: bytes, start: int, order: str) -> Iterator[tuple[int, int, int]]:
    """Tag, value and place of the single short numbers of a directory."""
    if start + 2 > len(data):
        return
    (count,) = struct.unpack_from(order + "H", data, start)
    for index in range(min(count, (len(data) - start - 2) // 12)):
        place = start + 2 + 12 * index
        tag, kind, length = struct.unpack_from(order + "HHI", data, place)
        if (kind, length) == (_SHORT, 1):
            yield tag, struct.unpack_from(order + "H", data, place + 8)[0], place + 8
