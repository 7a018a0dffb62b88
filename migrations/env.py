"""What alembic runs for every command: one asynchronous connection, one transaction, one process at a time."""

from __future__ import annotations

import asyncio
from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, Enum, text

from bot.db.errors import DatabaseError, describe
from bot.db.migrating import look, not_ours
from bot.db.models import Base, UtcDateTime
from bot.db.session import create_engine

_LOCK = 0x6D6F6A69
"""Key of PostgreSQL's advisory lock ("moji"). On SQLite the transaction itself locks the file."""


def _render(kind: str, item: object, _: AutogenContext) -> str | Literal[False]:
    """Write our own column types as the plain ones beneath: a migration does not change when the models do."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Enum):
        return f"sa.String(length={item.length})"
    return False


def _migrate(connection: Connection) -> None:
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    revision, tables = look(connection)
    if revision is None and tables:
        raise not_ours(context.config.attributes["url"], tables)
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite changes a table by building a new one
        transactional_ddl=True,  # true on SQLite too, because our engine opens its transactions itself
        compare_server_default=True,
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()
    if sqlite:
        broken = connection.execute(text("PRAGMA foreign_key_check")).first()
        if broken is not None:
            name = describe(context.config.attributes["url"])
            raise DatabaseError(
                f"Database {name}: rows of {broken[0]} would name rows of {broken[2]} that do not exist; "
                "nothing was changed."
            )


async def _run() -> None:
    # Foreign keys stay off while tables are rebuilt (SQLite would empty what refers to them); checked at the end.
    engine = create_engine(context.config.attributes["url"], foreign_keys=False)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_migrate)
    finally:
        await engine.dispose()


asyncio.run(_run())
