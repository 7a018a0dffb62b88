"""Draws SVG in a process of its own, which `vectors.py` starts: a drawing may come from a stranger.

The renderer cannot be interrupted and dies on deep nesting, so it works behind `generator/fence.py`. Before drawing,
what would be missing from the picture (text, other files, scripts) and what only a bomb has is refused in words.

A request is the longest edge in pixels, then the SVG. An answer is a PNG.
"""

import math
import re
import struct
import zlib
from dataclasses import dataclass
from xml.parsers import expat

import resvg_py

from generator.fence import Limits, RefusedError, serve, without_files

REQUEST = struct.Struct(">I")

LIMITS = Limits(seconds=5, memory=2**30)  # a usual drawing takes a hundredth of a second
TEXT_LIMIT = 16 * 2**20  # bytes of one drawing, unpacked
DEPTH_LIMIT = 200  # elements within elements; the renderer overflows its stack somewhere below 300
DPI = 96  # pixels of an inch, as in CSS
ENTITY_LIMIT = 1000  # characters that an entity stands for; Illustrator's are addresses

_SVG = "http://www.w3.org/2000/svg"
_ENCODING = re.compile(rb"""^<\?xml[^>]*\sencoding\s*=\s*["']([A-Za-z0-9._-]+)""")
_LENGTH = re.compile(r"\s*([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*([a-z]*)\s*")
_PIXELS = {"": 1, "px": 1, "pt": DPI / 72, "pc": DPI / 6, "mm": DPI / 25.4, "cm": DPI / 2.54, "in": DPI, "em": 16}
_NOT_DRAWN = {
    "script": "a script in it is not run: save it as a plain SVG",
    "foreignObject": "a web page in it (foreignObject) is not drawn: save it as a plain SVG",
}


def unpack(data: bytes) -> str:
    """The text of an SVG, or of a gzipped one, in the encoding that it says. Raises RefusedError."""
    if data.startswith(b"\x1f\x8b"):
        try:
            data = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, TEXT_LIMIT + 1)
        except zlib.error:
            raise RefusedError("the packed drawing (svgz) is damaged") from None
    if len(data) > TEXT_LIMIT:
        raise RefusedError(f"more than the limit of {TEXT_LIMIT // 2**20} MiB for one drawing")
    declared = _ENCODING.match(data)
    encoding = declared[1].decode() if declared else "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        return data.decode(encoding).removeprefix("\ufeff").lstrip()
    except (LookupError, ValueError):
        raise RefusedError(f"its text is not {encoding.removesuffix('-sig')}") from None


@dataclass(frozen=True)
class Root:
    """The first tag of a drawing: its attributes, and where it begins in the text as UTF-8, in bytes."""

    attributes: dict[str, str]
    start: int

    def pixels(self, attribute: str) -> float:
        """A length in pixels, 0 where it is missing, relative or wrong."""
        found = _LENGTH.fullmatch(self.attributes.get(attribute, ""))
        try:
            length = float(found[1]) * _PIXELS.get(found[2], 0) if found else 0.0
        except ValueError:
            return 0.0
        return length if math.isfinite(length) else 0.0


def check(svg: str) -> Root:
    """The root of a drawing. Raises RefusedError unless it is whole in itself and no deeper than drawings are."""
    parser = expat.ParserCreate(namespace_separator=" ")
    check = _Check(parser)
    parser.buffer_text = True
    parser.StartElementHandler = check.start
    parser.EndElementHandler = check.end
    parser.CharacterDataHandler = check.characters
    parser.EntityDeclHandler = check.entity
    parser.ProcessingInstructionHandler = check.instruction
    try:
        parser.Parse(svg, True)
    except expat.ExpatError as error:
        raise RefusedError(f"not well-formed XML ({expat.ErrorString(error.code)}, line {error.lineno})") from None
    return check.root


class _Check:
    """What `check` looks for, as expat's handlers."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self._parser = parser
        self._open: list[str] = []
        self.root = Root({}, 0)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, element = name.rpartition(" ")
        if not self._open:
            self.root = Root(attributes, self._parser.CurrentByteIndex)
            if element != "svg":
                raise RefusedError(f"not an SVG drawing, but <{element}>")
        self._open.append(element if namespace in {"", _SVG} else "")
        if len(self._open) > DEPTH_LIMIT:
            raise RefusedError(f"elements are nested more than {DEPTH_LIMIT} deep, as only a bomb does")
        if namespace not in {"", _SVG}:
            return
        if element in _NOT_DRAWN and "switch" not in self._open:  # a switch has another branch for who cannot
            raise RefusedError(_NOT_DRAWN[element])
        for attribute, value in attributes.items():
            target = value.strip()
            if attribute.rpartition(" ")[2] == "href" and element != "a" and target[:5].lower() != "data:":
                _require_inside(target)

    def end(self, _name: str) -> None:
        self._open.pop()

    def characters(self, text: str) -> None:
        if self._open[-1] == "style" and "@import" in text:
            _require_inside("@import")
        if text.strip() and "text" in self._open:
            raise RefusedError("text in it takes a font: convert it to paths")

    def entity(self, name: str, _is_parameter: bool, value: str | None, *_origin: str | None) -> None:
        if value is None:
            _require_inside(f"entity {name}")
        elif "&" in value or len(value) > ENTITY_LIMIT:
            raise RefusedError("its entities unfold, as only those of a bomb do")

    def instruction(self, target: str, _data: str) -> None:
        if target == "xml-stylesheet":
            _require_inside(target)


def _require_inside(target: str) -> None:
    if target and not target.startswith("#"):
        raise RefusedError(f"it points to another file ({target[:60]!r}), which is not read: embed it")


def frame(root: Root) -> tuple[float, float] | None:
    """The width and height that a drawing asks for, as browsers see it; None where it leaves them to its content."""
    width, height = root.pixels("width"), root.pixels("height")
    try:
        _, _, *box = map(float, root.attributes["viewBox"].replace(",", " ").split())
        ratio = box[1] / box[0]
    except (KeyError, ValueError, IndexError, ZeroDivisionError):
        box, ratio = [0, 0], math.nan
    width, height = width or height / ratio or box[0], height or width * ratio or box[1]
    return (width, height) if 0 < width < math.inf and 0 < height < math.inf else None


def framed(svg: str, root: Root, edge: int) -> str:
    """The drawing within one whose longest edge has so many pixels.

    The renderer itself would first round the frame to whole pixels, and cut off or add what is lost by that.
    """
    size = frame(root)
    if size is None:
        return svg
    width, height = (max(1, round(side * (edge / max(size)))) for side in size)
    box = f"{root.pixels('x')} {root.pixels('y')} {size[0]} {size[1]}"
    outer = f'<svg xmlns="{_SVG}" width="{width}" height="{height}" viewBox="{box}" preserveAspectRatio="none">'
    data = svg.encode()
    return (data[: root.start] + outer.encode() + data[root.start :]).decode() + "</svg>"


def draw(data: bytes, edge: int) -> bytes:
    """Draw an SVG as a PNG whose longer side has ``edge`` pixels, transparent where nothing is. Raises RefusedError."""
    text = unpack(data)
    text = framed(text, check(text), edge)
    try:
        with without_files():
            return resvg_py.svg_to_bytes(svg_string=text, width=edge, height=edge, dpi=DPI, skip_system_fonts=True)
    except ValueError as error:
        if "nodes limit" in str(error):
            raise RefusedError("its elements repeat each other without end, as only those of a bomb do") from None
        raise RefusedError(f"cannot be drawn ({error})") from None


def _answer(request: bytes) -> bytes:
    return draw(request[REQUEST.size :], *REQUEST.unpack_from(request))


if __name__ == "__main__":
    serve(_answer, LIMITS)
