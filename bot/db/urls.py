"""Where a database is: URLs, and the files of SQLite. Those of a file are read and written without SQLAlchemy.

Its import takes half of the time in which a command that asks no server is done.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from bot.db.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_SQLITE_NAMES = {"sqlite", "sqlite+aiosqlite"}
_POSTGRESQL_NAMES = {"postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg_async"}
_FILE = re.compile(r"sqlite(?:\+aiosqlite)?:///(?P<name>[^?]+)")


def parse_url(address: str) -> URL:
    """Read a database URL and put the async driver in: `sqlite:///FILE`, `postgresql://…` or `postgres://…`.

    Raises DatabaseError with a sentence that never quotes the URL, which may hold a password; also where one @ too many
    leaves open where the password ends, as what follows it would be shown as the host or the database.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(address.strip())
    except (ArgumentError, ValueError) as error:
        raise DatabaseError(
            "This is not a database URL; write sqlite:///FILE or postgresql://USER@HOST/NAME."
        ) from error
    if url.drivername in _SQLITE_NAMES:
        if not _is_file(url.database):
            raise DatabaseError("SQLite needs a file of its own, as in sqlite:///data/mojigan.db.")
        return url.set(drivername="sqlite+aiosqlite")
    if url.drivername in _POSTGRESQL_NAMES:
        if address.count("@") > 1 or any("@" in (part or "") for part in (url.host, url.database)):
            raise DatabaseError(
                "It cannot be told where the password in the database URL ends: in user and password write @ as %40, "
                "/ as %2F, : as %3A, # as %23, ? as %3F and % as %25."
            )
        return url.set(drivername="postgresql+psycopg")
    raise DatabaseError(
        f"The database {url.drivername!r} is not supported; use sqlite:///FILE or postgresql://USER@HOST/NAME."
    )


def normal_url(address: str) -> str:
    """The URL as `parse_url` reads it, written out, with its password. Raises DatabaseError."""
    file = plain_file(address)
    return parse_url(address).render_as_string(hide_password=False) if file is None else sqlite_url(file)


def plain_file(address: str) -> Path | None:
    """The file of an SQLite URL without options; None for every other address."""
    found = _FILE.fullmatch(address.strip())
    name = unquote(found["name"]) if found else None
    return Path(name) if name and _is_file(name) else None


def sqlite_url(file: Path) -> str:
    """The URL of an SQLite file, whatever its name."""
    if str(file).startswith("file:"):  # which SQLite would take for an address of its own
        file = file.absolute()
    return f"sqlite+aiosqlite:///{quote(str(file), safe='+/')}"  # who reads it strips spaces


def sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite database, None for a server."""
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def _is_file(name: str | None) -> bool:
    return name is not None and name not in {"", ":memory:"} and not name.startswith("file:") and "\0" not in name
