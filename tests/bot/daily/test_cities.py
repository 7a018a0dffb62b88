"""Places as people type them: in any language, misspelled, and of a name that several have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.daily.cities import LANGUAGES, atlas, fold
from bot.daily.zones import (
    ABBREVIATIONS,
    AmbiguousZoneError,
    ZoneError,
    load_zone,
    names,
    read_zone,
    suggest,
    zone_name,
)
from bot.talk.texts import Texts


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("EST", "America/New_York"),
        ("est5edt", "America/New_York"),
        ("GMT", "UTC"),
        ("CET", "Europe/Berlin"),
        ("MEZ", "Europe/Berlin"),
        ("jst", "Asia/Tokyo"),
        ("UTC+1", "Etc/GMT-1"),
        ("utc + 01:00", "Etc/GMT-1"),
        ("GMT-5", "Etc/GMT+5"),
        ("+2", "Etc/GMT-2"),
        ("UTC\N{MINUS SIGN}3", "Etc/GMT+3"),
        ("UTC+0", "UTC"),
        ("UTC+5:30", "Asia/Kolkata"),
        ("UTC+0545", "Asia/Kathmandu"),
        ("UTC+14", "Etc/GMT-14"),
    ],
)
def test_abbreviations_and_distances_are_read(typed: str, zone: str) -> None:
    assert read_zone(typed) == zone
    load_zone(zone)


@pytest.mark.parametrize("typed", ["UTC+15", "UTC-13", "UTC+5:17", "UTC+", "GMT 99", "+", "XST"])
def test_other_distances_are_refused(typed: str) -> None:
    with pytest.raises(ZoneError):
        read_zone(typed)


def test_a_distance_is_told_as_it_was_typed() -> None:
    for typed in ("UTC+1", "UTC-5", "UTC+14", "UTC-12"):
        assert zone_name(read_zone(typed)) == typed
        assert read_zone(zone_name(read_zone(typed))) == read_zone(typed)
    assert zone_name("America/New_York") == "America/New_York"


def test_all_abbreviations_mean_zones_that_exist() -> None:
    for zones in ABBREVIATIONS.values():
        assert set(zones) <= set(names())


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Munich", "Europe/Berlin"),
        ("München", "Europe/Berlin"),
        ("Muenchen", "Europe/Berlin"),
        ("ミュンヘン", "Europe/Berlin"),
        ("Mumbai", "Asia/Kolkata"),
        ("Bombay", "Asia/Kolkata"),
        ("Beijing", "Asia/Shanghai"),
        ("Peking", "Asia/Shanghai"),
        ("Pékin", "Asia/Shanghai"),
        ("San Francisco", "America/Los_Angeles"),
        ("san-francisco", "America/Los_Angeles"),
        ("Tokio", "Asia/Tokyo"),
        ("東京", "Asia/Tokyo"),
        ("大阪", "Asia/Tokyo"),
        ("Wien", "Europe/Vienna"),
        ("Vienne", "Europe/Vienna"),
        ("Birmingham", "Europe/London"),
        ("Springfield, Illinois", "America/Chicago"),
        ("springfield, il", "America/Chicago"),
        ("münchen, de", "Europe/Berlin"),
        ("Paris, Texas", "America/Chicago"),
        ("Cambridge, UK", "Europe/London"),
        ("München, Deutschland", "Europe/Berlin"),
    ],
)
def test_a_city_is_found_by_its_names(typed: str, zone: str) -> None:
    assert read_zone(typed) == zone


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Germany", "Europe/Berlin"),
        ("Deutschland", "Europe/Berlin"),
        ("Allemagne", "Europe/Berlin"),
        ("ドイツ", "Europe/Berlin"),
        ("Japan", "Asia/Tokyo"),
        ("Japon", "Asia/Tokyo"),
        ("日本", "Asia/Tokyo"),
        ("India", "Asia/Kolkata"),
        ("UK", "Europe/London"),
        ("Österreich", "Europe/Vienna"),
        ("Türkei", "Europe/Istanbul"),
        ("California", "America/Los_Angeles"),
        ("Spain", "Europe/Madrid"),
        ("中国", "Asia/Shanghai"),
    ],
)
def test_a_country_with_one_zone_is_one(typed: str, zone: str) -> None:
    assert read_zone(typed) == zone


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("Springfield", {"America/Chicago", "America/New_York"}),
        ("Cambridge", {"Europe/London", "America/New_York"}),
        ("USA", {"America/New_York"}),
        ("Vereinigte Staaten", {"America/New_York"}),
        ("Kanada", {"America/Toronto"}),
        ("ロシア", {"Europe/Moscow"}),
        ("CST", {"America/Chicago"}),
        ("Indonesien", {"Asia/Jakarta"}),
    ],
)
def test_what_may_mean_several_zones_offers_the_likely_ones_first(typed: str, first: set[str]) -> None:
    with pytest.raises(AmbiguousZoneError) as caught:
        read_zone(typed)
    near = str(caught.value.parameters["near"]).split(", ")
    assert near[0] in first
    assert len(set(near)) >= 2
    assert caught.value.key == "error.zone_many"
    assert suggest(typed)[0].zone in first


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Münchn", "Europe/Berlin"),
        ("Barcelna", "Europe/Madrid"),
        ("San Fransico", "America/Los_Angeles"),
        ("Lodon", "Europe/London"),
        ("Kopenhagn", "Europe/Copenhagen"),
        ("Tokjo", "Asia/Tokyo"),
    ],
)
def test_a_misspelled_city_is_not_guessed_but_offered(typed: str, zone: str) -> None:
    with pytest.raises(ZoneError) as caught:
        read_zone(typed)
    assert zone in str(caught.value.parameters["near"])
    assert zone in [one.zone for one in suggest(typed)]


def test_suggestions_name_the_place_that_they_are_for() -> None:
    assert suggest("Munich")[0].label == "Europe/Berlin · Munich, DE"
    assert suggest("Berlin")[0].label == "Europe/Berlin"
    assert suggest("san fr")[0].label == "America/Los Angeles · San Francisco, CA, US"
    assert suggest("utc+1")[0].label == "UTC+1"


def test_the_largest_city_that_begins_so_comes_first() -> None:
    assert suggest("mun")[0].zone == "Europe/Berlin"
    assert suggest("bei")[0].zone in {"Asia/Shanghai", "Asia/Beirut"}
    assert suggest("東")[0].zone == "Asia/Tokyo"


def test_every_place_has_a_zone_that_is_known() -> None:
    known = set(names())
    unknown = {place.zone for found in atlas()._places.values() for place in found} - known
    assert unknown <= {"Asia/Hanoi"}, unknown


@given(st.text(max_size=30))
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_countries_are_named_in_the_languages_of_the_bot() -> None:
    assert {locale.partition("-")[0] for locale in Texts.load().languages} == set(LANGUAGES)
