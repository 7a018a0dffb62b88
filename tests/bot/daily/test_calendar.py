"""When a schedule runs: over all zones, and at the changes of the clocks that other schedulers stumble over."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.daily.calendar import EVERY_DAY, instant_of, next_run

ZONES = sorted(zoneinfo.available_timezones())
DAY = timedelta(days=1)

times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
zones = st.sampled_from(ZONES).map(ZoneInfo)
instants = st.datetimes(datetime(1880, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
weekdays = st.sets(st.integers(0, 6), min_size=1).map(frozenset)


def runs(
    local_time: time, zone: ZoneInfo, days: frozenset[int], after: datetime, many: int
) -> list[tuple[date, datetime]]:
    """The runs that follow one another."""
    found = []
    for _ in range(many):
        found.append(next_run(local_time, zone, days, after))
        after = found[-1][1]
    return found


def exists(day: date, zone: ZoneInfo) -> bool:
    """Whether the zone's clocks ever showed that date; looked for quarter of an hour by quarter of an hour."""
    start = datetime.combine(day, time(), UTC) - 2 * DAY
    return any((start + step * timedelta(minutes=15)).astimezone(zone).date() == day for step in range(4 * 24 * 5))


@settings(max_examples=300, deadline=None)
@given(times, zones, weekdays, instants)
def test_each_selected_date_has_exactly_one_instant(
    local_time: time, zone: ZoneInfo, days: frozenset[int], after: datetime
) -> None:
    found = runs(local_time, zone, days, after, 10)
    dates, moments = [day for day, _ in found], [moment for _, moment in found]
    assert all(earlier < later for earlier, later in zip([after, *moments], moments, strict=False))
    assert all(moment.tzinfo is UTC for moment in moments)
    span = (dates[-1] - dates[0]).days + 1
    selected = [dates[0] + n * DAY for n in range(span) if (dates[0] + n * DAY).weekday() in days]
    left_out = [day for day in selected if day not in dates]
    assert [day for day in selected if day not in left_out] == dates  # none twice, none out of order
    assert not any(exists(day, zone) for day in left_out)


@settings(max_examples=300, deadline=None)
@given(times, zones, instants)
def test_an_instant_shows_its_time_or_ends_the_gap_that_holds_it(
    local_time: time, zone: ZoneInfo, after: datetime
) -> None:
    day, moment = next_run(local_time, zone, EVERY_DAY, after)
    wanted = datetime.combine(day, local_time)
    shown = moment.astimezone(zone).replace(tzinfo=None)
    before = (moment - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
    if shown == wanted:
        assert moment.astimezone(zone).fold == 0
    else:
        assert before < wanted < shown  # the clocks jumped over it just then


@settings(max_examples=200, deadline=None)
@given(times, zones, weekdays, instants, st.floats(0, 1))
def test_it_does_not_matter_when_one_asks(
    local_time: time, zone: ZoneInfo, days: frozenset[int], after: datetime, part: float
) -> None:
    """Asked anywhere between two runs the answer is the same: a restart changes nothing."""
    first, second = runs(local_time, zone, days, after, 2)
    between = first[1] + (second[1] - first[1]) * part
    assert next_run(local_time, zone, days, min(between, second[1] - timedelta(microseconds=1))) == second


def test_a_year_in_each_zone() -> None:
    """Every date of 2026 once in each zone, at a time that the changes of the clocks like."""
    wanted = [date(2026, 1, 1) + n * DAY for n in range(365)]
    for name in ZONES:
        zone = ZoneInfo(name)
        found = [day for day, _ in runs(time(2, 30), zone, EVERY_DAY, datetime(2025, 12, 31, 12, tzinfo=zone), 365)]
        assert found == wanted, name


# Zone, local time, local date, and the instant in UTC: dates that cron triggers skip or double.
TRAPS = [
    ("America/New_York", "00:00", "2026-03-09", "2026-03-09T04:00"),
    ("America/New_York", "00:30", "2026-03-09", "2026-03-09T04:30"),
    ("America/New_York", "01:00", "2026-11-01", "2026-11-01T05:00"),
    ("America/New_York", "01:30", "2026-11-01", "2026-11-01T05:30"),
    ("America/New_York", "02:00", "2026-03-08", "2026-03-08T07:00"),
    ("America/New_York", "02:30", "2026-03-08", "2026-03-08T07:00"),
    ("Europe/Berlin", "00:00", "2026-03-30", "2026-03-29T22:00"),
    ("Europe/Berlin", "00:30", "2026-03-30", "2026-03-29T22:30"),
    ("Europe/Berlin", "02:00", "2026-03-29", "2026-03-29T01:00"),
    ("Europe/Berlin", "02:30", "2026-03-29", "2026-03-29T01:00"),
    ("Europe/Berlin", "02:00", "2026-10-25", "2026-10-25T00:00"),
    ("Europe/Berlin", "02:30", "2026-10-25", "2026-10-25T00:30"),
    ("Europe/London", "01:00", "2026-03-29", "2026-03-29T01:00"),
    ("Europe/London", "01:30", "2026-03-29", "2026-03-29T01:00"),
    ("Europe/London", "01:00", "2026-10-25", "2026-10-25T00:00"),
    ("Europe/London", "01:30", "2026-10-25", "2026-10-25T00:30"),
    ("Australia/Sydney", "00:00", "2026-10-05", "2026-10-04T13:00"),
    ("Australia/Sydney", "00:30", "2026-10-05", "2026-10-04T13:30"),
    ("Australia/Sydney", "02:00", "2026-10-04", "2026-10-03T16:00"),
    ("Australia/Sydney", "02:30", "2026-10-04", "2026-10-03T16:00"),
    ("Australia/Sydney", "02:00", "2026-04-05", "2026-04-04T15:00"),
    ("Australia/Sydney", "02:30", "2026-04-05", "2026-04-04T15:30"),
    ("Africa/Cairo", "00:00", "2026-04-24", "2026-04-23T22:00"),
    ("Africa/Cairo", "00:30", "2026-04-24", "2026-04-23T22:00"),
    ("Africa/Cairo", "23:00", "2026-10-29", "2026-10-29T20:00"),
    ("Africa/Cairo", "23:30", "2026-10-29", "2026-10-29T20:30"),
    ("America/Santiago", "00:00", "2026-09-06", "2026-09-06T04:00"),
    ("America/Santiago", "00:30", "2026-09-06", "2026-09-06T04:00"),
    ("America/Santiago", "23:00", "2026-04-04", "2026-04-05T02:00"),
    ("America/Santiago", "23:30", "2026-04-04", "2026-04-05T02:30"),
    ("Asia/Beirut", "23:30", "2026-10-24", "2026-10-24T20:30"),
    ("Australia/Lord_Howe", "02:15", "2026-10-04", "2026-10-03T15:30"),
    ("America/Toronto", "23:45", "1919-03-30", "1919-03-31T04:30"),  # the gap reaches over midnight
]


@pytest.mark.parametrize(("name", "clock", "day", "utc"), TRAPS, ids=[f"{t[0]} {t[1]} {t[2]}" for t in TRAPS])
def test_the_traps(name: str, clock: str, day: str, utc: str) -> None:
    zone, local_time, wanted = ZoneInfo(name), time.fromisoformat(clock), date.fromisoformat(day)
    expected = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert instant_of(wanted, local_time, zone) == expected
    around = runs(local_time, zone, EVERY_DAY, expected - 4 * DAY, 8)
    dates = [found for found, _ in around]
    assert dates == [dates[0] + n * DAY for n in range(8)]
    assert (wanted, expected) in around


def test_a_date_that_a_zone_left_out_has_no_run() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert instant_of(date(2011, 12, 30), time(9), apia) is None
    after = datetime(2011, 12, 29, 0, 0, tzinfo=apia)
    assert [day.day for day, _ in runs(time(9), apia, EVERY_DAY, after, 3)] == [29, 31, 1]
    friday = frozenset({4})
    assert next_run(time(9), apia, friday, after)[0] == date(2012, 1, 6)


def test_a_schedule_needs_a_weekday() -> None:
    with pytest.raises(ValueError, match="at least one weekday"):
        next_run(time(9), ZoneInfo("UTC"), [], datetime(2026, 1, 1, tzinfo=UTC))
