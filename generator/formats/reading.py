"""Any file to the one picture that a viewer shows of it, by the reader of its format."""

from generator.formats.bitmaps import BMP, TIFF, read_bmp, read_tiff, read_webp
from generator.formats.boxes import JPEG_2000, read_boxes
from generator.formats.icons import CUR, ICNS, ICO, read_icns, read_ico
from generator.formats.picture import Picture
from generator.formats.png import MAGIC as PNG
from generator.formats.png import read_png
from generator.formats.xpm import XPM, read_xpm

_STRANGERS = (  # what is no picture that is read here, by its beginning: (start, bytes there, what it is)
    (4, (b"ftyphe", b"ftypmif1", b"ftypmsf1"), "an HEIC photograph, which cannot be read: export it as PNG or JPEG"),
    (0, (b"\xff\x0a", b"\0\0\0\x0cJXL "), "a JPEG XL picture, which cannot be read: export it as PNG"),
    (0, (b"8BPS",), "a Photoshop document, which cannot be read: export it as PNG"),
    (0, (b"%PDF-", b"%!PS"), "a PDF or PostScript page, which cannot be read: export it as PNG"),
    (0, (b"version https://git-lfs",), "a pointer of Git LFS, not the file itself: run git lfs pull"),
    (0, (b"<!doctype html", b"<html"), "a web page and not a picture, as a download that failed leaves"),
    (4, (b"ftypisom", b"ftypmp4", b"ftypqt"), "a video, which cannot be read: export a frame as PNG"),
    (0, (b"\x1a\x45\xdf\xa3",), "a video, which cannot be read: export a frame as PNG"),
)


def read_picture(data: bytes) -> Picture:
    """The picture in a file that viewers show. Raises ``FormatError``, and what reading beyond the end raises."""
    if data.startswith(PNG):
        return read_png(data)
    if data.startswith((ICO, CUR)) and data[4:6] != b"\0\0":  # else a TGA may begin with the same bytes
        return read_ico(data)
    if data.startswith(ICNS):
        found = read_icns(data)
        return found if isinstance(found, Picture) else read_picture(found)
    if data.startswith(JPEG_2000) or data[4:12] in {b"ftypavif", b"ftypavis", b"ftypmif1"}:
        return read_boxes(data)
    if data.startswith(BMP):
        return read_bmp(data)
    if data.startswith(TIFF):
        return read_tiff(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return read_webp(data)
    if data.startswith(XPM):
        return read_xpm(data)
    return Picture(data)


def stranger(data: bytes) -> str:
    """What a file is that cannot be read here; empty where that is not known."""
    head = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    for start, signs, what in _STRANGERS:
        if (head[start:].lower() if signs[0].startswith(b"<") else head[start:]).startswith(signs):
            return what
    return ""
