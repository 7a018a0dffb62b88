"""PNG by its chunks (https://www.w3.org/TR/png-3/): what concerns the pixels goes on to Pillow, as a still picture.

So Pillow's limits for texts and profiles, and faults in them, cost no picture; the checksums of what does concern the
pixels are compared. Colors come by the precedence of the specification: cICP, iCCP, sRGB, then gAMA with cHRM.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from generator.formats.color import PROFILE_LIMIT, ProfileError, cicp_profile, gamma_profile
from generator.formats.exif import orientation
from generator.formats.picture import FormatError, Picture

MAGIC = b"\x89PNG\r\n\x1a\n"
_APPLE = "a PNG packed for iPhones by Apple's tools (CgBI), which other programs cannot read: export it anew"
_COLORS = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
_UNIT = 100_000  # of gAMA and cHRM


@dataclass(frozen=True)
class _Chunk:
    kind: bytes
    whole: memoryview
    """With length, kind and checksum."""
    complete: bool

    @property
    def content(self) -> memoryview:
        return self.whole[8:-4]

    def is_sound(self) -> bool:
        return self.complete and zlib.crc32(self.whole[4:-4]) == int.from_bytes(self.whole[-4:], "big")


def read_png(data: bytes) -> Picture:
    """The picture that browsers show: of an animation its first frame, which IDAT need not be.

    Raises ``FormatError`` where pixels, palette or header are damaged, cut off or missing.
    """
    chunks = list(_chunks(data))
    start = next((index for index, chunk in enumerate(chunks) if chunk.kind == b"IDAT"), None)
    if start is None:
        raise FormatError
    first: dict[bytes, _Chunk] = {}
    for chunk in chunks[:start]:
        first.setdefault(chunk.kind, chunk)
    if b"CgBI" in first:
        raise FormatError(_APPLE)
    if b"IHDR" not in first or len(first[b"IHDR"].content) != 13:
        raise FormatError
    if b"\0\0\0\0" in (first[b"IHDR"].content[:4], first[b"IHDR"].content[4:8]):
        raise FormatError("has no pixels")
    notes: list[str] = []
    beside = {kind: chunk for kind, chunk in first.items() if _is_usable(chunk, notes)}
    pixels = [chunk for chunk in chunks[start:] if chunk.kind == b"IDAT"]
    header, place, frames = bytes(first[b"IHDR"].content), None, 1
    if b"acTL" in beside and len(beside[b"acTL"].content) == 8:
        frame = first.get(b"fcTL")
        if frame is None:
            frame, data_chunks = _first_frame(chunks[start:])
            pixels = data_chunks or pixels
        frames = int.from_bytes(beside[b"acTL"].content[:4], "big") if frame is not None else 1
        if frame is not None:
            header, place = _place(header, frame.content)
    if not all(chunk.is_sound() for chunk in pixels):
        raise FormatError
    parts: list[bytes | memoryview] = [MAGIC, _chunk(b"IHDR", header)]
    parts += [beside[kind].whole for kind in (b"PLTE", b"tRNS") if kind in beside]
    parts += [_chunk(b"IDAT", chunk.content[4:]) if chunk.kind == b"fdAT" else chunk.whole for chunk in pixels]
    return Picture(
        b"".join((*parts, _chunk(b"IEND", b""))),
        profiles=list(_profiles({kind: bytes(chunk.content) for kind, chunk in beside.items()}, notes)),
        orientation=orientation(bytes(beside[b"eXIf"].content)) if b"eXIf" in beside else 1,
        place=place,
        frames=frames,
        notes=notes,
    )


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Up to the end of the picture or of the file, where one may be cut off."""
    view, start = memoryview(data), len(MAGIC)
    while start + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        if kind == b"IEND":
            return
        end = start + 12 + length
        yield _Chunk(kind, view[start:end], complete=end <= len(data))
        start = end


def _is_usable(chunk: _Chunk, notes: list[str]) -> bool:
    """Whether a chunk before the pixels is one to go by. Raises ``FormatError`` where nothing goes without it."""
    if chunk.kind not in (*_COLORS, b"IHDR", b"PLTE", b"tRNS", b"acTL", b"eXIf"):
        return False
    if chunk.is_sound():
        return True
    if chunk.kind in (b"IHDR", b"PLTE"):
        raise FormatError
    what = {b"tRNS": "transparency", b"acTL": "animation", b"eXIf": "orientation"}.get(chunk.kind, "color profile")
    notes.append(f"its {what} ({chunk.kind.decode()}) has a wrong checksum and was ignored")
    return False


def _first_frame(chunks: Sequence[_Chunk]) -> tuple[_Chunk | None, list[_Chunk]]:
    """The first frame after a picture that is not a part of the animation: its fcTL and fdATs, if they are whole."""
    start = next((index for index, chunk in enumerate(chunks) if chunk.kind == b"fcTL"), len(chunks))
    found = []
    for chunk in chunks[start + 1 :]:
        if chunk.kind == b"fcTL":
            break
        found += [chunk] if chunk.kind == b"fdAT" else []
    if not found or not all(chunk.is_sound() and len(chunk.content) >= 4 for chunk in (chunks[start], *found)):
        return None, []
    return chunks[start], found


def _place(header: bytes, frame: memoryview) -> tuple[bytes, tuple[int, int, int, int] | None]:
    """The header of a frame as a picture of its own, and its place on the canvas."""
    canvas = struct.unpack_from(">II", header)
    if len(frame) != 26:
        raise FormatError
    width, height, left, top = struct.unpack_from(">4I", frame, 4)
    if not (0 < width <= canvas[0] - left and 0 < height <= canvas[1] - top):
        raise FormatError
    place = None if (width, height) == canvas else (*canvas, left, top)
    return struct.pack(">II", width, height) + header[8:], place


def _profiles(chunks: dict[bytes, bytes], notes: list[str]) -> Iterator[bytes]:
    """What the colors are in, the best first, up to the point where they are said to be sRGB."""
    primaries, transfer, matrix, is_full = (*chunks.get(b"cICP", b""), 0, 0, 0, 0)[:4]
    if matrix == 0 and is_full == 1:
        if (primaries, transfer) == (1, 13):
            return
        if profile := cicp_profile(primaries, transfer):
            yield profile
    if b"iCCP" in chunks:
        try:
            packed = chunks[b"iCCP"].partition(b"\0")[2]
            yield zlib.decompressobj().decompress(packed[1:], PROFILE_LIMIT)
        except zlib.error:
            notes.append("its color profile (iCCP) is damaged and was ignored")
    gamma, chromaticities = chunks.get(b"gAMA", b""), chunks.get(b"cHRM", b"")
    if b"sRGB" in chunks or len(gamma) != 4:
        return
    try:
        points = struct.unpack(">8I", chromaticities) if len(chromaticities) == 32 else ()
        if profile := gamma_profile(int.from_bytes(gamma, "big") / _UNIT, [point / _UNIT for point in points]):
            yield profile
    except ProfileError as error:
        notes.append(f"its color profile (gAMA, cHRM) {error}")


def _chunk(kind: bytes, content: bytes | memoryview) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
