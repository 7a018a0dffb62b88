"""Each column of the schema stands in docs/privacy.md, and goes as it is said there."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import Column, Enum, select
from sqlalchemy.orm import InstrumentedAttribute

from bot.db.models import NOBODY, Base, UtcDateTime
from bot.db.session import Database
from bot.privacy import departures, service
from bot.privacy.departures import KEPT_FOR, DepartureService
from bot.privacy.service import PrivacyService
from tests.house import ROOT

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA, GUILD = 2**62, 2**62 + 5
WAYS = {"row", "id", "unseen", "direct", "block", "30 days", "hour", "-"}

INVENTORY = [
    (table, column, way)
    for table, columns, way in re.findall(
        r"^\| `(\w+)` \| ([^|]+) \| [^|]+ \| ([^|]+) \|$", (ROOT / "docs/privacy.md").read_text("utf-8"), re.MULTILINE
    )
    for column in re.findall(r"`(\w+)`", columns)
]


def columns(way: str) -> set[str]:
    """The columns that go in this way."""
    return {f"{table}.{column}" for table, column, goes in INVENTORY if goes == way}


def names(*found: InstrumentedAttribute[Any]) -> set[str]:
    return {str(each.property.columns[0]) for each in found}


def test_each_column_says_what_it_holds_and_when_it_goes() -> None:
    listed = [f"{table}.{column}" for table, column, _ in INVENTORY]
    assert len(listed) == len(set(listed))
    assert set(listed) == {str(column) for table in Base.metadata.tables.values() for column in table.columns}
    assert {way for _, _, way in INVENTORY} == WAYS


def test_the_lists_of_the_code_say_the_same() -> None:
    assert columns("id") == names(*service.FORGOTTEN)
    assert columns("block") == names(*service.KEPT)
    assert columns("row") >= names(*service.DELETED)
    assert columns("30 days") >= names(*departures.DELETED, *departures.FORGOTTEN)


def a_value(column: Column[Any]) -> Any:
    """Something that is not the value of a column that was cleared."""
    if column.name in ("user_id", "blocked_by", "cancelled_by"):
        return ADA
    if column.name == "guild_id":
        return GUILD
    if column.foreign_keys or column.name in ("id", "schedule_id"):
        return 1
    if isinstance(column.type, Enum) and column.type.enum_class is not None:
        return next(iter(column.type.enum_class))
    if isinstance(column.type, UtcDateTime):
        return NOW
    values = {
        int: 3,
        str: "typed",
        bytes: b"\0",
        float: 0.5,
        bool: True,
        object: {},
        date: NOW.date(),
        time: NOW.time(),
    }
    return values[column.type.python_type]  # of JSON, that is any object


async def fill(database: Database, **given: Any) -> None:
    """A row in each table, with something in each column."""
    async with database.write() as session:
        for table in Base.metadata.sorted_tables:
            row = {column.name: a_value(column) for column in table.columns}
            await session.execute(table.insert().values(**row | {k: v for k, v in given.items() if k in row}))


async def rows(database: Database) -> dict[str, dict[str, Any]]:
    """The one row of each table, or none."""
    found = {}
    async with database.read() as session:
        for table in Base.metadata.sorted_tables:
            for row in await session.execute(select(table)):
                found[table.name] = dict(row._mapping)
    return found


def changed(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> set[str]:
    """The columns whose value is another one, or whose row is gone."""
    return {
        f"{table}.{name}"
        for table, row in before.items()
        for name, value in row.items()
        if table not in after or after[table][name] != value
    }


@pytest.mark.parametrize("where", ["server", "direct message", "deleted"])
async def test_forgetting_changes_what_is_said_and_nothing_else(sqlite_database: Database, where: str) -> None:
    await fill(sqlite_database, deleted_at=NOW if where == "deleted" else None)
    if where == "direct message":
        async with sqlite_database.write() as session:
            await session.execute(Base.metadata.tables["generations"].update().values(guild_id=None))
    before = await rows(sqlite_database)
    await PrivacyService(sqlite_database, lambda: NOW).forget(ADA)
    after = await rows(sqlite_database)
    gone = {table for table in before if table not in after}
    assert gone == {each.split(".")[0] for each in columns("row")}
    expected = columns("id") | {f"{table}.{name}" for table in gone for name in before[table]}
    if where != "server":
        expected |= columns("unseen")
    if where == "direct message":
        expected |= columns("direct")
    assert changed(before, after) == expected
    assert {after[table][name] for table, name in (each.split(".") for each in columns("id"))} == {NOBODY}
    assert after["generations"]["seed_text"] == ("typed" if where == "server" else "3")
    assert await PrivacyService(sqlite_database, lambda: NOW).mine(ADA) == {
        "user_id": ADA,
        "as_of": NOW.isoformat(),
        "blocked_users.user_id": {"count": 1, "rows": [{**_shown(after["blocked_users"])}]},
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if name == "created_at" else value for name, value in row.items() if name != "blocked_by"}


async def test_a_server_that_is_gone_changes_what_is_said_and_nothing_else(sqlite_database: Database) -> None:
    await fill(sqlite_database, left_at=NOW, started_at=NOW + KEPT_FOR)
    before = await rows(sqlite_database)
    await DepartureService(sqlite_database, lambda: NOW + KEPT_FOR).sweep()
    after = await rows(sqlite_database)
    whole = {table for table in before if table not in after}
    said = columns("30 days")
    assert whole == {"blocked_users", "guild_settings", "left_guilds", "posts", "quotas", "schedules"}
    assert changed(before, after) == said | {f"{table}.{name}" for table in whole for name in before[table]}


async def test_an_hour_that_is_over_is_deleted(sqlite_database: Database) -> None:
    await fill(sqlite_database, left_at=NOW)
    sweeper = DepartureService(sqlite_database, lambda: NOW + timedelta(minutes=59))
    await sweeper.sweep()
    assert "quotas" in await rows(sqlite_database)
    await DepartureService(sqlite_database, lambda: NOW + timedelta(hours=1)).sweep()
    assert "quotas" not in await rows(sqlite_database)
