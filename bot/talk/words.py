"""Small pieces of text on the cards: seeds as code, links to messages."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

ZERO_WIDTH_JOINER = "\u200d"
"""Holds the parts of an emoji together, so it stays although it prints nothing."""

MODIFIER_GRAVE = "\u02cb"
"""Looks like a backtick, and does not end the code."""


ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"
"""Around a text that runs from right to left, so that it does not turn what stands beside it around."""

_RIGHT_TO_LEFT = {"R", "AL", "AN"}


def code(text: str) -> str:
    """What a person typed, as inline code: no markup in it works, no invisible character can turn the line around."""
    shown = f"`{_visible(text)}`"
    return f"{ISOLATE}{shown}{END_OF_ISOLATE}" if _runs_left(text) else shown


def plain(text: str) -> str:
    """The same for places without markup: alt text, select options."""
    shown = _visible(text)
    return f"{ISOLATE}{shown}{END_OF_ISOLATE}" if _runs_left(text) else shown


def is_shown(text: str) -> bool:
    """Whether `code` shows a text as it is, so that who types what is shown types the same."""
    return _visible(text) == text


def _visible(text: str) -> str:
    shown = "".join(letter for letter in text if letter.isprintable() or letter == ZERO_WIDTH_JOINER)
    return shown.replace("`", MODIFIER_GRAVE).strip() or "…"


def _runs_left(text: str) -> bool:
    return any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in text)


def link(text: str, guild_id: int | None, channel_id: int | None, message_id: int | None) -> str:
    """A link to a message, or the bare text when it is not known where the message stands."""
    if channel_id is None or message_id is None:
        return text
    return f"[{text}](https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id})"


@dataclass(frozen=True)
class MessageLink:
    """What a person pasted to name a message."""

    message_id: int
    guild_id: int | None = None
    """None also for a conversation without a server."""
    place_known: bool = False
    """False for a bare id, which says nothing of the place."""


_LINK = re.compile(
    r"<?(?:https?://(?:\w+\.)?discord(?:app)?\.com/channels/(?P<guild>\d{1,20}|@me)/\d{1,20}/|\d{15,20}-)?"
    r"(?P<message>\d{15,20})/?>?",
    re.ASCII,
)
_ID_LIMIT = 2**63


def read_link(text: str) -> MessageLink | None:
    """Read a message's link, its id, or the two ids that Discord copies with Shift; None for anything else."""
    match = _LINK.fullmatch(text.strip())
    if match is None or int(match["message"]) >= _ID_LIMIT:
        return None
    guild = match["guild"]
    return MessageLink(int(match["message"]), int(guild) if guild and guild != "@me" else None, guild is not None)


_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    """A row's id (>= 0) as it stands in a button; `int(text, 36)` reads it."""
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
        if not number:
            return digits
