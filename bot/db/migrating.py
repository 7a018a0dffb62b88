"""The migrations, as Alembic runs them, and the check that a database has the newest schema."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script.revision import ResolutionError
from alembic.util.exc import CommandError
from sqlalchemy import Connection, inspect
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

import bot.db.guilds
import bot.db.retraining
import bot.db.schedules  # noqa: F401 - their tables join those of the models
import migrations
from bot.db.errors import UPGRADE_COMMAND, DatabaseError, SchemaError, describe, explain, no_file
from bot.db.models import Base
from bot.db.newest import known_revisions
from bot.db.session import Database, prepare
from bot.db.urls import parse_url, sqlite_file

_ALEMBIC_LOCK = threading.Lock()
"""Alembic keeps the migration in hand in a module of its own, so a process can run one at a time."""


def migrate_up(url: str, revision: str) -> None:
    """Run the migrations that lead to `revision`, as `upgrade` says. Blocking. Raises DatabaseError."""
    _migrate(url, revision, command.upgrade)


def downgrade(url: str, revision: str) -> None:
    """Take the database back to `revision` ("base": no tables). Blocking. Raises DatabaseError."""
    _migrate(url, revision, command.downgrade)


async def require_head(database: Database) -> None:
    """Check that the database can be reached and has the newest schema. Raises DatabaseError, SchemaError among them.

    A file that is not there is not created.
    """
    name = describe(database.url)
    file = sqlite_file(database.url)
    if file is not None and not await asyncio.to_thread(file.exists):
        raise no_file(file)
    await database.connect()
    try:
        async with database.engine.connect() as connection:
            current, strangers = await connection.run_sync(look)
    except (SQLAlchemyError, OSError) as error:
        raise explain(database.url, error) from error
    known = await asyncio.to_thread(known_revisions)
    if current == known[0]:
        return
    if current is None and strangers:
        raise not_ours(database.url, strangers)
    if current is None:
        raise SchemaError(f"Database {name}: it is empty; run '{UPGRADE_COMMAND}'.")
    if current in known:
        raise SchemaError(f"Database {name}: it is older than this Mojigan; run '{UPGRADE_COMMAND}'.")
    raise _newer(database.url, current)


def look(connection: Connection) -> tuple[str | None, list[str]]:
    """The revision of a database, and those of its tables that have the names of ours."""
    heads = MigrationContext.configure(connection).get_current_heads()
    tables = set(inspect(connection).get_table_names())
    return (heads[0] if heads else None), sorted(tables & set(Base.metadata.tables))


def configuration(url: URL | None = None) -> Config:
    """Alembic's configuration without a file: the migrations lie in the installed package."""
    config = Config(attributes={"url": url})
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def not_ours(url: URL, tables: list[str]) -> DatabaseError:
    """The error for a database without a revision in which tables of our names stand."""
    return DatabaseError(
        f"Database {describe(url)}: another program's tables are in it ({', '.join(tables)}); "
        "give Mojigan a database of its own."
    )


def _newer(url: URL, revision: str) -> DatabaseError:
    return DatabaseError(
        f"Database {describe(url)}: a newer Mojigan has written it (revision {revision}); update Mojigan."
    )


def _migrate(url: str, revision: str, migrate: Callable[[Config, str], None]) -> None:
    target = parse_url(url)
    prepare(target)
    try:
        with _ALEMBIC_LOCK:
            migrate(configuration(target), revision)
    except CommandError as error:
        # Alembic names the unknown revision in its cause; the one in the database is the only one that can be unknown.
        if isinstance(error.__cause__, ResolutionError):
            raise _newer(target, error.__cause__.argument) from error
        raise
    except (SQLAlchemyError, OSError) as error:
        raise explain(target, error) from error
