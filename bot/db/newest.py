"""The newest schema in a file of SQLite: whether it has it, and how a new one gets it. Loads no SQLAlchemy."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import migrations
from bot.db.errors import DatabaseError, explain_file
from generator.folders import make_folder

PRIVATE = 0o600
"""Permissions of an SQLite file: it holds what people typed."""

LOCK_TIMEOUT = 30
"""Seconds that one SQLite writer waits for another."""


def known_revisions() -> list[str]:
    """The revisions that this version of Mojigan knows, newest first: the files are numbered. Blocking."""
    files = (_migrations() / "versions").glob("[0-9]*_*.py")
    return sorted((file.name.partition("_")[0] for file in files), reverse=True)


def snapshot() -> Path:
    """The SQL that makes a new file as all migrations, one after the other, would leave it."""
    return _migrations() / "newest.sql"


def is_newest(file: Path) -> bool:
    """Whether a file can be written and has the newest schema. Blocking; changes nothing. Raises DatabaseError."""
    return _is_newest(file, make=False)


def make_newest(file: Path) -> bool:
    """Give a file that is new, or empty, the newest schema, in one transaction. Blocking. Raises DatabaseError.

    False: the file has another schema, and is as it was.
    """
    prepare_file(file)
    return _is_newest(file, make=True)


def prepare_file(file: Path) -> None:
    """Make the folder that a file will stand in, and open the file once. Blocking. Raises DatabaseError.

    aiosqlite leaves a thread behind when it cannot open a file; here nothing is left.
    """
    try:
        make_folder(file.parent)
        with suppress(OSError):  # SQLite says in its own words what is wrong with a file
            file.touch(mode=PRIVATE)
            file.chmod(PRIVATE)  # one that an earlier version has made; SQLite's files beside it follow
        sqlite3.connect(file).close()
    except OSError as error:
        raise DatabaseError(
            f"Database {file}: its folder cannot be made ({error.strerror}); name another place for it."
        ) from error
    except sqlite3.Error as error:
        raise explain_file(file, error) from error


def _is_newest(file: Path, *, make: bool) -> bool:
    try:
        with closing(sqlite3.connect(file, timeout=LOCK_TIMEOUT, isolation_level=None)) as connection:
            if make:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            if make and not _names(connection):
                for statement in snapshot().read_text("utf-8").split(";\n"):
                    connection.execute(statement)
            found = "alembic_version" in _names(connection)
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone() if found else None
            newest = revision is not None and revision[0] == known_revisions()[0]
            connection.execute("COMMIT" if newest else "ROLLBACK")
            return newest
    except sqlite3.Error as error:
        raise explain_file(file, error) from error


def _names(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def _migrations() -> Path:
    return Path(migrations.__file__).parent
