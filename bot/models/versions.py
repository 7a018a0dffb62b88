"""The kept models as people see them: a list, one with all its figures, a way back, and a limit to their disk space."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from sqlalchemy import CursorResult, select, union, update

from bot.db.guilds import GuildSettings
from bot.db.models import Favorite, Generation, ModelRecord, ModelState, model_name
from bot.db.schedules import Schedule
from bot.db.session import Database
from bot.models.library import Model, ModelLibrary
from bot.settings import Settings
from bot.talk.refusals import ServiceError
from generator.card import Card
from generator.files import CARD, SAMPLES

log = logging.getLogger(__name__)

_LIKE_A_VERSION = re.compile(r"m?\d+(-\w*)?", re.IGNORECASE | re.ASCII)


class NoModelError(ServiceError):
    """There is no such model, or its bundle was deleted. No parameters."""

    key = "error.no_model"


class ThemeError(ServiceError):
    """A theme would be taken for a version. No parameters."""

    key = "error.theme_version"


class NothingBeforeError(ServiceError):
    """No other model has served before. No parameters."""

    key = "error.no_rollback"


@dataclass(frozen=True)
class Version:
    """A model of the database, with the card of its bundle when that is still there."""

    id: int
    version: str
    state: ModelState
    created_at: datetime
    activated_at: datetime | None
    configured_at: datetime | None
    path: Path
    card: Card | None
    theme: str | None = None

    @property
    def name(self) -> str:
        """What cards call it."""
        return model_name(self.version, self.theme)

    @property
    def since(self) -> datetime:
        """What its age is counted from."""
        return self.activated_at or self.created_at


class VersionService:
    """Knows the models that can be drawn with, and frees their space in a fixed order."""

    def __init__(self, settings: Settings, database: Database, library: ModelLibrary) -> None:
        self._database = database
        self._library = library
        self._data = settings.data
        self._limit = settings.models_limit * 2**30

    async def kept(self) -> list[Version]:
        """All models whose bundle is there, the newest first."""
        found = await self._all()
        return [each for each in reversed(found) if each.card is not None]

    async def find(self, typed: str) -> Version:
        """The model that is meant by `m3-9f2c`, `m3`, `3` or its theme. Raises NoModelError."""
        return _meant(typed, await self.kept())

    async def drawable(self) -> list[Version]:
        """The models that an icon can be asked of, those with a theme first, then the newest.

        They are the ones that were not turned down, or have got a theme all the same.
        """
        found = [each for each in await self.kept() if each.theme or each.state is not ModelState.REJECTED]
        return sorted(found, key=lambda each: (each.theme is None, (each.theme or "").casefold()))

    async def find_drawable(self, typed: str) -> Version:
        """As `find`, among those that an icon can be asked of."""
        return _meant(typed, await self.drawable())

    async def name_of(self, model_id: int) -> str:
        """What cards call a model, also one that is gone. Raises LookupError where there never was one."""
        async with self._database.read() as session:
            record = await session.get(ModelRecord, model_id)
        if record is None:
            raise LookupError(f"There is no model {model_id}.")
        return record.name

    async def set_theme(self, version: Version, theme: str | None) -> Version | None:
        """Give a model a theme, or take it away (None): the model that had this theme before, and loses it.

        Servers and schedules that had that one for its theme go along to the new one. Raises ThemeError for what would
        be taken for a version.
        """
        if theme is not None and _LIKE_A_VERSION.fullmatch(theme):
            raise ThemeError(f"{theme!r} looks like a version")
        async with self._library.changing, self._database.write() as session:
            (await session.get_one(ModelRecord, version.id)).theme = None
            named = await session.scalars(select(ModelRecord).where(ModelRecord.theme.is_not(None)))
            wanted = None if theme is None else theme.casefold()
            before = [each for each in named if (each.theme or "").casefold() == wanted]
            for each in before:
                each.theme = None
                for table in (GuildSettings, Schedule):
                    moved = update(table).where(table.model_id == each.id).values(model_id=version.id)
                    await session.execute(moved)
            await session.flush()
            (await session.get_one(ModelRecord, version.id)).theme = theme
            old = {each.id for each in before}
        return next((each for each in await self._all() if each.id in old), None)

    async def samples(self, version: Version) -> bytes:
        """A model's sheet of fixed seeds. Raises NoModelError when its bundle is no longer there."""
        try:
            return await asyncio.to_thread((version.path / SAMPLES).read_bytes)
        except OSError as error:
            raise NoModelError(f"{version.path} cannot be read: {error}") from error

    async def roll_back(self) -> Model:
        """Let the model serve again that served before. Raises NothingBeforeError and ModelGoneError."""
        before = previous(await self.kept())
        if before is None:
            raise NothingBeforeError("no other model has served")
        return await self._library.activate(before.id)

    async def prune(self) -> list[str]:
        """Delete bundles until the rest stays below the limit, in the order of `deletion_order`; their versions."""
        async with self._library.changing:
            gone = await self._prune()
        if gone:
            log.info("deleted to keep the models below their limit: %s", ", ".join(gone))
        return gone

    async def _prune(self) -> list[str]:
        versions = [each for each in await self._all() if each.state is not ModelState.GONE]
        sizes = {each.id: await asyncio.to_thread(_size, each.path) for each in versions}
        total, gone = sum(sizes.values()), []
        keep = {self._library.active.id, *await self._favorites(), *await self._chosen()}
        for each in deletion_order(versions, keep):
            if total <= self._limit:
                break
            same = (ModelRecord.id == each.id, ModelRecord.state == each.state)
            query = update(ModelRecord).where(*same).values(state=ModelState.GONE)
            async with self._database.write() as session:
                found = cast("CursorResult[Any]", await session.execute(query)).rowcount
            if not found:  # another process has let it serve since we looked
                continue
            await asyncio.to_thread(shutil.rmtree, each.path, ignore_errors=True)
            total -= sizes[each.id]
            gone.append(each.version)
        return gone

    async def _favorites(self) -> set[int]:
        """Models whose icons somebody holds dear."""
        query = select(Generation.model_id).join(Favorite, Favorite.generation_id == Generation.id).distinct()
        async with self._database.read() as session:
            return set(await session.scalars(query))

    async def _chosen(self) -> set[int]:
        """Models that have a theme, or that a server or a schedule has chosen."""
        themed = select(ModelRecord.id).where(ModelRecord.theme.is_not(None))
        chosen = [select(table.model_id).where(table.model_id.is_not(None)) for table in (GuildSettings, Schedule)]
        async with self._database.read() as session:
            return {each for each in await session.scalars(union(themed, *chosen)) if each is not None}

    async def _all(self) -> list[Version]:
        async with self._database.read() as session:
            records = list(await session.scalars(select(ModelRecord).order_by(ModelRecord.id)))
        return await asyncio.to_thread(self._with_cards, records)

    def _with_cards(self, records: Sequence[ModelRecord]) -> list[Version]:
        return [
            Version(
                each.id,
                each.version,
                each.state,
                each.created_at,
                each.activated_at,
                each.configured_at,
                self._data / each.path,
                None if each.state is ModelState.GONE else _read_card(self._data / each.path),
                each.theme,
            )
            for each in records
        ]


def _meant(typed: str, versions: Sequence[Version]) -> Version:
    """What somebody means who types a version, the beginning of one, or a theme. Raises NoModelError."""
    wanted = typed.strip().strip("`").casefold()
    for each in versions:
        if wanted in (
            each.version,
            each.version.partition("-")[0],
            str(each.id),
            (each.theme or "").casefold() or None,
        ):
            return each
    raise NoModelError(f"there is no model {typed!r}")


def previous(versions: Sequence[Version]) -> Version | None:
    """The model that served before the present one: of the kept ones, the one that began last."""
    kept = [each for each in versions if each.state is ModelState.KEPT]
    return max(kept, key=lambda each: (each.since, each.id), default=None)


def deletion_order(versions: Sequence[Version], keep: Iterable[int]) -> list[Version]:
    """Which bundles may go, in this order: those turned down, then the kept ones, each the oldest first.

    Never those of `keep`, the active one, the one of the settings, and the one that a rollback needs.
    """
    configured = max(
        ((each.configured_at, each.id) for each in versions if each.configured_at is not None), default=(None, 0)
    )[1]
    before = previous(versions)
    stay = {*keep, configured} | ({before.id} if before else set())
    spare = [each for each in versions if each.id not in stay and each.state is not ModelState.ACTIVE]
    return sorted(spare, key=lambda each: (each.state is not ModelState.REJECTED, each.since, each.id))


def _read_card(path: Path) -> Card | None:
    try:
        return Card.model_validate_json((path / CARD).read_bytes())
    except (OSError, ValidationError):
        return None


def _size(path: Path) -> int:
    """Bytes of the files in a folder; 0 when it is not there."""
    try:
        return sum(file.stat().st_size for file in path.iterdir())
    except OSError:
        return 0
