"""Write the next migration from what the tables in `bot/db/models.py` and the newest migration differ in.

    python -m migrations "add schedules"

Read and complete what it writes. Then write the newest schema down, from which a new file of SQLite is made:

    python -m migrations

Then run the tests: they hold migrations, models and the newest schema together.
"""

from __future__ import annotations

import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from alembic import command
from rich.console import Console

from bot.db.migrating import configuration, migrate_up
from bot.db.newest import known_revisions, snapshot
from bot.db.urls import parse_url, sqlite_url


def write(message: Annotated[str, typer.Argument(help="What the change is for, in a few words.")] = "") -> None:
    """Write the next migration file and name it; without a message, write the newest schema down."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "newest.db"
        migrate_up(sqlite_url(file), "head")
        path = _write_migration(file, message) if message else _write_snapshot(file)
    Console().print(f"Wrote [bold]{path}[/bold]: read it, run the tests.")


def _write_migration(file: Path, message: str) -> Path:
    number = f"{int(known_revisions()[0]) + 1:04}"
    config = configuration(parse_url(sqlite_url(file)))
    config.set_main_option("file_template", f"{number}_{re.sub(r'[^a-z0-9]+', '_', message.lower())}")
    script = command.revision(config, message[:1].upper() + message[1:], autogenerate=True, rev_id=number)
    return Path(str(getattr(script, "path", "?")))


def _write_snapshot(file: Path) -> Path:
    with closing(sqlite3.connect(file)) as connection:
        statements = [
            sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
        ]
    statements.append(f"INSERT INTO alembic_version VALUES ('{known_revisions()[0]}')")  # noqa: S608 - of our own
    snapshot().write_text(";\n".join(statements) + ";\n", "utf-8", newline="\n")
    return snapshot()


if __name__ == "__main__":
    typer.run(write)
