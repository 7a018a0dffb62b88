"""What the database holds about a person: shown to them, and forgotten when they ask for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import String, Table, cast, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from bot.db.guilds import BlockedUser, Quota
from bot.db.models import NOBODY, Favorite, Generation
from bot.db.retraining import RetrainJob
from bot.db.schedules import Schedule
from bot.db.session import Database

Person: TypeAlias = InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
"""A column that holds somebody's id."""

FORGOTTEN: tuple[Person, ...] = (
    Generation.user_id,
    Schedule.user_id,
    RetrainJob.user_id,
    RetrainJob.cancelled_by,
    BlockedUser.blocked_by,
)
"""Here NOBODY takes a person's place: the row belongs to a server, or to a picture that others see."""

DELETED: tuple[Person, ...] = (Favorite.user_id,)
"""These rows are a person's own, and are deleted."""

KEPT: tuple[Person, ...] = (BlockedUser.user_id, Quota.user_id)
"""What stays: a block is the server's decision, and the hour of a quota is deleted soon after its end."""

MOST_ROWS = 5_000
"""Rows of a table that are shown, the newest first: Discord takes files of 10 MiB."""


class PrivacyService:
    """Shows a person's rows, and forgets the person."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def mine(self, user_id: int) -> dict[str, Any]:
        """All rows that name a person, by table, ready for JSON; ids of other people are left out."""
        found: dict[str, Any] = {"user_id": user_id, "as_of": self._clock().isoformat()}
        people = {column.property.columns[0] for column in (*FORGOTTEN, *DELETED, *KEPT)}
        async with self._database.read() as session:
            for person in (*FORGOTTEN, *DELETED, *KEPT):
                table: Table = person.class_.__table__
                own = person.property.columns[0]
                columns = [column for column in table.columns if column not in people or column is own]
                rows = await session.execute(
                    select(*columns)
                    .where(own == user_id)
                    .order_by(*(column.desc() for column in table.primary_key))
                    .limit(MOST_ROWS)
                )
                shown = [{name: _plain(value) for name, value in row._mapping.items()} for row in rows]
                count = await session.scalar(select(func.count()).select_from(table).where(own == user_id))
                if count:
                    found[f"{table.name}.{own.name}"] = {"count": count, "rows": shown}
        return found

    async def forget(self, user_id: int) -> None:
        """Delete what is the person's own, and take the id out of everything else. Posted pictures stay as they are.

        What the person typed for an icon that was never posted for others is replaced by the number it stands for.
        """
        async with self._database.write() as session:
            unseen = (Generation.user_id == user_id, Generation.message_id.is_(None))
            await session.execute(
                update(Generation).where(*unseen).values(seed_text=cast(Generation.seed, String(100)))
            )
            for column in FORGOTTEN:
                await session.execute(update(column.class_).where(column == user_id).values({column: NOBODY}))
            for column in DELETED:
                await session.execute(delete(column.class_).where(column == user_id))


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)
