"""The models that the bot can draw with: the one that serves, and the older ones that old messages still name."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import ModelRecord, ModelState, model_name
from bot.db.session import Database
from bot.models.copies import keep_copy
from bot.settings import DEFAULT_BUNDLE, Settings
from bot.talk.refusals import ServiceError
from generator.checkpoint import Bundle, read_bundle
from generator.choice import Choice
from generator.files import BundleError
from generator.neighborhood import Neighborhood
from generator.studio import DeviceError, Studio

log = logging.getLogger(__name__)

OPEN_KEPT_MODELS = 3
"""Models that stay in memory beside the active one; the one that was not used for longest goes first.

One like that which ships takes some 25 MB, and a quarter of a second to load: whoever waits for another one meanwhile
hardly waits longer.
"""

_REGISTRATIONS = 5
"""Attempts to register a model against other processes that do the same at this moment."""


Along: TypeAlias = Callable[[AsyncSession, int], Awaitable[None]]
"""What is written in the transaction in which a model begins to serve, whose id it is told. It may raise: then neither
happens."""


class ModelGoneError(ServiceError):
    """The model of an old message can no longer be loaded. Parameter: `version`."""

    key = "error.model_gone"


@dataclass(frozen=True, eq=False)
class Model:
    """A bundle that is ready to draw."""

    id: int
    version: str
    """The short name that people see: `m3-9f2c`."""
    bundle: Bundle
    studio: Studio
    neighborhood: Neighborhood
    choice: Choice
    theme: str | None = None
    """As it was when somebody began to work with the model."""

    @property
    def name(self) -> str:
        """What cards call it."""
        return model_name(self.version, self.theme)


@dataclass(eq=False)
class _Slot:
    """A model in memory, how many are at work with it, and whether the last of them has to close it."""

    model: Model
    users: int = 0
    retired: bool = False


class ModelLibrary:
    """Knows all models by their row in `models`; keeps a copy of each bundle in the data folder."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Callable[[], datetime],
        observe: Callable[[float], None] | None = None,
    ) -> None:
        """`observe` is told the seconds that each drawing took, with the time that it waited."""
        self._observe = observe
        self._settings = settings
        self._database = database
        self._clock = clock
        self._active: Model | None = None
        self._slots: OrderedDict[int, _Slot] = OrderedDict()  # least recently used first
        self._opening = asyncio.Lock()
        self._unknown: int | None = None
        """The model that serves by the database, and cannot be loaded here."""
        self.changing = asyncio.Lock()
        """Held by whoever keeps, adopts or deletes a model: none is deleted that is about to serve."""

    @property
    def active(self) -> Model:
        """The model that new icons are drawn with."""
        if self._active is None:
            raise RuntimeError("The model library is not open.")
        return self._active

    @property
    def is_open(self) -> bool:
        """Whether there is a model to draw with."""
        return self._active is not None

    @property
    def waiting(self) -> int:
        """Icons that were ordered and are not drawn yet, by all models in memory."""
        return sum(slot.model.studio.waiting for slot in self._slots.values())

    async def open(self) -> None:
        """Read the bundle of the settings, keep a copy of it, register it as the active model, and load it.

        While the settings name the same bundle as at the last start, or the one that comes with Mojigan, as at the last
        start, the model that was adopted since then serves on.
        Raises BundleError or DeviceError, one sentence each, before anything is registered.
        """
        settings = self._settings
        source = await asyncio.to_thread(read_bundle, settings.bundle)
        configured = await asyncio.to_thread(keep_copy, source, settings.data)
        kept = await self._adopted(configured) or configured
        studio, neighborhood, choice = await asyncio.to_thread(_load, kept, settings.device, self._observe)
        try:
            record = await self._register(kept, configured=configured)
        except BaseException:
            await asyncio.to_thread(studio.close)
            raise
        self._active = Model(record.id, record.version, kept, studio, neighborhood, choice)
        self._slots[record.id] = _Slot(self._active)
        log.info("model %s draws on %s: %s", record.version, studio.device, kept.path)

    async def keep(self, source: Path) -> int:
        """Keep a copy of a bundle as a model that was turned down, unless it is known already; its row.

        Raises BundleError.
        """
        async with self.changing:
            return await self._keep(source)

    async def _keep(self, source: Path) -> int:
        bundle = await asyncio.to_thread(read_bundle, source)
        kept = await asyncio.to_thread(keep_copy, bundle, self._settings.data)
        async with self._database.write() as session:
            record = await self._record(session, kept)
            if record.state is ModelState.GONE:
                record.state = ModelState.REJECTED
            await session.flush()
            return record.id

    async def adopt(self, source: Path, along: Along) -> Model:
        """Keep a bundle and let it draw from now on, with what is written `along`: all of it or nothing.

        Raises BundleError, ModelGoneError, DeviceError and what `along` raises.
        """
        async with self.changing:
            return await self._activate(await self._keep(source), along)

    async def activate(self, model_id: int) -> Model:
        """Let a model draw from now on. Requests that are at work finish with the model that they have.

        Raises ModelGoneError, and DeviceError when it cannot be loaded; then all stays as it was.
        """
        async with self.changing:
            return await self._activate(model_id)

    async def _activate(self, model_id: int, along: Along | None = None) -> Model:
        while True:
            slot = await self._slot(model_id)
            await self._register(slot.model.bundle, along=along)
            if self._slots.get(model_id) is slot:  # else it was put out of memory meanwhile
                self._active = slot.model
                log.info("model %s draws from now on", slot.model.version)
                return slot.model

    async def look(self) -> None:
        """Follow an adoption that another process has made, as far as its model lies on this machine, too."""
        before = self.active
        async with self._database.read() as session:
            serving = await session.scalar(select(ModelRecord.id).where(ModelRecord.state == ModelState.ACTIVE))
        if serving is None or serving in (before.id, self._unknown):
            return
        try:
            slot = await self._slot(serving)
        except (ModelGoneError, DeviceError) as error:
            self._unknown = serving
            log.warning("another process lets m%d serve; here, %s draws on: %s", serving, before.version, error)
            return
        if self._active is before:  # else it was changed here meanwhile
            self._active = slot.model
            log.info("model %s draws from now on, as another process has said", slot.model.version)

    async def get(self, model_id: int) -> Model:
        """A model by its row, loaded if need be. Whoever works with it over an `await` takes `use` instead.

        Raises ModelGoneError when its bundle is no longer there, or is damaged.
        """
        return (await self._slot(model_id)).model

    @asynccontextmanager
    async def use(self, model_id: int | None = None) -> AsyncIterator[Model]:
        """A model (by default the active one) that is not closed before the block ends. Raises ModelGoneError."""
        if model_id is None:
            await self.look()
        slot = await self._slot(self.active.id if model_id is None else model_id)
        slot.users += 1
        try:
            async with self._database.read() as session:
                theme = await session.scalar(select(ModelRecord.theme).where(ModelRecord.id == slot.model.id))
            yield slot.model if theme is None else replace(slot.model, theme=theme)
        finally:
            slot.users -= 1
            if slot.retired and not slot.users:
                await asyncio.to_thread(slot.model.studio.close)

    async def aclose(self) -> None:
        """Close all studios, after the work that they have in hand."""
        async with self._opening:
            self._active = None
            while self._slots:
                _, slot = self._slots.popitem()
                slot.retired = True
                await asyncio.to_thread(slot.model.studio.close)

    async def _slot(self, model_id: int) -> _Slot:
        active = self.active  # raises when the library is closed
        if model_id not in self._slots:
            async with self._opening:
                if model_id not in self._slots:  # somebody may have opened it while we waited
                    self._slots[model_id] = _Slot(await self._load_kept(model_id))
                    await self._retire(active)
        self._slots.move_to_end(model_id)
        return self._slots[model_id]

    async def _retire(self, active: Model) -> None:
        """Drop the models that were not used for longest; one that is at work is closed by the last who uses it."""
        spare = [model_id for model_id in self._slots if model_id != active.id]
        for model_id in spare[:-OPEN_KEPT_MODELS]:
            slot = self._slots.pop(model_id)
            slot.retired = True
            if not slot.users:
                await asyncio.to_thread(slot.model.studio.close)

    async def _load_kept(self, model_id: int) -> Model:
        async with self._database.read() as session:
            record = await session.get(ModelRecord, model_id)
        if record is None:
            raise ModelGoneError(f"There is no model m{model_id} in the database.", version=f"m{model_id}")
        folder = self._settings.data / record.path
        try:
            bundle = await asyncio.to_thread(read_bundle, folder)
            if bundle.digest != record.digest:
                raise BundleError(f"{folder}: this is another bundle than the one that was kept here.")
        except BundleError as error:
            log.warning("model %s can no longer be loaded: %s", record.version, error)
            raise ModelGoneError(f"The model {record.version} is gone.", version=record.version) from error
        loaded = await asyncio.to_thread(_load, bundle, self._settings.device, self._observe)
        return Model(record.id, record.version, bundle, *loaded)

    async def _adopted(self, configured: Bundle) -> Bundle | None:
        """What was adopted since the settings began to name this bundle; None: nothing, or it can no longer be read."""
        latest = select(ModelRecord).where(ModelRecord.configured_at.is_not(None))
        latest = latest.order_by(ModelRecord.configured_at.desc(), ModelRecord.id.desc()).limit(1)
        async with self._database.read() as session:
            before = await session.scalar(latest)
            active = await session.scalar(select(ModelRecord).where(ModelRecord.state == ModelState.ACTIVE))
        if before is None or active is None or active.digest in (before.digest, configured.digest):
            return None
        if before.digest != configured.digest and not (self._ships and before.shipped is not False):
            return None
        try:
            return await asyncio.to_thread(read_bundle, self._settings.data / active.path)
        except BundleError as error:
            log.warning("model %s can no longer be loaded, that of the settings takes over: %s", active.version, error)
            return None

    @property
    def _ships(self) -> bool:
        """Whether the settings name what comes with Mojigan: they do so where nobody has chosen anything."""
        return self._settings.bundle == DEFAULT_BUNDLE

    async def _register(
        self, bundle: Bundle, *, configured: Bundle | None = None, along: Along | None = None
    ) -> ModelRecord:
        for attempt in range(1, _REGISTRATIONS + 1):
            try:
                async with self._database.write() as session:
                    if configured is not None:
                        named = await self._record(session, configured)
                        if named.state is ModelState.GONE:
                            named.state = ModelState.REJECTED
                        named.configured_at, named.shipped = self._clock(), self._ships
                    record = await self._make_active(session, bundle, opening=configured is not None)
                    if along is not None:
                        await along(session, record.id)
                    return record
            except IntegrityError:  # another process has just registered a model
                if attempt == _REGISTRATIONS:
                    raise
        raise AssertionError

    async def _make_active(self, session: AsyncSession, bundle: Bundle, *, opening: bool) -> ModelRecord:
        others = (ModelRecord.state == ModelState.ACTIVE) & (ModelRecord.digest != bundle.digest)
        await session.execute(update(ModelRecord).where(others).values(state=ModelState.KEPT))
        record = await self._record(session, bundle)
        if record.state is ModelState.GONE and not opening:  # another process has just deleted its bundle
            raise ModelGoneError(f"The model {record.version} is gone.", version=record.version)
        if record.state is not ModelState.ACTIVE:
            record.activated_at = self._clock()
        record.state = ModelState.ACTIVE
        await session.flush()
        return record

    async def _record(self, session: AsyncSession, bundle: Bundle) -> ModelRecord:
        """The row of a bundle, a new one if need be, with what the bundle says of itself."""
        query = select(ModelRecord).where(ModelRecord.digest == bundle.digest).with_for_update()
        record = await session.scalar(query)
        if record is None:
            record = ModelRecord(digest=bundle.digest, state=ModelState.REJECTED, created_at=self._clock())
            session.add(record)
        record.path = bundle.path.relative_to(self._settings.data).as_posix()
        record.metrics = {name: figure.model_dump() for name, figure in bundle.card.metrics.items()}
        return record


def _load(
    bundle: Bundle, device: str, observe: Callable[[float], None] | None = None
) -> tuple[Studio, Neighborhood, Choice]:
    neighborhood = Neighborhood(bundle)
    return Studio(bundle, device, observe), neighborhood, Choice(bundle, neighborhood)
