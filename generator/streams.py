"""Output on terminals and in files that know few letters: what they lack becomes plain characters, never an error."""

import codecs
import io
import sys
import unicodedata

_NAME = "plain"
_PLAIN = {
    **dict.fromkeys("\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}─━╌╍═╸╺", "-"),
    **dict.fromkeys("│┃║╎╏", "|"),
    **dict.fromkeys("“”„«»", '"'),
    **dict.fromkeys("\u2018\u2019\u201a", "'"),
    "→": "->",
    "←": "<-",
    "±": "+/-",
    "\N{MULTIPLICATION SIGN}": "x",
    "·": ".",
    "•": "*",
    "≥": ">=",
    "≤": "<=",
    "✓": "v",
    "✗": "x",
    "ß": "ss",
    "\N{FRACTION SLASH}": "/",
}


def plain_streams() -> None:
    """From here on, stdout and stderr replace letters that their encoding lacks."""
    codecs.register_error(_NAME, _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_NAME)


def plain(text: str) -> str:
    """A text in ASCII, which every encoding has: lines as - | +, blocks as #, letters without accents, else "?"."""
    return "".join(map(_plain_letter, text))


def _plain_letter(letter: str) -> str:
    if letter.isascii() or letter in _PLAIN:
        return _PLAIN.get(letter, letter)
    if "\u2500" <= letter <= "\u257f":  # other parts of boxes
        return "+"
    if "\u2580" <= letter <= "\u259f":
        return "#"
    if "\u2800" <= letter <= "\u28ff":  # the spinner
        return "*"
    parts = unicodedata.normalize("NFKD", letter)
    return "".join(part if part.isascii() else _PLAIN.get(part, "") for part in parts) or "?"


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end
