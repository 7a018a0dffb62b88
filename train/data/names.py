"""Names that come from a stranger's files, in whatever encoding, made safe to show and to write."""

import re
import unicodedata
from collections.abc import Iterable

_RUN = re.compile(r"[^\x00-\x7f]+")
_LONE_LETTER = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f](?![^\x00-\x7f])|(?<![^\x00-\x7f])[^\x00-\x7f](?=[A-Za-z])")


def printable(name: str) -> str:
    """A file name that is safe to show: control characters, and bytes that are no text, become "?"."""
    return "".join(character if character.isprintable() else "?" for character in name)


def slug(text: str) -> str:
    """Lower-case ASCII words joined by hyphens, for file and folder names: "Grinning Face!" -> "grinning-face"."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")[:60].strip("-")


def encoding_of(names: Iterable[bytes]) -> str:
    """The encoding of names that do not say it: utf-8, cp932 (Shift-JIS of Windows), or cp437, which reads anything.

    A single Japanese character within a word of Latin letters is none: it is a letter with an accent, in cp437.
    """
    joined = b"\n".join(names)
    for encoding in ("utf-8", "cp932"):
        try:
            text = joined.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8" or 2 * len(_LONE_LETTER.findall(text)) <= len(_RUN.findall(text)):
            return encoding
    return "cp437"


def decoded(name: str) -> str:
    """A name of a file system or a tar, where Python keeps bytes that are no UTF-8 as lone surrogates."""
    raw = name.encode("utf-8", "surrogateescape")
    return raw.decode(encoding_of([raw]), "replace")
