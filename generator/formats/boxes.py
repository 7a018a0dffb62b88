"""Files made of boxes: the color spaces of JPEG 2000 (ISO/IEC 15444-1) and AVIF (ISO/IEC 14496-12), of which Pillow
reads only AVIF's profile."""

import struct
from collections.abc import Iterator

from generator.formats.color import cicp_profile
from generator.formats.picture import Picture

JPEG_2000 = b"\0\0\0\x0cjP  \r\n\x87\n"
_WAYS = ((b"jp2h",), (b"meta", b"iprp", b"ipco"))
_HEADS = {b"meta": 4}  # bytes of version and flags before the boxes in a box


def read_boxes(data: bytes) -> Picture:
    """The file as it is, with its profile, or one by its code points; where it says neither, Pillow's."""
    profiles = []
    for way in _WAYS:
        for color in _inside(data, way, b"colr"):
            if color[:1] == b"\2" and way == (b"jp2h",):
                profiles.append(color[3:])
            elif color[:4] in {b"prof", b"rICC"}:
                profiles.insert(0, color[4:])
            elif color[:4] == b"nclx" and len(color) >= 8:
                profiles += filter(None, [cicp_profile(*struct.unpack_from(">HH", color, 4))])
    return Picture(data, profiles=profiles)


def _inside(data: bytes, way: tuple[bytes, ...], wanted: bytes) -> Iterator[bytes]:
    """The contents of the boxes of a kind, some levels deep."""
    for kind, content in _boxes(data):
        if way and kind == way[0]:
            yield from _inside(content[_HEADS.get(kind, 0) :], way[1:], wanted)
        elif not way and kind == wanted:
            yield content


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 0
    while start + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1 and start + 16 <= len(data):
            (length,), head = struct.unpack_from(">Q", data, start + 8), 16
        end = len(data) if length == 0 else start + length
        if end < start + head:
            return
        yield kind, data[start + head : end]
        start = end
