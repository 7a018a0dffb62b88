"""One sentence for everything that can be wrong with a database from outside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # commands that ask no server wait for no SQLAlchemy
    from sqlalchemy.engine import URL

UPGRADE_COMMAND = "python -m bot db upgrade"

_SQLITE_REASONS = {
    "unable to open database file": "the file cannot be opened: check that its folder exists and may be written",
    "readonly database": "the file or its folder cannot be written: change its permissions",
    "not a database": "this file is not an SQLite database: move it away, or name another file",
    "malformed": "the database file is damaged: restore it from a backup, or move it away to start afresh",
    "database or disk is full": "the disk is full: free some space",
    "database is locked": "another program keeps the database locked: stop it, then try again",
}
_POSTGRESQL_REASONS = {
    "password authentication failed": "the server refuses the user or the password",
    "no password supplied": "the server wants a password, and the URL has none",
    "no pg_hba.conf entry": "the server accepts no such connection from here (pg_hba.conf)",
    "permission denied": "the user may not do this in the database",
    "does not exist": "the database or the user does not exist on the server: create it first",
    "too many connections": "the server has no connection left",
    "too many clients": "the server has no connection left",
    "failed to resolve host": "the server's name is unknown: check the host in the URL",
    "timeout expired": "the server does not answer",
}


class DatabaseError(Exception):
    """A database that cannot be used: one sentence with its name, the reason and what to do."""


class SchemaError(DatabaseError):
    """A database that `upgrade` makes right: absent, empty or older than this version."""


def describe(url: URL) -> str:
    """The database's name for a person: the file of SQLite, or the URL without its password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)


def explain(url: URL, error: BaseException) -> DatabaseError:
    """Turn what a driver raised into the sentence for a person; the driver's own words stay the cause."""
    original = getattr(error, "orig", None) or error
    if url.get_backend_name() == "sqlite":
        return explain_file(describe(url), original)
    words = " ".join(str(original).split())
    if url.password:
        words = words.replace(str(url.password), "***")
    for sign, reason in _POSTGRESQL_REASONS.items():
        if sign in words:
            return DatabaseError(f"Database {describe(url)}: {reason}.")
    if "connection" in words or isinstance(original, ConnectionError | TimeoutError):
        return DatabaseError(
            f"Database {describe(url)}: the server cannot be reached; check that it runs, and the host and port."
        )
    return DatabaseError(f"Database {describe(url)}: {words.rstrip('.') or type(original).__name__}.")


def explain_file(file: Path | str, error: BaseException) -> DatabaseError:
    """The same for a file of SQLite."""
    words = " ".join(str(error).split())
    found = (reason for sign, reason in _SQLITE_REASONS.items() if sign in words)
    return DatabaseError(f"Database {file}: {next(found, words.rstrip('.') or type(error).__name__)}.")


def no_file(file: Path) -> SchemaError:
    """The error for a file of SQLite that is not there yet."""
    return SchemaError(f"Database {file}: there is none yet; run '{UPGRADE_COMMAND}'.")
