"""Formats that browsers do not show, by what their specifications say; and what is told of files that are not read."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from generator.decode import TRANSPARENT, DecodeError, decode
from generator.formats.color import ProfileError, gamma_profile, matrix_profile, to_srgb
from tests.generator.formats.samples import (
    BLUE,
    COLOR,
    GREEN,
    RED,
    adobe,
    chunk,
    dib,
    encode,
    iccp,
    ico,
    p3,
    png,
    press,
)


def middle(data: bytes, size: int = 8) -> tuple[int, ...]:
    """The middle pixel, premultiplied: red, green, blue, opacity."""
    pixels = decode(data, size=size, background=TRANSPARENT).pixels
    return tuple(pixels[size // 2, size // 2].tolist())


def flat(mode: str, color: tuple[int, ...], edge: int = 8) -> Image.Image:
    return Image.new(mode, (edge, edge), color)


def icns(*blocks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack(">I", len(data) + 8) + data for kind, data in blocks)
    return b"icns" + struct.pack(">I", len(body) + 8) + body


def old_icon(edge: int, color: tuple[int, ...]) -> bytes:
    """Apple's old kind without its packing: three numbers for each pixel."""
    return bytes(color) * edge**2


@pytest.mark.parametrize(
    ("blocks", "color", "edge"),
    [
        ([(b"ic12", encode(flat("RGBA", (*GREEN, 255), 64), "PNG")), (b"ih32", old_icon(48, RED))], GREEN, 64),
        ([(b"ih32", old_icon(48, RED)), (b"icp4", encode(flat("RGBA", (*GREEN, 255), 16), "PNG"))], RED, 48),
        ([(b"ic11", encode(flat("RGB", GREEN, 32), "JPEG2000")), (b"is32", old_icon(16, RED))], GREEN, 32),
        ([(b"TOC ", bytes(8)), (b"il32", old_icon(32, BLUE))], BLUE, 32),
    ],
)
def test_of_an_apple_icon_the_largest_picture_is_read(
    blocks: list[tuple[bytes, bytes]], color: tuple[int, ...], edge: int
) -> None:
    icon = decode(icns(*blocks), size=8)
    assert (icon.width, tuple(icon.pixels[4, 4].tolist())) == (edge, color)


def test_a_picture_in_an_icon_file_has_its_colors() -> None:
    inside = encode(flat("RGBA", (234, 51, 35, 255), 32), "PNG", icc_profile=p3())
    for data in (ico((32, 32, inside)), icns((b"icp5", inside))):
        assert np.abs(np.array(middle(data)) - (255, 0, 0, 255)).max() <= 1


def test_a_larger_picture_than_the_list_of_an_icon_file_can_say() -> None:
    small = dib(32, bytes((*GREEN, 255)) * 1024)
    assert decode(ico((32, 32, small), (0, 32, encode(flat("RGBA", (*RED, 255), 300), "PNG")))).width == 300


def tiff(order: str, bits: int, level: int, polarity: int) -> bytes:
    """8 x 8 pixels of gray."""
    pixels = struct.pack(order + ("H" if bits == 16 else "B"), level) * 64
    shorts = {256: 8, 257: 8, 258: bits, 259: 1, 262: polarity, 277: 1, 278: 8}
    longs = {273: 8, 279: len(pixels)}
    start = 8 + len(pixels)
    fields = b"".join(
        struct.pack(order + "HHIHH", tag, 3, 1, shorts[tag], 0)
        if tag in shorts
        else struct.pack(order + "HHII", tag, 4, 1, longs[tag])
        for tag in sorted(shorts | longs)
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    return head + pixels + struct.pack(order + "H", 9) + fields + bytes(4)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("polarity", "shown"), [(0, 255 - 51), (1, 51)])
def test_whether_zero_is_white_in_a_tiff(order: str, polarity: int, shown: int) -> None:
    for bits, level in ((8, 51), (16, 51 * 257)):
        assert middle(tiff(order, bits, level, polarity)) == (shown, shown, shown, 255)


def test_a_small_copy_in_front_of_a_tiff_is_passed_over() -> None:
    pages = [flat("RGB", RED, 8), flat("RGB", GREEN, 32)]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:], tiffinfo={254: 1})
    assert middle(buffer.getvalue()) == (*RED, 255)  # all are small copies: then the first
    data = buffer.getvalue()
    tag = struct.pack("<HHII", 254, 4, 1, 1)
    last = data.rindex(tag)
    data = data[:last] + struct.pack("<HHII", 254, 4, 1, 0) + data[last + 12 :]
    icon = decode(data, size=8)
    assert (icon.width, icon.frames, tuple(icon.pixels[4, 4].tolist())) == (32, 1, GREEN)


def test_the_opacity_of_a_tga_is_what_its_header_says() -> None:
    data = bytearray(encode(flat("RGBA", (*COLOR, 128)), "TGA"))
    assert data[17] & 15 == 8
    assert middle(bytes(data))[3] == 128
    data[17] &= 0xF0
    assert middle(bytes(data)) == (*COLOR, 255)
    assert middle(encode(flat("RGBA", (*COLOR, 0)), "TGA")) == (*COLOR, 255)


def test_a_dark_picture_of_16_bits_stays_dark() -> None:
    assert middle(b"P5 8 8 65535\n" + struct.pack(">H", 200) * 64) == (1, 1, 1, 255)


def test_a_profile_in_jpeg_2000_is_used() -> None:
    plain = encode(flat("RGB", COLOR, 32), "JPEG2000", irreversible=False)
    start = plain.index(b"colr") - 4
    length = int.from_bytes(plain[start : start + 4], "big")
    box = b"colr\2\0\0" + adobe()
    header = plain.index(b"jp2h") - 4
    longer = int.from_bytes(plain[header : header + 4], "big") + len(box) + 4 - length
    data = plain[:header] + struct.pack(">I", longer) + plain[header + 4 : start]
    data += struct.pack(">I", len(box) + 4) + box + plain[start + length :]
    assert np.abs(np.array(middle(data)) - (227, 100, 42, 255)).max() <= 3


@pytest.mark.parametrize(
    ("color", "shown"),
    [
        ("c #c86432", (200, 100, 50)),
        ("c #f80", (255, 136, 0)),
        ("c #ffff80800000", (255, 128, 0)),
        ("c red", (255, 0, 0)),
        ("c Dark Slate Gray", (47, 79, 79)),
        ("c gray50", (127, 127, 127)),
        ("c gray", (190, 190, 190)),
        ("c SteelBlue3", (79, 148, 205)),
        ("s border m black c LightGoldenrod", (238, 221, 130)),
        ("m white", (255, 255, 255)),
        ("c none", None),
        ("c None", None),
    ],
)
def test_the_colors_of_an_xpm_have_the_names_of_x11(color: str, shown: tuple[int, ...] | None) -> None:
    head = f'/* XPM */\nstatic char *x[] = {{"4 4 2 1",\n"a {color}",  "b c blue",\n/* pixels */'
    data = head + '"aaaa","aaaa",\n"aaaa",\n"aaaa"};'
    assert middle(data.encode()) == ((0, 0, 0, 0) if shown is None else (*shown, 255))


def test_an_xpm_with_an_unknown_color_says_which() -> None:
    data = b'/* XPM */\nstatic char *x[] = {\n"1 1 1 1",\n"a c chartreux",\n"a"};'
    with pytest.raises(DecodeError, match=r"^x\.xpm: names a color that is not known: 'chartreux'$"):
        decode(data, name="x.xpm")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(40), "an HEIC photograph"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "a JPEG XL picture"),
        (b"8BPS\0\1" + bytes(40), "a Photoshop document"),
        (b"%PDF-1.7\n" + bytes(40), "a PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html><title>404</title>", "a web page"),
        (png(8, 2, bytes(COLOR), chunk(b"CgBI", bytes(4))), "a PNG packed for iPhones"),
        (b"GIF89a" + bytes(3), "the image data is damaged or cut off"),
        (icns((b"ic04", b"ARGB" + bytes(40))), "an Apple icon of a kind that cannot be read"),
    ],
)
def test_what_is_refused_is_refused_for_its_true_reason(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=f"^x: {reason}"):
        decode(data, name="x")


ABSURD = matrix_profile((0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329), lambda values: values * 0)


@pytest.mark.parametrize(
    ("profile", "note"),
    [
        (b"junk" * 50, "is damaged and was ignored"),
        (p3()[:-2000], "is damaged and was ignored"),
        (p3() + bytes(10**6), "is damaged and was ignored"),
        (press(), "is one of CMYK, which the picture is not, and was ignored"),
        (ABSURD, "is absurd, as it shows white no brighter than black, and was ignored"),
    ],
)
@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_a_profile_that_cannot_be_meant_is_ignored_with_a_note(profile: bytes, note: str, format_: str) -> None:
    data = encode(flat("RGB", COLOR), format_, icc_profile=profile, **({"quality": 95} if format_ == "JPEG" else {}))
    icon = decode(data, size=8)
    assert icon.notes == (f"its color profile {note}",)
    if format_ in {"PNG", "TIFF"}:
        assert tuple(icon.pixels[4, 4].tolist()) == COLOR


def test_a_profile_that_says_srgb_changes_no_pixel() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    icon = decode(encode(noise, "PNG", icc_profile=srgb))
    assert (icon.pixels == np.asarray(noise)).all()
    assert not icon.notes


def test_numbers_that_no_screen_has_are_refused() -> None:
    for numbers in ((0.3127, 0, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06), (0.3127, 0.329, *(0.3, 0.3) * 3)):
        with pytest.raises(ProfileError, match="absurd primaries"):
            gamma_profile(0.5, numbers)
    with pytest.raises(ProfileError, match="absurd gamma"):
        gamma_profile(0)
    assert gamma_profile(0.45455) is None
    with pytest.raises(ProfileError, match="is one of CMYK"):
        to_srgb(flat("RGB", COLOR), press())


def test_two_profiles_that_are_damaged_leave_two_notes() -> None:
    icon = decode(png(8, 2, bytes(COLOR), iccp(b"junk") + chunk(b"gAMA", bytes(4))), size=8)
    assert icon.notes == (
        "its color profile (gAMA, cHRM) has an absurd gamma and was ignored",
        "its color profile is damaged and was ignored",
    )
