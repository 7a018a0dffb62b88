"""A new file of SQLite is made as all migrations, one after the other, would leave it; any other is left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from bot.db.errors import DatabaseError
from bot.db.migrating import configuration, migrate_up
from bot.db.newest import is_newest, known_revisions, make_newest, snapshot
from bot.db.upgrade import upgrade

NOTHING = ["BEGIN TRANSACTION;", "COMMIT;"]


def content(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def test_a_new_file_is_what_all_migrations_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statement for statement, and without Alembic: newest.sql is written by `python -m migrations`."""
    migrate_up(f"sqlite:///{tmp_path}/migrated.db", "head")
    monkeypatch.setattr("bot.db.migrating.migrate_up", None)
    upgrade(f"sqlite:///{tmp_path}/new/new.db")
    assert content(tmp_path / "new" / "new.db") == content(tmp_path / "migrated.db")
    upgrade(f"sqlite:///{tmp_path}/migrated.db")


def test_the_numbers_of_the_migrations_are_their_order() -> None:
    scripts = ScriptDirectory.from_config(configuration()).walk_revisions()
    assert [script.revision for script in scripts] == known_revisions()


def test_a_newest_schema_that_was_not_written_down_is_migrated_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = snapshot().read_text().replace(f"('{known_revisions()[0]}')", f"('{known_revisions()[1]}')")
    (tmp_path / "old.sql").write_text(old)
    monkeypatch.setattr("bot.db.newest.snapshot", lambda: tmp_path / "old.sql")
    assert not make_newest(tmp_path / "mojigan.db")
    assert content(tmp_path / "mojigan.db") == NOTHING
    upgrade(f"sqlite:///{tmp_path}/mojigan.db")
    assert is_newest(tmp_path / "mojigan.db")


def test_a_newest_schema_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.sql").write_text("CREATE TABLE models (id INTEGER);\nCREATE TABLE models (id INTEGER);\n")
    monkeypatch.setattr("bot.db.newest.snapshot", lambda: tmp_path / "broken.sql")
    with pytest.raises(DatabaseError, match="table models already exists"):
        upgrade(f"sqlite:///{tmp_path}/mojigan.db")
    assert content(tmp_path / "mojigan.db") == NOTHING


@pytest.mark.parametrize("revision", [None, "0001", "0999"])
def test_a_file_with_another_schema_is_left_as_it_is(tmp_path: Path, revision: str | None) -> None:
    file = tmp_path / "mojigan.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        if revision is not None:
            connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        connection.commit()
    before = content(file)
    assert not is_newest(file)
    assert not make_newest(file)
    assert content(file) == before
