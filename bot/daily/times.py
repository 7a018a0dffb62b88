"""What people type for a time of day and for weekdays, read into what a schedule needs."""

from __future__ import annotations

import re
import unicodedata
from datetime import time
from typing import TYPE_CHECKING

from bot.daily.calendar import EVERY_DAY
from bot.daily.card import GROUPS, WEEKDAYS, weekday_words
from bot.talk.answering import Refusal
from bot.talk.texts import SOURCE_LOCALE
from bot.talk.words import code

if TYPE_CHECKING:
    from bot.talk.texts import Texts

_TIME = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?\s*(?:([ap])\.?m\.?)?", re.IGNORECASE)
_SHORTEST = 2
"""Latin letters of a weekday's name that are enough; in Japanese, one character is."""


def read_time(typed: str) -> time:
    """Read `9`, `9:00`, `18.30`, `18h30`, `6:30 pm`, also in full-width characters. Raises Refusal."""
    plain = unicodedata.normalize("NFKC", typed).strip()
    match = _TIME.fullmatch(plain)
    if match is not None and plain.isascii():
        hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").lower()
        if half and 1 <= hour <= 12:
            hour, half = hour % 12 + (12 if half == "p" else 0), ""
        if not half and hour < 24 and minute < 60:
            return time(hour, minute)
    raise Refusal("error.time", time=code(typed))


def read_weekdays(typed: str | None, texts: Texts, locale: str) -> frozenset[int]:
    """Read `mon-fri`, `sat sun`, `every day` and the like; None is every day. Monday is 0. Raises Refusal.

    Names may be shortened and stand in the person's language or in English; a range may go over Sunday.
    """
    if typed is None:
        return EVERY_DAY
    words = " ".join(unicodedata.normalize("NFKC", typed).casefold().split())
    for language in (locale, SOURCE_LOCALE):
        for days, key in GROUPS.items():
            if words == texts.say(key, language).casefold():
                return days
    chosen: set[int] = set()
    for part in filter(None, re.split(r"[\s,;+&、]+", re.sub("\\s*[-\N{EN DASH}~]\\s*", "-", words))):
        first, *more = [_weekday(name, texts, locale) for name in part.split("-")]
        last = more[0] if more else first
        if first is None or last is None or len(more) > 1:
            raise Refusal("error.weekdays", days=code(typed))
        chosen.update((first + step) % 7 for step in range((last - first) % 7 + 1))
    if not chosen:
        raise Refusal("error.weekdays", days=code(typed))
    return frozenset(chosen)


def suggest_weekdays(typed: str, texts: Texts, locale: str) -> list[str]:
    """The usual choices and the single days that hold what was typed; what can be read already comes first."""
    wanted = " ".join(typed.casefold().split())
    usual = [texts.say(key, locale) for key in (*GROUPS.values(), *WEEKDAYS)]
    found = [words for words in usual if wanted in words.casefold()]
    try:
        read = weekday_words(read_weekdays(typed, texts, locale), texts, locale)
    except Refusal:
        return found
    return [read, *(words for words in found if words != read)]


def _weekday(name: str, texts: Texts, locale: str) -> int | None:
    if len(name) < (_SHORTEST if name.isascii() else 1):
        return None
    for language in (locale, SOURCE_LOCALE):
        for day, key in enumerate(WEEKDAYS):
            if texts.say(key, language).casefold().startswith(name):
                return day
    return None
