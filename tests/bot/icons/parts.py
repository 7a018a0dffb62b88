"""What the tests of the service of icons share: a clock that ticks, and a service on a small model."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from bot.db.models import Generation
from bot.db.session import Database
from bot.icons.rows import Origin
from bot.icons.service import IconService
from bot.models.library import ModelLibrary
from bot.settings import Settings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


HERE = Origin(guild_id=2**62, channel_id=2**62 + 1, user_id=2**62 + 2)


class Clock:
    """A clock that stands still until it is set."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


async def build(database: Database, bundle: Path, data: Path, clock: Clock) -> tuple[IconService, ModelLibrary]:
    found = Settings(bundle=bundle, data=data, device="cpu", _env_file=None)  # type: ignore[call-arg]  # pydantic-settings adds it
    library = ModelLibrary(found, database, clock)
    await library.open()
    return IconService(database, library, clock), library


async def rows(database: Database) -> list[Generation]:
    async with database.read() as session:
        return list(await session.scalars(select(Generation).order_by(Generation.id)))
