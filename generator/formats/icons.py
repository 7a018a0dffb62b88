"""Icon files of Windows (ICO, CUR) and of Apple (ICNS): the largest of their pictures, of equal ones the deepest."""

import struct
from collections.abc import Iterator

from generator.formats.picture import FormatError, Picture
from generator.formats.png import MAGIC, read_png

ICO, CUR, ICNS = b"\0\0\1\0", b"\0\0\2\0", b"icns"
_ENTRY = struct.Struct("<BBBBHHII")
_DIB_HEADERS = {12, 40, 52, 56, 64, 108, 124}
_BITFIELDS = 3
_JPEG_2000, _CODESTREAM = b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"
_OLD_APPLE = {b"it32": 128, b"t8mk": 0, b"ih32": 48, b"h8mk": 0, b"il32": 32, b"l8mk": 0, b"is32": 16, b"s8mk": 0}
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # samples of a pixel by the color type in IHDR


def read_ico(data: bytes) -> Picture:
    """The picture that a file of icons or cursors is shown as. Raises ``FormatError`` where there is none."""
    _, picture = max(_ico_pictures(data), key=lambda each: each[0], default=((0, 0), b""))
    if not picture:
        raise FormatError
    if picture.startswith(MAGIC):
        return read_png(picture)
    return Picture(_single_ico(picture), profiles=[], orientation=1)


def read_icns(data: bytes) -> Picture | bytes:
    """The largest picture of an Apple icon: of PNG, as bytes of JPEG 2000, or of Apple's old kind."""
    best, best_side, old_side = b"", 0, 0
    old = []
    for kind, content in _icns_blocks(data):
        side = _side(content)
        if side > best_side:
            best, best_side = content, side
        if kind in _OLD_APPLE:
            old_side = max(old_side, _OLD_APPLE[kind])
            old.append(struct.pack(">4sI", kind, len(content) + 8) + content)
    if best_side >= max(old_side, 1):
        return read_png(best) if best.startswith(MAGIC) else best
    if not old_side:
        raise FormatError("an Apple icon of a kind that cannot be read: export it as PNG")
    body = b"".join(old)
    return Picture(struct.pack(">4sI", ICNS, len(body) + 8) + body, profiles=[], orientation=1)


def _ico_pictures(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Each picture, with its pixels and the bits of one; empty and of the listed size where it cannot be read.

    Else the listed size does not count, which may be wrong.
    """
    count = int.from_bytes(data[4:6], "little")
    for index in range(min(count, (len(data) - 6) // _ENTRY.size)):
        width, height, *_, length, start = _ENTRY.unpack_from(data, 6 + index * _ENTRY.size)
        picture = data[start : start + length]
        if picture.startswith(MAGIC) and len(picture) >= 33:
            width, height, depth, kind = struct.unpack_from(">IIBB", picture, 16)
            yield (width * height, depth * _PNG_SAMPLES.get(kind, 1)), picture
        elif len(picture) >= 16 and int.from_bytes(picture[:4], "little") in _DIB_HEADERS:
            width, height, bits = _dib_size(picture)
            yield (width * height, bits), picture
        else:
            yield ((width or 256) * (height or 256), 0), b""


def _dib_size(dib: bytes) -> tuple[int, int, int]:
    """Width and height of the picture without its mask, in pixels, and the bits of a pixel."""
    if dib[:4] == b"\x0c\0\0\0":
        width, height, _, bits = struct.unpack_from("<4H", dib, 4)
    else:
        width, height, _, bits = struct.unpack_from("<iiHH", dib, 4)
    return abs(width), abs(height) // 2, bits


def _single_ico(dib: bytes) -> bytes:
    """A file of this picture only, with a mask (none: all is seen), and with opacity only where it is used."""
    width, height, bits = _dib_size(dib)
    header = int.from_bytes(dib[:4], "little")
    colors = int.from_bytes(dib[32:36], "little") if header >= 40 else 0
    start = header + (12 if header == 40 and int.from_bytes(dib[16:20], "little") == _BITFIELDS else 0)
    start += (colors or 2**bits) * (3 if header == 12 else 4) if bits <= 8 else 0
    mask = start + (width * bits + 31) // 32 * 4 * height
    end = mask + (width + 31) // 32 * 4 * height
    if mask <= len(dib):
        dib = dib[:end].ljust(end, b"\0")
    if bits == 32 and not any(dib[start + 3 : mask : 4]):
        bits = 24  # of the list, where it says that the mask counts
    entry = _ENTRY.pack(width % 256, height % 256, 0, 0, 1, bits, len(dib), 6 + _ENTRY.size)
    return ICO + b"\1\0" + entry + dib


def _icns_blocks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 8
    while start + 8 <= len(data):
        kind, length = struct.unpack_from(">4sI", data, start)
        if length < 8:
            return
        yield kind, data[start + 8 : start + length]
        start += length


def _side(picture: bytes) -> int:
    """Pixels along the edge of a PNG or JPEG 2000; 0 of something else."""
    if picture.startswith(MAGIC) and len(picture) >= 33:
        return int.from_bytes(picture[16:20], "big")
    if picture.startswith((_JPEG_2000, _CODESTREAM)):
        start = picture.find(_CODESTREAM)  # then the length of SIZ, its capabilities, the width
        return int.from_bytes(picture[start + 8 : start + 12], "big") if start >= 0 else 0
    return 0
