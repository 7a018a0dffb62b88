"""Small files as people have them, made here: one for each way in which a reader can go wrong."""

import io
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image

CASES = Path(__file__).parents[2] / "cases"
COLOR = (200, 100, 50)
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
SHARP: dict[str, object] = {"quality": 95, "subsampling": 0}
PALETTE = bytes((*RED, 0, *BLUE, 0))
TOP = bytes([255]) * 64 + bytes(64)
"""The mask of an icon of 32 x 32 pixels whose lower half is not seen; its rows go upwards."""


def encode(image: Image.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


@cache
def profile(name: str) -> bytes:
    """The profile in one of the cases."""
    with Image.open(CASES / name) as image:
        found = image.info["icc_profile"]
    assert isinstance(found, bytes)
    return found


def p3() -> bytes:
    return profile("color/p3-red.png")


def adobe() -> bytes:
    return profile("color/adobe-red.tif")


def gray() -> bytes:
    return profile("color/gray-linear.png")


def press() -> bytes:
    return profile("cmyk/cmyk-red.jpg")


def quarters() -> Image.Image:
    """Red, green over blue, white: 32 x 16 pixels."""
    image = Image.new("RGB", (32, 16), WHITE)
    for color, corner in ((RED, (0, 0)), (GREEN, (16, 0)), (BLUE, (0, 8))):
        image.paste(color, (*corner, corner[0] + 16, corner[1] + 8))
    return image


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def chunk(kind: bytes, data: bytes, *, damaged: bool = False) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) ^ damaged)


def png(depth: int, color_type: int, pixel: bytes, beside: bytes = b"", after: bytes = b"") -> bytes:
    """8 x 8 pixels of one color, by hand."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, depth, color_type, 0, 0, 0))
    rows = zlib.compress((b"\0" + pixel * 8) * 8)
    return b"\x89PNG\r\n\x1a\n" + header + beside + chunk(b"IDAT", rows) + after + chunk(b"IEND", b"")


def numbers(*values: float) -> bytes:
    """As gAMA and cHRM have them."""
    return struct.pack(f">{len(values)}I", *(round(value * 100_000) for value in values))


def iccp(data: bytes) -> bytes:
    return chunk(b"iCCP", b"x\0\0" + zlib.compress(data))


def colors_of_png() -> dict[str, bytes]:
    """What says which colors a PNG has, alone, together and damaged."""
    linear, usual = chunk(b"gAMA", numbers(1)), chunk(b"gAMA", numbers(0.45455))
    primaries = chunk(b"cHRM", numbers(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06))
    srgb, palette = chunk(b"sRGB", b"\0"), chunk(b"PLTE", bytes((0, 0, 0, *COLOR)))
    hidden = struct.pack(">3H", *COLOR)

    def cicp(*points: int) -> bytes:
        return chunk(b"cICP", bytes(points))

    beside = {
        "nothing": b"",
        "gamma of sRGB": usual,
        "linear": linear,
        "other gamma": chunk(b"gAMA", numbers(0.55556)),
        "primaries alone": primaries,
        "primaries and gamma": primaries + usual,
        "sRGB before gamma": srgb + linear,
        "profile": iccp(p3()),
        "profile before gamma": linear + iccp(p3()),
        "profile before sRGB": srgb + iccp(p3()),
        "code points before profile": cicp(12, 13, 0, 1) + iccp(adobe()),
        "BT.709": cicp(1, 1, 0, 1),
        "BT.2020": cicp(9, 14, 0, 1),
        "code points of sRGB": cicp(1, 13, 0, 1),
        "linear code points": cicp(1, 8, 0, 1),
        "gamma 2.2": cicp(1, 4, 0, 1),
        "gamma 2.8": cicp(1, 5, 0, 1),
        "BT.601": cicp(6, 13, 0, 1),
        "SMPTE 240": cicp(7, 7, 0, 1),
        "narrow range": cicp(12, 13, 0, 0),
        "unknown code points before profile": cicp(200, 13, 0, 1) + iccp(p3()),
        "damaged profile before gamma": iccp(b"junk" * 50) + linear,
        "profile cut off": iccp(p3()[:1000]),
        "gray profile": iccp(gray()),
        "press profile": iccp(press()),
        "two profiles": iccp(p3()) + iccp(adobe()),
        "padded profile": iccp(p3() + bytes(10_000)),
        "hidden color": chunk(b"tRNS", hidden),
        "hidden color, wrong checksum": chunk(b"tRNS", hidden, damaged=True),
    }
    made = {f"png: {name}": png(8, 2, bytes(COLOR), extra) for name, extra in beside.items()}
    made |= {f"png: bright {level}": png(8, 2, bytes([level] * 3), cicp(1, 16, 0, 1)) for level in (100, 150, 190, 220)}
    return made | {
        "png: profile after the pixels": png(8, 2, bytes(COLOR), after=iccp(p3())),
        "png: gray, profile of colors": png(8, 0, b"\x64", iccp(adobe())),
        "png: gray": png(8, 0, b"\x64", iccp(gray())),
        "png: gray, linear": png(8, 0, b"\x64", linear),
        "png: gray with opacity": png(8, 4, b"\x64\x80", iccp(gray())),
        "png: 16 bits": png(16, 2, struct.pack(">3H", *(257 * value for value in COLOR)), iccp(p3())),
        "png: palette": png(8, 3, b"\1", iccp(p3()) + palette),
        "png: palette before profile": png(8, 3, b"\1", palette + iccp(p3())),
        "png: opacity": png(8, 6, bytes((*COLOR, 128)), iccp(p3())),
        "png: no end": png(8, 2, bytes(COLOR))[:-12],
        "png: cut off behind the pixels": png(8, 2, bytes(COLOR))[:-12] + chunk(b"tEXt", b"a\0b" * 30)[:40],
    }


def frame(number: int, width: int, height: int, left: int = 0, top: int = 0) -> bytes:
    return chunk(b"fcTL", struct.pack(">5I2H2B", number, width, height, left, top, 1, 10, 0, 0))


def animations() -> dict[str, bytes]:
    """The first frame that is shown, and where it lies on its canvas."""

    def rows(side: int, color: tuple[int, ...]) -> bytes:
        return zlib.compress((b"\0" + bytes((*color, 255)) * side) * side)

    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 6, 0, 0, 0))
    default, end = chunk(b"IDAT", rows(32, RED)), chunk(b"IEND", b"")
    small = frame(0, 16, 16, 8, 8) + chunk(b"fdAT", struct.pack(">I", 1) + rows(16, GREEN))
    large = frame(2, 32, 32) + chunk(b"fdAT", struct.pack(">I", 3) + rows(32, BLUE))
    one, two = (chunk(b"acTL", struct.pack(">II", count, 0)) for count in (1, 2))
    frames = [Image.new("RGBA", (32, 32)), Image.new("RGBA", (32, 32), (*GREEN, 255))]
    frames[0].paste((*RED, 255), (8, 8, 24, 24))
    return {
        "png: animation without the default picture": head + one + default + small + end,
        "png: two frames without the default picture": head + two + default + small + large + end,
        "png: animation with the default picture": head + two + frame(0, 32, 32) + default + large + end,
        "png: animation that is announced late": head + default + one + small + end,
        "gif: a part of the canvas": gif((32, 32), (8, 8, 24, 24)),
        "gif: a part of the canvas, with opacity": gif((32, 32), (8, 8, 24, 24), hidden=3),
        "gif: larger than the canvas": gif((16, 16), (0, 0, 32, 32)),
        "webp: a part of the canvas": encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True),
    }


def gif(canvas: tuple[int, int], box: tuple[int, int, int, int], hidden: int | None = None) -> bytes:
    """One green frame; the color of number 0 is red."""
    size = (box[2] - box[0], box[3] - box[1])
    image = Image.new("P", size, 1)
    image.putpalette([*RED, *GREEN, *BLUE, *WHITE])
    data = encode(image, "GIF", optimize=False)
    start = data.index(b",")
    pixels = start + 10 + (3 << (data[start + 9] & 7) + 1 if data[start + 9] & 128 else 0)
    head = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0xF1, 0, 0) + bytes((*RED, *GREEN, *BLUE, *WHITE))
    control = b"!\xf9\4" + struct.pack("<BHBB", hidden is not None, 0, hidden or 0, 0)
    return head + control + b"," + struct.pack("<4HB", *box[:2], *size, 0) + data[pixels:]


def bmp(
    version: int, compression: int, opacity: int, space: int = 0, profile: bytes = b"", points: Sequence[int] = ()
) -> bytes:
    """32 bits of a pixel; the version is the length of the header: 40, 56, 108, 124."""
    pixels = bytes((*COLOR[::-1], opacity)) * 64
    head = struct.pack("<IiiHHIIiiII", version, 8, 8, 1, 32, compression, len(pixels), 2835, 2835, 0, 0)
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    if version > 40 or compression == 3:
        head += masks if version > 40 else masks[:12]
    if version >= 108:
        head += struct.pack("<I9i3I", space, *(points or [0] * 12))
    if version == 124:
        head += struct.pack("<4I", 0, 124 + len(pixels), len(profile), 0)
    start = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", start + len(pixels) + len(profile), 0, 0, start) + head + pixels + profile


def bitmaps() -> dict[str, bytes]:
    made = {
        f"bmp: version {version}, compression {compression}, opacity {opacity}": bmp(version, compression, opacity)
        for version in (40, 56, 108, 124)
        for compression in (0, 3)
        for opacity in (0, 128, 255)
    }
    colors = [(x, y, 1 - x - y) for x, y in ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))]
    points = [round(value * 2**30) for color in colors for value in color] + [round(2.2 * 2**16)] * 3
    return made | {
        "bmp: profile": bmp(124, 3, 255, 0x4D424544, p3()),
        "bmp: primaries": bmp(108, 3, 255, points=points),
    }


def dib(bits: int, pixels: bytes, mask: bytes = bytes(128), palette: bytes = b"") -> bytes:
    """32 x 32 pixels of an icon, with their mask."""
    header = struct.pack("<IiiHHIIiiII", 40, 32, 64, 1, bits, 0, 0, 0, 0, len(palette) // 4, 0)
    return header + palette + pixels + mask


def ico(*entries: tuple[int, int, bytes], kind: int = 1) -> bytes:
    """Edge, bits of a pixel as the list says, and the picture."""
    head, body, start = struct.pack("<HHH", 0, kind, len(entries)), b"", 6 + 16 * len(entries)
    for edge, bits, data in entries:
        head += struct.pack("<BBBBHHII", edge % 256, edge % 256, 0, 0, 1, bits, len(data), start + len(body))
        body += data
    return head + body


def icon_files() -> dict[str, bytes]:
    def deep(color: tuple[int, int, int], opacity: int) -> bytes:
        return bytes((*color[::-1], opacity)) * 1024

    flat = bytes(RED[::-1]) * 1024
    two_colors, red_24, green_32 = (
        (32, 1, dib(1, bytes(128), palette=PALETTE[4:] + PALETTE[:4])),
        (32, 24, dib(24, flat)),
        (32, 32, dib(32, deep(GREEN, 255))),
    )
    small, large = ((edge, 32, encode(Image.new("RGBA", (edge, edge), (255, 255, 0, 255)), "PNG")) for edge in (16, 32))
    made = {
        "opacity": ico((32, 32, dib(32, deep(RED, 128)))),
        "no opacity, but a mask": ico((32, 32, dib(32, deep(RED, 0), TOP))),
        "opacity and a mask": ico((32, 32, dib(32, deep(RED, 255), TOP))),
        "opacity that the list does not know": ico((32, 24, dib(32, deep(RED, 128)))),
        "opacity, no bits in the list": ico((32, 0, dib(32, deep(RED, 128)))),
        "opacity without a mask": ico((32, 32, dib(32, deep(RED, 128), b""))),
        "24 bits without a mask": ico((32, 24, dib(24, flat, b""))),
        "24 bits and a mask": ico((32, 24, dib(24, flat, TOP))),
        "8 bits and a mask": ico((32, 8, dib(8, b"\1" * 1024, TOP, PALETTE + bytes(4 * 254)))),
        "1 bit": ico(two_colors),
        "the deepest first": ico(green_32, red_24, two_colors),
        "the deepest last": ico(two_colors, red_24, green_32),
        "the largest, though not the deepest": ico(small, red_24),
        "equal, png first": ico(large, green_32),
        "equal, png last": ico(green_32, large),
    }
    cursors = {
        "the largest": ico((16, 5, small[2]), (32, 3, green_32[2]), kind=2),
        "opacity": ico((32, 5, dib(32, deep(RED, 128))), kind=2),
        "24 bits and a mask": ico((32, 5, dib(24, flat, TOP)), kind=2),
        "png": ico((32, 5, large[2]), kind=2),
        "1 bit": ico((32, 5, two_colors[2]), kind=2),
    }
    return {f"ico: {name}": data for name, data in made.items()} | {f"cur: {name}": d for name, d in cursors.items()}


def without_adobe(jpeg: bytes) -> bytes:
    """Without the marker that says how its inks are stored."""
    start = jpeg.index(b"\xff\xee")
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big") :]


def others() -> dict[str, bytes]:
    """JPEG, WebP, AVIF: orientations, inks, profiles that fit and that do not."""
    xmp = b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    flat, inks = Image.new("RGB", (32, 32), COLOR), Image.new("CMYK", (32, 32), (255, 51, 0, 0))
    level, glass = Image.new("L", (32, 32), 100), Image.new("RGBA", (32, 32), (*COLOR, 128))
    made = {}
    for orientation in range(1, 9):
        for kind, options in (("png", {}), ("jpg", SHARP), ("webp", {"lossless": True}), ("avif", {"quality": 95})):
            data = encode(quarters(), "JPEG" if kind == "jpg" else kind, exif=turned(orientation), **options)
            made[f"{kind}: orientation {orientation}"] = data
    plain = encode(quarters(), "PNG")
    avif = encode(flat, "AVIF", quality=95)
    point = avif.index(b"colrnclx") + 8
    made |= {f"avif: primaries {code}": avif[:point] + bytes((0, code)) + avif[point + 2 :] for code in (1, 9, 12)}
    return made | {
        "png: orientation behind the pixels": plain[:-12] + chunk(b"eXIf", turned(6).tobytes()[6:]) + plain[-12:],
        "jpg: orientation in XMP": encode(quarters(), "JPEG", xmp=xmp, **SHARP),
        "webp: orientation in XMP": encode(quarters(), "WEBP", xmp=xmp, lossless=True),
        "jpg: inks": encode(inks, "JPEG", quality=95),
        "jpg: inks without Adobe's marker": without_adobe(encode(inks, "JPEG", quality=95)),
        "jpg: inks, profile, no marker": without_adobe(encode(inks, "JPEG", quality=95, icc_profile=press())),
        "jpg: inks, profile of light": encode(inks, "JPEG", quality=95, icc_profile=p3()),
        "jpg: profile": encode(flat, "JPEG", quality=95, icc_profile=p3()),
        "jpg: press profile": encode(flat, "JPEG", quality=95, icc_profile=press()),
        "jpg: gray profile": encode(flat, "JPEG", quality=95, icc_profile=gray()),
        "jpg: gray": encode(level, "JPEG", quality=95, icc_profile=gray()),
        "jpg: gray, profile of colors": encode(level, "JPEG", quality=95, icc_profile=adobe()),
        "webp: opacity": encode(glass, "WEBP", lossless=True, icc_profile=p3()),
        "avif: profile": encode(flat, "AVIF", quality=95, icc_profile=p3()),
    }


def samples() -> dict[str, bytes]:
    """All that a browser shows, by "format: what it is"."""
    made = colors_of_png() | animations() | bitmaps() | icon_files() | others()
    for path in sorted(CASES.rglob("*")):
        if path.suffix in {".png", ".jpg", ".webp"} and path.stem not in {"bad-pixels", "cmyk-black"}:
            made[f"{path.suffix[1:]}: case {path.stem}"] = path.read_bytes()
    return made
