"""What Discord limits, and the one way to keep within it: texts end with an ellipsis, or go on in a next message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MESSAGE, LAYOUT = 2000, 4000
"""Characters of a message, and of all texts of a layout."""
ALT_TEXT, LABEL, BUTTON = 1024, 100, 80
"""Characters of a picture's description, of an option's or a choice's name, and of what stands on a button."""
CHOICES = 25
"""Choices of an option that are offered while somebody types."""
STICKER_DESCRIPTION, AUDIT_REASON = 100, 512

ELLIPSIS = "…"


def fit(text: str, limit: int) -> str:
    """The text, or as much of its beginning as fits, with an ellipsis."""
    return text if len(text) <= limit else text[: limit - len(ELLIPSIS)].rstrip() + ELLIPSIS


def pages(paragraphs: Iterable[str], limit: int = MESSAGE, between: str = "\n\n") -> Iterator[str]:
    """Paragraphs, as many on a page as fit; one that is longer than a page is cut."""
    page = ""
    for paragraph in paragraphs:
        whole = f"{page}{between}{paragraph}" if page else paragraph
        if page and len(whole) > limit:
            yield page
            whole = paragraph
        page = fit(whole, limit)
    if page:
        yield page


def shares(texts: Iterable[str], limit: int = LAYOUT) -> Iterator[str]:
    """Texts that have to do with a limit together: where it is reached, the text is cut, and those after it are gone.

    None is empty, as Discord takes no empty one.
    """
    for text in texts:
        fitting = fit(text, max(limit, len(ELLIPSIS)))
        limit -= len(fitting)
        yield fitting
