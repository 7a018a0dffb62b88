"""Times of day and weekdays in words: as people type them, and as they are told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import time

from bot.daily.calendar import EVERY_DAY
from bot.talk.refusals import Refusal
from bot.talk.texts import SOURCE_LOCALE, Texts
from bot.talk.words import code

WEEKDAYS = (
    "weekday.monday",
    "weekday.tuesday",
    "weekday.wednesday",
    "weekday.thursday",
    "weekday.friday",
    "weekday.saturday",
    "weekday.sunday",
)
"""The texts of the weekdays, Monday first."""

WORKDAYS, WEEKEND = frozenset(range(5)), frozenset({5, 6})

GROUPS = {EVERY_DAY: "weekday.every", WORKDAYS: "weekday.workdays", WEEKEND: "weekday.weekend"}
"""Choices of weekdays that have a name of their own."""

_WORDS = ("time.noon", "time.midnight", "time.hour", "time.minute", "time.am", "time.pm")
"""The texts of words that a time is typed with, several of them joined by commas."""

_TIME = re.compile(r"(?P<hour>\d{1,2}) ?(?:h|[:.h] ?(?P<minute>\d{2}))?")
_DIGITS = re.compile(r"(?P<hour>\d{1,2})(?P<minute>\d{2})")  # 900, 0900, 2130
_SHORTEST = 2
"""Latin letters of a weekday's name that are enough; in Japanese, one character is."""


def read_time(typed: str, texts: Texts, locale: str) -> time:
    """Read `9`, `9:00`, `18.30`, `18h30`, `21h`, `0900`, `6:30 pm`, `noon`, also in full-width characters.

    Words may stand in the person's language or in English: `9 Uhr`, `midi`, `午後6時30分`. Raises Refusal.
    """
    plain, half = " ".join(unicodedata.normalize("NFKC", typed).casefold().split()), ""
    for language in (locale, SOURCE_LOCALE):
        noon, midnight, hours, minutes, *halves = (texts.say(key, language).casefold().split(", ") for key in _WORDS)
        if plain in noon or plain in midnight:
            return time(12 if plain in noon else 0)
        for letter, words in zip("ap", halves, strict=True):
            for word in words:
                if plain.startswith(word) or plain.endswith(word):
                    plain, half = plain.removeprefix(word).removesuffix(word).strip(), letter
        plain = re.sub(rf"(?<=\d) ?(?:{'|'.join(map(re.escape, hours))})(?: |$|(?=\d))", "h", plain)
        plain = re.sub(rf"(?<=\d) ?(?:{'|'.join(map(re.escape, minutes))})$", "", plain)
    match = _TIME.fullmatch(plain) or _DIGITS.fullmatch(plain)
    if match is not None and plain.isascii():
        hour, minute = int(match["hour"]), int(match["minute"] or 0)
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


def weekday_words(weekdays: Iterable[int], texts: Texts, locale: str) -> str:
    """Weekdays in words: a name for the usual choices, otherwise one after the other."""
    chosen = frozenset(weekdays)
    if chosen in GROUPS:
        return texts.say(GROUPS[chosen], locale)
    return ", ".join(texts.say(WEEKDAYS[day], locale) for day in sorted(chosen))


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
