"""XPM: the colors as X11 knows them by name and by numbers of any length, written as Pillow reads them."""

import re
from functools import cache
from importlib.resources import files

from PIL import ImageColor

from generator.formats.picture import FormatError, Picture

XPM = b"/* XPM */"
_STRING = re.compile(rb'"([^"\n]*)"')
_KEY = re.compile(rb"(?:^|\s)(c|m|g|g4|s)\s+")
_GRAY = re.compile(r"gr[ae]y(\d{1,3})")


def read_xpm(data: bytes) -> Picture:
    """A line for each string, with colors as #rrggbb. Raises ``FormatError`` where a color is not known."""
    strings = [match[1] for match in _STRING.finditer(data)]
    try:
        _, height, colors, letters = (int(number) for number in strings[0].split()[:4])
        lines = strings[1 : 1 + colors + height]
    except (ValueError, IndexError) as error:
        raise FormatError from error
    for index, line in enumerate(lines[:colors]):
        lines[index] = line[:letters] + b" c " + _color(line[letters:])
    body = b"".join(b'"' + line + b'",\n' for line in (strings[0], *lines))
    return Picture(XPM + b"\nstatic char *icon[] = {\n" + body + b"};\n", profiles=[], orientation=1)


def _color(text: bytes) -> bytes:
    """The color for screens that have colors; else that for gray ones, else that for black and white."""
    parts = _KEY.split(b" " + text.strip())
    found = {key: value.strip() for key, value in zip(parts[1::2], parts[2::2], strict=True)}
    color = next((found[key] for key in (b"c", b"g", b"g4", b"m") if key in found), b"")
    name = "".join(color.decode("ascii", "replace").lower().split())
    if name in {"none", "transparent"}:
        return b"None"
    digits, rest = divmod(len(name) - 1, 3)
    if re.fullmatch(r"#[0-9a-f]+", name) and not rest and 1 <= digits <= 4:
        samples = (int(name[1 + index * digits :][:digits], 16) for index in range(3))
        return b"#%02x%02x%02x" % tuple((sample * 510 // (16**digits - 1) + 1) // 2 for sample in samples)
    if (gray := _GRAY.fullmatch(name)) and int(gray[1]) <= 100:
        return b"#%02x%02x%02x" % ((int(int(gray[1]) * 2.55 + 0.5),) * 3)
    try:
        return _named()[name].encode()
    except KeyError:
        raise FormatError(f"names a color that is not known: {name[:40]!r}") from None


@cache
def _named() -> dict[str, str]:
    """#rrggbb by names of X11, lower-case and without spaces."""
    named = {name: "#{:02x}{:02x}{:02x}".format(*ImageColor.getrgb(name)[:3]) for name in ImageColor.colormap}
    for line in (files(__package__) / "x11-colors.txt").read_text("ascii").splitlines()[1:]:
        name, *values = line.split()
        numbers = [""] if len(values) == 1 else ["1", "2", "3", "4"]
        named |= {name + number: "#" + value for number, value in zip(numbers, values, strict=True)}
    return named
