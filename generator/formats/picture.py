"""What the readers of formats hand on: the bytes of one picture, and what its file says about it."""

from dataclasses import dataclass, field


class FormatError(Exception):
    """A file whose picture cannot be read; ``str()`` is the reason, empty where it is damaged or cut off."""


@dataclass
class Picture:
    """One picture, as Pillow is to read it."""

    data: bytes
    profiles: list[bytes] | None = None
    """ICC profiles by precedence; none: it is sRGB. None: Pillow finds them."""
    orientation: int | None = None
    """As in EXIF, 1 to 8; None: Pillow finds it."""
    place: tuple[int, int, int, int] | None = None
    """Width and height of the canvas, and left and top of the picture on it, in pixels; None: they are the same."""
    frames: int | None = None
    """Of the file; None: Pillow counts them."""
    opaque: bool = False
    """What looks like opacity is unused."""
    inverted: bool = False
    """Zero is white."""
    notes: list[str] = field(default_factory=list)
    """What was ignored, each as it goes on after the name of the file."""
