"""What people type for times, days and zones."""

from __future__ import annotations

import zoneinfo
from contextlib import suppress
from datetime import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.daily.schedules import from_bits, to_bits
from bot.daily.times import read_time, read_weekdays, suggest_weekdays
from bot.daily.zones import POPULAR, ZoneError, load_zone, names, read_zone, suggest
from bot.talk.refusals import Refusal
from bot.talk.texts import Texts

TEXTS = Texts.load()


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("9", time(9)),
        ("9:00", time(9)),
        ("09:05", time(9, 5)),
        (" 18.30 ", time(18, 30)),
        ("18h30", time(18, 30)),
        ("6:30 pm", time(18, 30)),
        ("6PM", time(18)),
        ("12 am", time(0)),
        ("12:15 p.m.", time(12, 15)),
        ("0:00", time(0)),
        ("23:59", time(23, 59)),
        ("21h", time(21)),
        ("9h", time(9)),
        ("9 h", time(9)),
        ("18 h 30", time(18, 30)),
        ("0900", time(9)),
        ("900", time(9)),
        ("2130", time(21, 30)),
        ("0000", time(0)),
        ("noon", time(12)),
        ("Midnight", time(0)),
    ],
)
def test_times_are_read(typed: str, read: time) -> None:
    for locale in ("en-US", "de", "fr", "ja"):
        assert read_time(typed, TEXTS, locale) == read


@pytest.mark.parametrize(
    ("locale", "typed", "read"),
    [
        ("en-US", "9 o'clock", time(9)),
        ("en-US", "midday", time(12)),
        ("de", "9 Uhr", time(9)),
        ("de", "18 Uhr 30", time(18, 30)),
        ("de", "Mittag", time(12)),
        ("de", "Mitternacht", time(0)),
        ("de", "6 Uhr abends", time(18)),
        ("fr", "midi", time(12)),
        ("fr", "minuit", time(0)),
        ("fr", "18 heures 30", time(18, 30)),
        ("fr", "8h du soir", time(20)),
        ("ja", "9時", time(9)),
        ("ja", "\uff11\uff18時\uff13\uff10分", time(18, 30)),
        ("ja", "午後6時30分", time(18, 30)),
        ("ja", "正午", time(12)),
    ],
)
def test_times_are_read_in_the_words_of_a_language(locale: str, typed: str, read: time) -> None:
    assert read_time(typed, TEXTS, locale) == read


@pytest.mark.parametrize(
    "typed",
    [
        *("", "24:00", "2400", "0960", "9:60", "9:0", "h", "9hh", "12345", "25h"),
        *("13 pm", "0 am", "-1", "9:00:00", "\u0669:00"),
    ],
)
def test_other_times_are_refused(typed: str) -> None:
    with pytest.raises(Refusal):
        read_time(typed, TEXTS, "en-US")


@given(st.text(max_size=20))
def test_any_text_is_a_time_or_a_refusal(typed: str) -> None:
    with suppress(Refusal):  # nothing else may come
        read_time(typed, TEXTS, "en-US")


@pytest.mark.parametrize(
    ("typed", "days"),
    [
        (None, {0, 1, 2, 3, 4, 5, 6}),
        ("every day", {0, 1, 2, 3, 4, 5, 6}),
        ("Weekdays", {0, 1, 2, 3, 4}),
        ("weekend", {5, 6}),
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("Sat, Sun", {5, 6}),
        ("fri - mon", {4, 5, 6, 0}),
        ("tue \N{EN DASH} thu + sunday", {1, 2, 3, 6}),
        ("Wednesday", {2}),
    ],
)
def test_days_are_read(typed: str | None, days: set[int]) -> None:
    assert read_weekdays(typed, TEXTS, "en-US") == days


@pytest.mark.parametrize("typed", ["", "  ", "m", "someday", "mon-", "mon-tue-wed", "-", ","])
def test_other_days_are_refused(typed: str) -> None:
    with pytest.raises(Refusal):
        read_weekdays(typed, TEXTS, "en-US")


def test_what_can_be_read_already_is_suggested_first() -> None:
    assert suggest_weekdays("mon we", TEXTS, "en")[0] == "Monday, Wednesday"
    assert suggest_weekdays("", TEXTS, "en")[:3] == ["every day", "weekdays", "weekend"]
    for words in suggest_weekdays("", TEXTS, "en"):
        read_weekdays(words, TEXTS, "en")


@given(st.sets(st.integers(0, 6)))
def test_weekdays_as_bits(days: set[int]) -> None:
    assert from_bits(to_bits(days)) == days


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("s\u00e3o paulo", "America/Sao_Paulo"),
        ("utc", "UTC"),
    ],
)
def test_zones_are_read(typed: str, zone: str) -> None:
    assert read_zone(typed) == zone


@pytest.mark.parametrize("typed", ["", "Mars", "../../etc/passwd", "Europe", "\0"])
def test_other_zones_are_refused_with_some_that_exist(typed: str) -> None:
    with pytest.raises(ZoneError) as caught:
        read_zone(typed)
    assert caught.value.parameters["near"]


def test_the_popular_zones_exist_and_all_zones_can_be_loaded() -> None:
    assert set(POPULAR) <= set(names()) <= zoneinfo.available_timezones()
    assert [one.zone for one in suggest("")] == list(POPULAR)
    for name in names():
        load_zone(name)


@settings(deadline=None)  # the first reads all places
@given(st.text(max_size=12))
def test_suggestions_fit_into_discord(typed: str) -> None:
    found = [one.zone for one in suggest(typed)]
    assert len(found) <= 25
    assert len(set(found)) == len(found)
    assert all(zone in names() or zone.startswith("Etc/GMT") for zone in found)
    assert all(len(one.label) <= 100 for one in suggest(typed))
