"""Names that come from a stranger's files, made safe to show and to write."""

import re
import unicodedata


def printable(name: str) -> str:
    """A file name that is safe to show: control characters, and bytes that are no text, become "?"."""
    return "".join(character if character.isprintable() else "?" for character in name)


def slug(text: str) -> str:
    """Lower-case ASCII words joined by hyphens, for file and folder names: "Grinning Face!" -> "grinning-face"."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")[:60].strip("-")
