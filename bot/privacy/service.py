"""What the database holds about a person: shown to them, and forgotten when they ask for it."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import String, Table, cast, delete, or_, select, update
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

DELETED: tuple[Person, ...] = (Favorite.user_id, Quota.user_id)
"""These rows are a person's own, and are deleted."""

KEPT: tuple[Person, ...] = (BlockedUser.user_id,)
"""What stays: a block is the server's decision."""


FILENAME = "mojigan-my-data.json"


class PrivacyService:
    """Shows a person's rows, and forgets the person."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def mine(self, user_id: int) -> dict[str, Any]:
        """All rows that name a person, the newest first, by table, ready for JSON; ids of others are left out."""
        found: dict[str, Any] = {"user_id": user_id, "as_of": self._clock().isoformat()}
        people = {column.property.columns[0] for column in (*FORGOTTEN, *DELETED, *KEPT)}
        async with self._database.read() as session:
            for person in (*FORGOTTEN, *DELETED, *KEPT):
                table: Table = person.class_.__table__
                own = person.property.columns[0]
                columns = [column for column in table.columns if column not in people or column is own]
                newest = (column.desc() for column in table.primary_key)
                rows = await session.stream(select(*columns).where(own == user_id).order_by(*newest))
                shown = [{name: _plain(value) for name, value in row._mapping.items()} async for row in rows]
                if shown:
                    found[f"{table.name}.{own.name}"] = {"count": len(shown), "rows": shown}
        return found

    async def file(self, user_id: int, limit: int) -> tuple[str, bytes]:
        """The same as a file: its name and its bytes, packed where it has more than `limit` of them."""
        return await asyncio.to_thread(_file, await self.mine(user_id), limit)

    async def forget(self, user_id: int) -> None:
        """Delete what is the person's own, and take the id out of everything else. Posted pictures stay as they are.

        What the person typed for an icon that nobody else sees (never posted for others, or deleted, or in a direct
        message) is replaced by the number it stands for. Of direct messages, nothing stays that leads to them.
        """
        own, direct = Generation.user_id == user_id, Generation.guild_id.is_(None)
        unseen = or_(direct, Generation.message_id.is_(None), Generation.deleted_at.is_not(None))
        number, nowhere = cast(Generation.seed, String(100)), {"channel_id": None, "message_id": None}
        async with self._database.write() as session:
            await session.execute(update(Generation).where(own, unseen).values(seed_text=number))
            await session.execute(update(Generation).where(own, direct).values(**nowhere))
            for column in FORGOTTEN:
                await session.execute(update(column.class_).where(column == user_id).values({column: NOBODY}))
            for column in DELETED:
                await session.execute(delete(column.class_).where(column == user_id))


def _file(rows: dict[str, Any], limit: int) -> tuple[str, bytes]:
    document = json.dumps(rows, ensure_ascii=False, indent=1).encode()
    if len(document) <= limit:
        return FILENAME, document
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(FILENAME, document)
    return f"{FILENAME}.zip", packed.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)
