"""Engines, sessions, column types, and the sentence for each way in which a database can be out of reach."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError, StatementError

from bot.db.errors import DatabaseError
from bot.db.models import (
    GLOBAL_COMMANDS,
    CommandSync,
    Generation,
    GenerationKind,
    ModelRecord,
    ModelState,
    UtcDateTime,
)
from bot.db.session import Database
from bot.db.upgrade import upgrade

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def a_model(digest: str = "9f2c" * 16, state: ModelState = ModelState.ACTIVE) -> ModelRecord:
    return ModelRecord(digest=digest, path=f"models/{digest[:12]}", metrics={}, state=state, created_at=NOW)


def a_generation(model_id: int, seed: int = 42) -> Generation:
    return Generation(
        model_id=model_id,
        seed_text=str(seed),
        seed=seed,
        truncation=0.8,
        kind=GenerationKind.ICON,
        position=0,
        user_id=2**63 - 1,
        created_at=NOW,
    )


async def test_what_is_committed_in_a_file_outlives_a_power_cut(sqlite_database: Database) -> None:
    """FULL (2): without it, SQLite's WAL is not flushed to the disk at each commit."""
    async with sqlite_database.write() as writer, sqlite_database.read() as reader:
        for session in (writer, reader):
            assert await session.scalar(text("PRAGMA synchronous")) == 2
            assert await session.scalar(text("PRAGMA journal_mode")) == "wal"
            assert await session.scalar(text("PRAGMA foreign_keys")) == 1


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), sqlite.dialect())  # noqa: DTZ001


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_an_instant_stays_the_same_instant(instant: datetime) -> None:
    column, dialect = UtcDateTime(), sqlite.dialect()
    stored = column.process_bind_param(instant, dialect)
    assert stored is not None
    for raw in (stored, stored.replace(tzinfo=None)):  # PostgreSQL and SQLite
        loaded = column.process_result_value(raw, dialect)
        assert loaded is not None
        assert loaded.tzinfo is UTC
        assert loaded.timestamp() == instant.timestamp()


async def test_rows_come_back_as_they_went_in(database: Database) -> None:
    berlin = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))
    async with database.write() as session:
        model = a_model()
        model.metrics = {"swd": {"value": 20.5, "real": 17.0}}
        model.created_at = berlin
        session.add(model)
        await session.flush()
        session.add(a_generation(model.id, 2**63 - 1))
        session.add(
            CommandSync(
                application_id=2**62, guild_id=GLOBAL_COMMANDS, digest="a", command_ids={"icon": 2**62}, synced_at=NOW
            )
        )
    async with database.read() as session:
        stored = (await session.scalars(select(ModelRecord))).one()
        icon = (await session.scalars(select(Generation))).one()
        sync = (await session.scalars(select(CommandSync))).one()
    assert stored.version == f"m{stored.id}-9f2c"
    assert stored.metrics == {"swd": {"value": 20.5, "real": 17.0}}
    assert stored.created_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert stored.state is ModelState.ACTIVE
    assert (icon.seed, icon.user_id, icon.kind) == (2**63 - 1, 2**63 - 1, GenerationKind.ICON)
    assert (icon.guild_id, icon.sheet_id, icon.deleted_at) == (None, None, None)
    assert sync.command_ids == {"icon": 2**62}


async def test_a_time_without_a_zone_does_not_reach_the_table(sqlite_database: Database) -> None:
    model = a_model()
    model.created_at = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(StatementError, match="has no zone"):
        async with sqlite_database.write() as session:
            session.add(model)


async def test_only_one_model_is_active(database: Database) -> None:
    async with database.write() as session:
        session.add_all([a_model(), a_model("1" * 64, ModelState.KEPT), a_model("2" * 64, ModelState.KEPT)])
    with pytest.raises(IntegrityError):
        async with database.write() as session:
            session.add(a_model("3" * 64))


async def test_an_icon_needs_its_model(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as session:
            session.add(a_generation(77))


async def test_ids_are_never_used_twice(database: Database) -> None:
    """Old buttons name rows by id: they must not come to name somebody else's icon."""
    async with database.write() as session:
        model = a_model()
        session.add(model)
        await session.flush()
        model_id = model.id
        first = a_generation(model_id)
        session.add(first)
    async with database.write() as session:
        await session.execute(delete(Generation))
    async with database.write() as session:
        second = a_generation(model_id)
        session.add(second)
    assert second.id > first.id


async def test_an_exception_takes_everything_back(database: Database) -> None:
    with suppress(LookupError):
        async with database.write() as session:
            session.add(a_model())
            await session.flush()
            raise LookupError
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(ModelRecord)) == 0


async def test_writers_that_read_first_wait_for_each_other(database: Database) -> None:
    """Read-then-write transactions on SQLite fail at once with "locked" unless they lock from the start."""
    async with database.write() as session:
        session.add(CommandSync(application_id=1, guild_id=0, digest="0", command_ids={}, synced_at=NOW))

    other_process = Database(database.url.render_as_string(hide_password=False))

    async def add_one(somewhere: Database) -> None:
        async with somewhere.write() as session:
            query = select(CommandSync).with_for_update()  # a no-op on SQLite
            row = (await session.scalars(query)).one()
            row.digest = str(int(row.digest) + 1)

    await asyncio.gather(*(add_one(somewhere) for somewhere in [database, other_process] * 10))
    await other_process.close()
    async with database.read() as session:
        assert (await session.scalars(select(CommandSync.digest))).one() == "20"


async def test_a_reader_does_not_wait_for_a_writer(sqlite_database: Database) -> None:
    async with sqlite_database.write() as writer:
        writer.add(a_model())
        await writer.flush()
        async with sqlite_database.read() as reader:
            assert await reader.scalar(select(func.count()).select_from(ModelRecord)) == 0


async def test_sqlite_is_set_up(sqlite_database: Database) -> None:
    async with sqlite_database.read() as session:
        found = [
            await session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
    assert found == ["wal", 1, 30_000]


async def refuse(url: str) -> str:
    """The sentence with which opening fails."""
    database = Database(url)
    try:
        with pytest.raises(DatabaseError) as caught:
            await database.connect()
    finally:
        await database.close()
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert "hunter2" not in sentence
    return sentence


async def test_the_folder_is_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a/b/mojigan.db")
    await database.connect()
    await database.close()
    assert (tmp_path / "a" / "b" / "mojigan.db").exists()


async def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert "its folder cannot be made" in await refuse(f"sqlite:///{tmp_path}/a/mojigan.db")


async def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    assert "the file cannot be opened" in await refuse(f"sqlite:///{tmp_path}")


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "mojigan.db").write_bytes(b"not a database, but long enough to look at" * 100)
    url = f"sqlite:///{tmp_path}/mojigan.db"
    assert f"{tmp_path}/mojigan.db: this file is not an SQLite database" in await refuse(url)
    with pytest.raises(DatabaseError, match="this file is not an SQLite database"):
        await asyncio.to_thread(upgrade, url)


async def test_a_damaged_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/mojigan.db"
    await asyncio.to_thread(upgrade, url)
    file = tmp_path / "mojigan.db"
    content = bytearray(file.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)  # the header stays
    file.write_bytes(content)
    with pytest.raises(DatabaseError, match="the database file is damaged"):
        await asyncio.to_thread(upgrade, url)


@contextmanager
def without_root() -> Iterator[Path]:
    """A folder that belongs to us, while we are not root: root may write everywhere."""
    nobody = 65534
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        root = os.geteuid() == 0
        if root:
            os.chown(folder, nobody, nobody)
            os.seteuid(nobody)
        try:
            yield Path(folder)
        finally:
            if root:
                os.seteuid(0)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/mojigan.db")  # imports what is needed, while we may read it
    with without_root() as folder:
        url = f"sqlite:///{folder}/mojigan.db"
        upgrade(url)
        for file in folder.iterdir():
            file.chmod(0o400)
        folder.chmod(0o500)
        try:
            with pytest.raises(DatabaseError, match=f"^Database {folder}/mojigan.db: .* cannot be written: change its"):
                upgrade(url)
            with pytest.raises(DatabaseError, match=f"^Database {folder}/new.db: the file cannot be opened"):
                upgrade(f"sqlite:///{folder}/new.db")
            with pytest.raises(DatabaseError, match=r"its folder cannot be made \(Permission denied\)"):
                upgrade(f"sqlite:///{folder}/sub/new.db")
        finally:
            folder.chmod(0o700)


async def test_a_server_that_is_not_there() -> None:
    with socket.socket() as held:  # bound, and nobody listens
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        sentence = await refuse(f"postgresql://mia:hunter2@127.0.0.1:{port}/mojigan")
    assert "the server cannot be reached" in sentence
    assert f"postgresql://mia:***@127.0.0.1:{port}/mojigan" in sentence


async def test_a_server_that_does_not_know_us(postgresql_server: str) -> None:
    sentence = await refuse(f"postgresql://mojigan:hunter2@/nowhere?host={postgresql_server}")
    assert "the database or the user does not exist" in sentence
    sentence = await refuse(f"postgresql://stranger:hunter2@/postgres?host={postgresql_server}")
    assert "the database or the user does not exist" in sentence


async def test_many_readers_and_writers_on_postgresql(postgresql_url: str) -> None:
    await asyncio.to_thread(upgrade, postgresql_url)
    database = Database(postgresql_url)

    async def add(number: int) -> None:
        async with database.write() as session:
            session.add(a_model(f"{number:064}", ModelState.KEPT))

    await asyncio.gather(*(add(number) for number in range(30)))
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(ModelRecord)) == 30
    await database.close()


def test_offsets_become_utc() -> None:
    odd = datetime(2026, 1, 1, 0, 0, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    assert UtcDateTime().process_bind_param(odd, sqlite.dialect()) == datetime(2025, 12, 31, 18, 15, tzinfo=UTC)


def test_what_people_typed_is_readable_by_the_owner_only(tmp_path: Path) -> None:
    """Also in files that SQLite makes beside it, and in a file that an earlier version has made."""
    file = tmp_path / "mojigan.db"
    file.touch(0o644)
    file.chmod(0o644)
    upgrade(f"sqlite:///{file}")
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE more (id INTEGER)")
        connection.commit()
        modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir() if "mojigan.db" in each.name}
    connection.close()
    assert len(modes) > 1
    assert set(modes.values()) == {0o600}, modes
