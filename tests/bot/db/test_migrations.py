"""The migrations lead from nothing to exactly the tables of the models, and back, on both databases."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, select, text

import migrations
from bot.db.errors import DatabaseError
from bot.db.migrating import downgrade, migrate_up, require_head
from bot.db.models import Base, Favorite, Generation
from bot.db.newest import known_revisions
from bot.db.session import Database, create_engine, prepare
from bot.db.upgrade import upgrade
from bot.db.urls import parse_url, sqlite_file
from bot.icons.rows import icon_key
from generator.seeds import Near, Seed


async def run(url: str, *statements: str) -> None:
    prepare(parse_url(url))
    engine = create_engine(parse_url(url))
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


async def tables(url: str) -> set[str]:
    engine = create_engine(parse_url(url))
    async with engine.connect() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    await engine.dispose()
    return set(names)


async def check(url: str) -> None:
    database = Database(url)
    try:
        await require_head(database)
    finally:
        await database.close()


async def differences(url: str) -> list[object]:
    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, Base.metadata))

    engine = create_engine(parse_url(url))
    async with engine.connect() as connection:
        found = await connection.run_sync(compare)
    await engine.dispose()
    return found


async def test_head_equals_the_models(database_url: str) -> None:
    await asyncio.to_thread(upgrade, database_url)
    assert await differences(database_url) == []
    await check(database_url)


async def test_a_difference_would_be_found(database_url: str) -> None:
    await asyncio.to_thread(upgrade, database_url)
    await run(database_url, "ALTER TABLE generations ADD COLUMN stray INTEGER", "DROP INDEX uq_models_active")
    found = repr(await differences(database_url))
    assert "stray" in found
    assert "uq_models_active" in found


def test_the_sqlite_tables_are_written_as_the_models_write_them(tmp_path: Path) -> None:
    """What the comparison does not see: AUTOINCREMENT, and the names of all constraints."""
    migrate_up(f"sqlite:///{tmp_path}/migrated.db", "head")

    async def create() -> None:
        engine = create_engine(parse_url(f"sqlite:///{tmp_path}/created.db"))
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        await engine.dispose()

    asyncio.run(create())

    def schema(name: str) -> dict[str, list[str]]:
        connection = sqlite3.connect(tmp_path / name)
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        connection.close()
        # Constraints, and columns that were added later, may stand in another order.
        return {
            table: sorted(re.split(r",?\s*\n\s*|, (?=CONSTRAINT|[a-z_]+ [A-Z])", sql.strip(" )")))
            for table, sql in rows
        }

    migrated = schema("migrated.db")
    del migrated["alembic_version"]
    assert migrated == schema("created.db")
    assert any("AUTOINCREMENT" in line for line in migrated["generations"])


async def test_all_the_way_down_and_up_again(database_url: str) -> None:
    await asyncio.to_thread(upgrade, database_url)
    await asyncio.to_thread(downgrade, database_url, "base")
    assert await tables(database_url) == {"alembic_version"}
    await asyncio.to_thread(upgrade, database_url)
    assert await differences(database_url) == []


async def test_each_migration_goes_down_and_up(database_url: str) -> None:
    for revision in reversed(known_revisions()):
        await asyncio.to_thread(upgrade, database_url, revision)
        await asyncio.to_thread(downgrade, database_url, "-1")
        await asyncio.to_thread(upgrade, database_url, revision)
    assert await differences(database_url) == []


async def test_an_upgrade_keeps_the_rows(database_url: str) -> None:
    await asyncio.to_thread(upgrade, database_url)
    await run(
        database_url,
        "INSERT INTO command_syncs VALUES (1, 0, 'abc', '{}', '2026-01-01 00:00:00')",
    )
    await asyncio.to_thread(upgrade, database_url)
    database = Database(database_url)
    async with database.read() as session:
        assert (await session.execute(text("SELECT digest FROM command_syncs"))).scalars().all() == ["abc"]
    await database.close()


async def test_an_empty_database_is_told_to_upgrade(database_url: str) -> None:
    with pytest.raises(DatabaseError, match=r"run 'python -m bot db upgrade'\.$"):
        await check(database_url)


async def test_looking_for_a_database_does_not_create_one(sqlite_url: str) -> None:
    with pytest.raises(DatabaseError, match="there is none yet"):
        await check(sqlite_url)
    file = sqlite_file(parse_url(sqlite_url))
    assert file is not None
    assert not file.parent.exists()


async def test_an_older_database_is_told_to_upgrade(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await asyncio.to_thread(upgrade, sqlite_url)
    monkeypatch.setattr("bot.db.migrating.known_revisions", lambda: ["9999", *known_revisions()])
    with pytest.raises(DatabaseError, match=r"older than this Mojigan; run 'python -m bot db upgrade'\.$"):
        await check(sqlite_url)


async def test_a_newer_database_is_refused(database_url: str) -> None:
    await asyncio.to_thread(upgrade, database_url)
    await run(database_url, "UPDATE alembic_version SET version_num = '0999_x'")
    with pytest.raises(DatabaseError, match=r"a newer Mojigan has written it \(revision 0999_x\); update Mojigan\.$"):
        await check(database_url)
    with pytest.raises(DatabaseError, match="a newer Mojigan has written it"):
        await asyncio.to_thread(upgrade, database_url)


async def test_a_database_of_another_program_is_left_alone(database_url: str) -> None:
    await run(database_url, "CREATE TABLE models (name TEXT)")
    with pytest.raises(DatabaseError, match=r"another program's tables are in it \(models\)"):
        await check(database_url)
    with pytest.raises(DatabaseError, match=r"another program's tables are in it \(models\)"):
        await asyncio.to_thread(upgrade, database_url)
    assert await tables(database_url) == {"models"}


async def test_a_migration_that_fails_half_way_leaves_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object, **__: object) -> None:
        raise OSError(5, "the power went")

    monkeypatch.setattr("alembic.op.create_index", break_off)  # called after two tables
    with pytest.raises(DatabaseError, match="the power went"):
        await asyncio.to_thread(migrate_up, database_url, "head")
    assert await tables(database_url) == set()


def test_two_processes_can_upgrade_at_once(database_url: str) -> None:
    line = f"from bot.db.upgrade import upgrade; upgrade({database_url!r})"
    processes = [subprocess.Popen([sys.executable, "-c", line], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    asyncio.run(check(database_url))


def test_rows_without_what_they_name_stop_a_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/mojigan.db"
    upgrade(url, known_revisions()[1])
    connection = sqlite3.connect(tmp_path / "mojigan.db")  # foreign keys are off in a bare connection
    connection.execute(
        "INSERT INTO generations (model_id, seed_text, seed, truncation, kind, position, user_id, created_at)"
        " VALUES (77, '1', 1, 1.0, 'icon', 0, 1, '2026-01-01')"
    )
    connection.commit()
    connection.close()
    with pytest.raises(DatabaseError, match="rows of generations would name rows of models that do not exist"):
        upgrade(url)


def test_migrations_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    upgrade("sqlite:///here.db")
    assert (tmp_path / "here.db").exists()


def test_the_next_migration_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m migrations` finds no difference, and writes an empty migration with the next number."""
    copy = tmp_path / "migrations"
    copy.mkdir()
    source = Path(migrations.__file__).parent
    for name in ("__init__.py", "env.py", "script.py.mako", "newest.sql"):
        (copy / name).write_text((source / name).read_text())
    (copy / "versions").mkdir()
    for file in (source / "versions").glob("0*.py"):
        (copy / "versions" / file.name).write_text(file.read_text())
    monkeypatch.setattr(migrations, "__file__", str(copy / "__init__.py"))
    from migrations.__main__ import write

    number = len(known_revisions()) + 1
    write("add Favorites & votes")
    written = (copy / "versions" / f"{number:04}_add_favorites_votes.py").read_text()
    assert written.startswith(f'"""Add Favorites & votes.\n\nRevision {number:04}, after {number - 1:04}.\n"""')
    assert "op.create_table" not in written
    assert "op.add_column" not in written
    before = (copy / "newest.sql").read_text()
    write()
    assert (copy / "newest.sql").read_text() == before.replace(f"('{number - 1:04}')", f"('{number:04}')")


NOW = "2026-01-01"


def insert(table: str, values: Mapping[str, object]) -> str:
    """A statement with values written in it."""
    shown = ["NULL" if value is None else repr(value) for value in values.values()]
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(shown)})"  # noqa: S608 - values of this file


async def test_votes_for_messages_become_votes_for_icons(database_url: str) -> None:
    """The same icon, asked for three times and voted for by two people, has two votes; the latest ones stay."""
    await asyncio.to_thread(upgrade, database_url, "0007")
    columns = ("id", "near_path", "near_strength", "truncation")
    icons = [
        (1, None, None, 1.0),
        (2, None, None, 1.0),
        (3, "3", 0.25, 1.0),
        (4, None, None, 0.7),
        (5, None, None, 1.0),
    ]
    same = {
        "model_id": 1,
        "seed_text": "42",
        "seed": 42,
        "kind": "icon",
        "position": 0,
        "user_id": 1,
        "created_at": NOW,
    }
    marks = ("generation_id", "user_id", "guild_id", "created_at")
    votes = [
        (1, 7, 9, "2026-02-01"),
        (2, 7, 9, "2026-02-03"),
        (5, 7, 9, "2026-02-02"),
        (5, 8, 9, "2026-02-02"),
        (3, 7, 9, "2026-02-01"),
        (4, 7, None, "2026-02-01"),
    ]
    await run(
        database_url,
        "INSERT INTO models (id, digest, path, metrics, state, created_at)"
        " VALUES (1, 'd', 'p', '{}', 'active', '2026-01-01')",
        *(insert("generations", dict(zip(columns, values, strict=True)) | same) for values in icons),
        *(insert("favorites", dict(zip(marks, values, strict=True))) for values in votes),
    )
    await asyncio.to_thread(upgrade, database_url)
    database = Database(database_url)
    async with database.read() as session:
        rows = list(await session.scalars(select(Generation).order_by(Generation.id)))
        found = await session.execute(
            select(Favorite.generation_id, Favorite.user_id, Favorite.guild_id).order_by(Favorite.generation_id)
        )
        kept = [tuple(row) for row in found]
    await database.close()
    assert kept == [(2, 7, 9), (3, 7, 9), (4, 7, None), (5, 8, 9)]
    for row in rows:
        near = Near(row.near_path, row.near_strength) if row.near_path and row.near_strength else None
        assert row.icon == icon_key(1, Seed("42", 42, near), row.truncation)
    assert [row.icon == rows[0].icon for row in rows] == [True, True, False, False, True]
    await asyncio.to_thread(downgrade, database_url, "0007")
    await asyncio.to_thread(upgrade, database_url)
    assert await differences(database_url) == []
