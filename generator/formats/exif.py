"""The orientation in EXIF, which is all of it that a picture needs."""

from PIL import Image

_ORIENTATION_TAG = 0x0112


def orientation(exif: bytes) -> int:
    """How the picture is to be turned, 1 (not at all) to 8; 1 where it cannot be read."""
    try:
        found = Image.Exif()
        found.load(exif)
        value = found.get(_ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF says nothing about the pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
