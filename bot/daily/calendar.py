"""From a local time, a zone and weekdays to the instants of a schedule. Pure: no clock, no database, no disk."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EVERY_DAY = frozenset(range(7))
"""All weekdays; Monday is 0."""

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_FARTHEST = 30
"""Days to look ahead: a week until the chosen weekday comes, and again when a zone skips just that date."""


def run_from(local_time: time, zone: ZoneInfo, weekdays: Collection[int], day: date) -> tuple[date, datetime]:
    """The first run on `day` or later: its local date, and its instant in UTC. See `next_run`."""
    if not set(weekdays) & EVERY_DAY:
        raise ValueError("A schedule needs at least one weekday.")
    for _ in range(_FARTHEST):
        if day.weekday() in weekdays:
            instant = instant_of(day, local_time, zone)
            if instant is not None:
                return day, instant
        day += _DAY
    raise AssertionError("no weekday is ever thirty days away")  # pragma: no cover


def next_run(local_time: time, zone: ZoneInfo, weekdays: Collection[int], after: datetime) -> tuple[date, datetime]:
    """The first run later than `after` (any zone): its local date, and its instant in UTC.

    Each local date whose weekday (Monday 0) is chosen has exactly one instant: `instant_of` says which. A date that a
    zone has left out as a whole (Samoa's 30 December 2011) has none. Raises ValueError without weekdays.
    """
    # A time that fell into a gap before midnight runs on the day after its date, and a zone may change its side of
    # the date line, so the search begins two days early.
    day, instant = run_from(local_time, zone, weekdays, after.astimezone(zone).date() - 2 * _DAY)
    while instant <= after:
        day, instant = run_from(local_time, zone, weekdays, day + _DAY)
    return day, instant


def instant_of(day: date, local_time: time, zone: ZoneInfo) -> datetime | None:
    """The instant, in UTC, at which it is `local_time` on that date in that zone; None for a date left out there.

    A time that the clocks skip moves to the first instant after the gap; a time that comes twice is the first one.
    """
    if _first_at_or_after(datetime.combine(day, time()), zone).astimezone(zone).date() > day:
        return None
    return _first_at_or_after(datetime.combine(day, local_time), zone)


def _first_at_or_after(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the zone's clocks first show `wall`, or come out of the gap that it lies in."""
    late = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(late, zone) == wall:
        return late
    # In a gap, fold 0 reads the clock as before the change and fold 1 as after it (PEP 495): the change lies between.
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while late - early > _SECOND:
        middle = early + (late - early) // _SECOND // 2 * _SECOND
        if _wall(middle, zone) < wall:
            early = middle
        else:
            late = middle
    return late


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)
