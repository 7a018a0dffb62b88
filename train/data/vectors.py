"""Vector icons: SVG becomes an icon, or a sentence that says why not. A process of its own draws (`renderer.py`)."""

from dataclasses import replace
from typing import Self

from generator.decode import Color, Decoded, DecodeError, decode
from generator.fence import EndedError, Fence, RefusedError
from generator.gray import Threshold
from train.data import renderer

SUPERSAMPLING = 3  # of an icon of some 64 pixels
MODE = "SVG"  # what the report calls such a file's mode

_TOO_SLOW = f"takes longer than {renderer.LIMITS.seconds} seconds to draw, as only a bomb does"
_SLOW_LIMIT = 20  # drawings that may take too long, before no more of them are tried
_TOO_MANY = f"not drawn: {_SLOW_LIMIT} drawings before it took longer than {renderer.LIMITS.seconds} seconds each"
_TOO_LARGE = "takes more memory to draw, or nests deeper, than any icon"


def is_vector(data: bytes) -> bool:
    """Whether a file is meant to be an SVG: XML, or gzipped, as no picture of pixels is."""
    head = data[:512].removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith((b"<", b"\xff\xfe<", b"\xfe\xff\0<", b"\x1f\x8b"))


class Renderer:
    """Draws SVG while entered; the process starts with the first drawing, and anew after one that ended it.

    `supersampling`: how many times as large as the icon it draws, before that is scaled down as pictures are.
    """

    def __init__(self, supersampling: int = SUPERSAMPLING) -> None:
        self._supersampling = supersampling
        self._fence = Fence(renderer.__name__)
        self._slow = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._fence.close()

    def draw(self, svg: bytes, *, size: int, background: Color, name: str, threshold: Threshold = None) -> Decoded:
        """Fit a drawing into an icon as `decode` does a picture; its width and height are those at this size.

        Raises ``DecodeError``, and nothing else.
        """
        drawn = self._render(svg, self._supersampling * size, name)
        picture = decode(drawn, size=size, background=background, threshold=threshold, name=name)
        width, height = (max(1, round(side / self._supersampling)) for side in (picture.width, picture.height))
        return replace(picture, mode=MODE, width=width, height=height)

    def _render(self, svg: bytes, edge: int, name: str) -> bytes:
        if self._slow >= _SLOW_LIMIT:
            raise DecodeError(name, _TOO_MANY)
        try:
            return self._fence.ask(renderer.REQUEST.pack(edge) + svg)
        except RefusedError as error:
            raise DecodeError(name, str(error)) from None
        except EndedError as error:
            self._slow += error.slow
            raise DecodeError(name, _TOO_SLOW if error.slow else _TOO_LARGE) from None
