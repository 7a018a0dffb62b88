"""Time zones by what a person types: IANA names, and the cities in them. The lists are read from disk once."""

from __future__ import annotations

import unicodedata
import zoneinfo
from functools import cache
from zoneinfo import ZoneInfo

from bot.talk.fitting import fit
from bot.talk.refusals import ServiceError

POPULAR = (
    "Europe/Berlin",
    "Europe/London",
    "Europe/Paris",
    "Europe/Madrid",
    "Europe/Warsaw",
    "Europe/Istanbul",
    "Europe/Moscow",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Toronto",
    "America/Mexico_City",
    "America/Sao_Paulo",
    "America/Argentina/Buenos_Aires",
    "Africa/Cairo",
    "Africa/Lagos",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Jakarta",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Asia/Seoul",
    "Australia/Sydney",
    "UTC",
)
"""Offered before anything is typed: as many as Discord shows."""

_REGIONS = {"Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}


class ZoneError(ServiceError):
    """A text that is no time zone. Parameters: `zone`, `near` (zones that may be meant)."""

    key = "error.zone"


@cache
def names() -> tuple[str, ...]:
    """All zones that have a place or are UTC; those of other kinds (`EST5EDT`, `Etc/GMT+3`) are old or misleading.

    Blocking at the first call.
    """
    known = zoneinfo.available_timezones()
    return tuple(sorted(name for name in known if name.partition("/")[0] in _REGIONS or name == "UTC"))


def suggest(typed: str, limit: int = 25) -> list[str]:
    """Zones for what was typed so far, the best first: the city's beginning, any word's beginning, anywhere."""
    wanted = _fold(typed)
    if not wanted:
        return list(POPULAR[:limit])
    ranked = []
    for name in names():
        folded = _fold(name)
        city = folded.rpartition("/")[2]
        if wanted in (city, folded):
            rank = 0
        elif city.startswith(wanted):
            rank = 1
        elif folded.startswith(wanted) or f" {wanted}" in f" {folded}".replace("/", " "):
            rank = 2
        elif wanted in folded:
            rank = 3
        else:
            continue
        ranked.append((rank, name not in POPULAR, name))
    return [name for _, _, name in sorted(ranked)[:limit]]


def read_zone(typed: str) -> str:
    """The IANA name of what was typed: a name in any case, or a city that only one zone has. Raises ZoneError."""
    wanted = _fold(typed)
    exact = [name for name in names() if _fold(name) == wanted]
    found = exact or [name for name in names() if _fold(name).rpartition("/")[2] == wanted]
    if len(found) == 1:
        return found[0]
    near = (found or suggest(typed, 3))[:3] or list(POPULAR[:3])
    raise ZoneError(f"There is no time zone {typed!r}.", zone=fit(typed, 60), near=", ".join(near))


@cache
def load_zone(name: str) -> ZoneInfo:
    """The zone of a name out of `names()`. Blocking at the first call. Raises ZoneError when it is no longer there."""
    try:
        return ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ZoneError(f"The time zone {name!r} is not known here.", zone=name, near=POPULAR[0]) from error


def _fold(text: str) -> str:
    """Case, accents, underscores and surplus spaces do not count: `são  paulo` is `Sao_Paulo`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(plain.replace("_", " ").casefold().split())
