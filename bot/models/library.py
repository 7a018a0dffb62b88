"""The models that the bot can draw with: the one that serves, and the older ones that old messages still name."""

from __future__ import annotations

import asyncio
import fcntl
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import ModelRecord, ModelState
from bot.db.session import Database
from bot.settings import Settings
from bot.talk.refusals import ServiceError
from generator.checkpoint import CARD, FILES, Bundle, BundleError, read_bundle
from generator.folders import recover_folder, swap_in_folder
from generator.neighborhood import Neighborhood
from generator.studio import Studio

log = logging.getLogger(__name__)

OPEN_KEPT_MODELS = 3
"""Older models that stay in memory beside the active one; the one that was not used for longest goes first."""

_FOLDER_DIGITS = 12
_REGISTRATIONS = 5
"""Attempts to register a model against other processes that do the same at this moment."""


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

        While the settings name the same bundle as at the last start, the model that was adopted since then serves on.
        Raises BundleError or DeviceError, one sentence each, before anything is registered.
        """
        settings = self._settings
        source = await asyncio.to_thread(read_bundle, settings.bundle)
        configured = await asyncio.to_thread(keep_copy, source, settings.data)
        kept = await self._adopted(configured) or configured
        studio, neighborhood = await asyncio.to_thread(_load, kept, settings.device, self._observe)
        try:
            record = await self._register(kept, configured=kept is configured)
        except BaseException:
            await asyncio.to_thread(studio.close)
            raise
        self._active = Model(record.id, record.version, kept, studio, neighborhood)
        self._slots[record.id] = _Slot(self._active)
        log.info("model %s draws on %s: %s", record.version, studio.device, kept.path)

    async def keep(self, source: Path) -> int:
        """Keep a copy of a bundle as a model that was turned down, unless it is known already; its row.

        Raises BundleError.
        """
        bundle = await asyncio.to_thread(read_bundle, source)
        kept = await asyncio.to_thread(keep_copy, bundle, self._settings.data)
        async with self._database.write() as session:
            record = await self._record(session, kept)
            if record.state is ModelState.GONE:
                record.state = ModelState.REJECTED
            await session.flush()
            return record.id

    async def activate(self, model_id: int) -> Model:
        """Let a model draw from now on. Requests that are at work finish with the model that they have.

        Raises ModelGoneError, and DeviceError when it cannot be loaded; then all stays as it was.
        """
        while True:
            slot = await self._slot(model_id)
            await self._register(slot.model.bundle)
            if self._slots.get(model_id) is slot:  # else it was put out of memory meanwhile
                self._active = slot.model
                log.info("model %s draws from now on", slot.model.version)
                return slot.model

    async def get(self, model_id: int) -> Model:
        """A model by its row, loaded if need be. Whoever works with it over an `await` takes `use` instead.

        Raises ModelGoneError when its bundle is no longer there, or is damaged.
        """
        return (await self._slot(model_id)).model

    @asynccontextmanager
    async def use(self, model_id: int | None = None) -> AsyncIterator[Model]:
        """A model (by default the active one) that is not closed before the block ends. Raises ModelGoneError."""
        slot = await self._slot(self.active.id if model_id is None else model_id)
        slot.users += 1
        try:
            yield slot.model
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
        studio, neighborhood = await asyncio.to_thread(_load, bundle, self._settings.device, self._observe)
        return Model(record.id, record.version, bundle, studio, neighborhood)

    async def _adopted(self, configured: Bundle) -> Bundle | None:
        """What was adopted since the settings began to name this bundle; None: nothing, or it can no longer be read."""
        latest = select(ModelRecord).where(ModelRecord.configured_at.is_not(None))
        latest = latest.order_by(ModelRecord.configured_at.desc(), ModelRecord.id.desc()).limit(1)
        async with self._database.read() as session:
            before = await session.scalar(latest)
            active = await session.scalar(select(ModelRecord).where(ModelRecord.state == ModelState.ACTIVE))
        if before is None or active is None or before.digest != configured.digest or active.digest == configured.digest:
            return None
        try:
            return await asyncio.to_thread(read_bundle, self._settings.data / active.path)
        except BundleError as error:
            log.warning("model %s can no longer be loaded, that of the settings takes over: %s", active.version, error)
            return None

    async def _register(self, bundle: Bundle, *, configured: bool = False) -> ModelRecord:
        for attempt in range(1, _REGISTRATIONS + 1):
            try:
                async with self._database.write() as session:
                    return await self._make_active(session, bundle, configured=configured)
            except IntegrityError:  # another process has just registered a model
                if attempt == _REGISTRATIONS:
                    raise
        raise AssertionError

    async def _make_active(self, session: AsyncSession, bundle: Bundle, *, configured: bool) -> ModelRecord:
        others = (ModelRecord.state == ModelState.ACTIVE) & (ModelRecord.digest != bundle.digest)
        await session.execute(update(ModelRecord).where(others).values(state=ModelState.KEPT))
        record = await self._record(session, bundle)
        if record.state is not ModelState.ACTIVE:
            record.activated_at = self._clock()
        if configured:
            record.configured_at = self._clock()
        record.state = ModelState.ACTIVE
        await session.flush()
        return record

    async def _record(self, session: AsyncSession, bundle: Bundle) -> ModelRecord:
        """The row of a bundle, a new one if need be, with what the bundle says of itself."""
        record = await session.scalar(select(ModelRecord).where(ModelRecord.digest == bundle.digest))
        if record is None:
            record = ModelRecord(digest=bundle.digest, state=ModelState.REJECTED, created_at=self._clock())
            session.add(record)
        record.path = bundle.path.relative_to(self._settings.data).as_posix()
        record.metrics = {name: figure.model_dump() for name, figure in bundle.card.metrics.items()}
        return record


def keep_copy(source: Bundle, data: Path) -> Bundle:
    """Copy a bundle to `data/models/<digest>`, unless a good copy is there, and read the copy. Blocking.

    Raises BundleError when it cannot be written, or was replaced meanwhile.
    """
    folder = data / "models" / source.digest[:_FOLDER_DIGITS]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _one_process(folder.parent / ".lock"):
            recover_folder(folder)
            if not _holds(folder, source.digest):
                swap_in_folder(folder, {name: (source.path / name).read_bytes() for name in (CARD, *FILES)})
    except OSError as error:
        raise BundleError(
            f"{source.path}: the bundle cannot be copied to {folder} ({error.strerror}); check space and permissions."
        ) from error
    kept = read_bundle(folder)
    if kept.digest != source.digest:
        raise BundleError(f"{source.path}: the bundle was replaced while it was copied; start again.")
    return kept


def _holds(folder: Path, digest: str) -> bool:
    try:
        return read_bundle(folder).digest == digest
    except BundleError:
        return False


@contextmanager
def _one_process(file: Path) -> Iterator[None]:
    """Wait until no other process is in this block; the lock goes with the process that holds it."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _load(bundle: Bundle, device: str, observe: Callable[[float], None] | None = None) -> tuple[Studio, Neighborhood]:
    return Studio(bundle, device, observe), Neighborhood(bundle)
