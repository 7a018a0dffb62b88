"""Time zones by what a person types: IANA names, cities, countries, abbreviations, distances from UTC."""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from zoneinfo import ZoneInfo

from bot.daily.cities import Place, atlas, fold
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

ABBREVIATIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("gmt", "utc", "z", "zulu", "ut", "greenwich"), ("UTC",)),
    **dict.fromkeys(("cet", "cest", "mez", "mesz", "hnec", "heec", "met"), ("Europe/Berlin",)),
    **dict.fromkeys(("eet", "eest", "oez", "oesz"), ("Europe/Athens",)),
    **dict.fromkeys(("wet", "west", "wez"), ("Europe/Lisbon",)),
    **dict.fromkeys(("msk",), ("Europe/Moscow",)),
    **dict.fromkeys(("trt",), ("Europe/Istanbul",)),
    **dict.fromkeys(("est", "edt", "et", "est5edt"), ("America/New_York",)),
    **dict.fromkeys(("cdt", "ct", "cst6cdt"), ("America/Chicago",)),
    **dict.fromkeys(("mst", "mdt", "mt", "mst7mdt"), ("America/Denver",)),
    **dict.fromkeys(("pst", "pdt", "pt", "pst8pdt"), ("America/Los_Angeles",)),
    **dict.fromkeys(("akst", "akdt"), ("America/Anchorage",)),
    **dict.fromkeys(("hst",), ("Pacific/Honolulu",)),
    **dict.fromkeys(("adt",), ("America/Halifax",)),
    **dict.fromkeys(("nst", "ndt"), ("America/St_Johns",)),
    **dict.fromkeys(("brt", "brst"), ("America/Sao_Paulo",)),
    **dict.fromkeys(("art",), ("America/Argentina/Buenos_Aires",)),
    **dict.fromkeys(("jst",), ("Asia/Tokyo",)),
    **dict.fromkeys(("kst",), ("Asia/Seoul",)),
    **dict.fromkeys(("hkt",), ("Asia/Hong_Kong",)),
    **dict.fromkeys(("sgt",), ("Asia/Singapore",)),
    **dict.fromkeys(("pht",), ("Asia/Manila",)),
    **dict.fromkeys(("wib",), ("Asia/Jakarta",)),
    **dict.fromkeys(("ict",), ("Asia/Bangkok",)),
    **dict.fromkeys(("pkt",), ("Asia/Karachi",)),
    **dict.fromkeys(("gst",), ("Asia/Dubai",)),
    **dict.fromkeys(("aest", "aedt"), ("Australia/Sydney",)),
    **dict.fromkeys(("acst", "acdt"), ("Australia/Adelaide",)),
    **dict.fromkeys(("awst",), ("Australia/Perth",)),
    **dict.fromkeys(("nzst", "nzdt"), ("Pacific/Auckland",)),
    **dict.fromkeys(("sast",), ("Africa/Johannesburg",)),
    **dict.fromkeys(("eat",), ("Africa/Nairobi",)),
    **dict.fromkeys(("wat",), ("Africa/Lagos",)),
    **dict.fromkeys(("cat",), ("Africa/Maputo",)),
    "bst": ("Europe/London", "Asia/Dhaka"),
    "cst": ("America/Chicago", "Asia/Shanghai", "America/Havana"),
    "ist": ("Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin"),
    "ast": ("America/Halifax", "Asia/Riyadh"),
}
"""The zones that an abbreviation may mean, the most likely first. Those of winter are also said in summer."""

_REGIONS = {"Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
_FAR_LARGER, _FAR_LARGER_PART = 5, 20
"""How many times the people of the next one a city has that is meant without saying so; and a part of a country."""
_CODE = 3
"""Letters that may be the code of an airport, and say less about the city than its size."""
_DISTANCE = re.compile(r"(?:utc|gmt)?([+-])(\d{1,2})(?::?([0-5]\d))?")
_BROKEN_HOURS = {  # zones without summer time that are no whole hours from UTC, by minutes
    -570: "Pacific/Marquesas",
    210: "Asia/Tehran",
    270: "Asia/Kabul",
    330: "Asia/Kolkata",
    345: "Asia/Kathmandu",
    390: "Asia/Yangon",
    525: "Australia/Eucla",
    570: "Australia/Darwin",
}


class ZoneError(ServiceError):
    """A text that is no time zone. Parameters: `zone`, `near` (zones that may be meant)."""

    key = "error.zone"


class AmbiguousZoneError(ZoneError):
    """A text that may mean several zones, `near`, the most likely first."""

    key = "error.zone_many"


@dataclass(frozen=True)
class Suggestion:
    """A zone that is offered, and the place that it is offered for, where that has another name."""

    zone: str
    place: str = ""

    @property
    def label(self) -> str:
        """As it is offered: "Europe/Berlin · Munich, DE"."""
        return " · ".join(filter(None, (zone_name(self.zone).replace("_", " "), self.place)))


@cache
def names() -> tuple[str, ...]:
    """All zones that have a place or are UTC; those of other kinds (`EST5EDT`, `Etc/GMT+3`) are old or misleading.

    Blocking at the first call.
    """
    known = zoneinfo.available_timezones()
    return tuple(sorted(name for name in known if name.partition("/")[0] in _REGIONS or name == "UTC"))


def zone_name(zone: str) -> str:
    """A zone as it is told: its IANA name, or its distance from UTC, which the name `Etc/GMT-1` has the other way."""
    if zone.startswith("Etc/GMT"):
        return "UTC" + zone[7:].translate({ord("+"): "-", ord("-"): "+"})
    return zone


def suggest(typed: str, limit: int = 25) -> list[Suggestion]:
    """Zones for what was typed so far: what can be read, then the largest places that begin so, then parts of names.

    Where nothing begins so, the places of the nearest spelling.
    """
    wanted = fold(typed)
    if not wanted:
        return [Suggestion(zone) for zone in POPULAR[:limit]]
    known = set(names())
    found = dict[str, Suggestion]()
    exact = [place for place in atlas().called(wanted) if place.is_region or len(wanted) > _CODE]
    places = (*exact, *atlas().beginning(wanted, 4 * limit))
    for one in chain(
        map(Suggestion, (*_meant(typed), *_of_cities(wanted))),
        (Suggestion(place.zone, place.label) for place in places if place.zone in known),
        map(Suggestion, _holding(wanted)),
    ):
        if fold(one.place.partition(",")[0]) == fold(one.zone.rpartition("/")[2]):
            one = Suggestion(one.zone)
        found.setdefault(one.zone, one)
    if not found:
        for place in atlas().near(wanted):
            found.setdefault(place.zone, Suggestion(place.zone, place.label))
    return list(found.values())[:limit]


def read_zone(typed: str) -> str:
    """The zone of what was typed, as `load_zone` takes it.

    That is a name in any case; an abbreviation; a distance such as `UTC+1`, which has no summer time; a city, in any
    language, that is far larger than others of its name; a country or state that has one zone, almost.

    Raises ZoneError, or AmbiguousZoneError where several may be meant.
    """
    wanted = fold(typed)
    found = _meant(typed) or _of_cities(wanted) or _of_places(atlas().called(wanted))
    if len(found) == 1:
        return found[0]
    near = found[:3] or [one.zone for one in suggest(typed, 3)] or list(POPULAR[:3])
    kind = AmbiguousZoneError if found else ZoneError
    raise kind(f"There is no one time zone {typed!r}.", zone=typed[:60], near=", ".join(map(zone_name, near)))


@cache
def load_zone(name: str) -> ZoneInfo:
    """The zone of a name from `read_zone`. Blocking at the first call. Raises ZoneError when it is no longer there."""
    try:
        return ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ZoneError(f"The time zone {name!r} is not known here.", zone=name, near=POPULAR[0]) from error


def _meant(typed: str) -> list[str]:
    """The zones that a name, an abbreviation or a distance from UTC means."""
    wanted = fold(typed)
    exact = [name for name in names() if fold(name) == wanted]
    return exact or list(ABBREVIATIONS.get(wanted, ())) or _at_distance(typed)


def _at_distance(typed: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", typed).casefold().replace("\N{MINUS SIGN}", "-").replace("\N{EN DASH}", "-")
    match = _DISTANCE.fullmatch("".join(plain.split()))
    if match is None or not plain.isascii():
        return []
    minutes = int(f"{match[1]}1") * (60 * int(match[2]) + int(match[3] or 0))
    if minutes % 60:
        return [_BROKEN_HOURS[minutes]] if minutes in _BROKEN_HOURS else []
    hours = minutes // 60
    return ["UTC"] if not hours else [f"Etc/GMT{-hours:+d}"] if -12 <= hours <= 14 else []


def _of_cities(wanted: str) -> list[str]:
    """The zones that are named after a city."""
    return [name for name in names() if fold(name.rpartition("/")[2]) == wanted]


def _of_places(places: Sequence[Place]) -> list[str]:
    """The zones of places of one name; only the first of them, where it is far larger than the others."""
    people = dict[str, int]()
    for place in places:
        if place.zone in names():
            people.setdefault(place.zone, place.people)
    if len(people) > 1:
        first, second = list(people.values())[:2]
        if first >= second * (_FAR_LARGER_PART if any(place.is_region for place in places) else _FAR_LARGER):
            return [next(iter(people))]
    return list(people)


def _holding(wanted: str) -> Iterable[str]:
    """The zones whose name has what is wanted in it, at the beginning of a word before elsewhere."""
    ranked = []
    for name in names():
        folded = fold(name).replace("/", " ")
        if wanted in folded:
            ranked.append((f" {wanted}" not in f" {folded}", name not in POPULAR, name))
    return [name for _, _, name in sorted(ranked)]
