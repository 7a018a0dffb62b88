"""The model library: registered once, copied, loadable after its bundle was replaced, closed when idle."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

from bot.db.models import ModelRecord, ModelState
from bot.db.session import Database
from bot.db.upgrade import upgrade
from bot.models import library as models
from bot.models.library import Model, ModelGoneError, ModelLibrary
from bot.settings import Settings
from generator.checkpoint import read_bundle
from generator.files import CARD, FILES, BundleError
from generator.studio import DeviceError, Studio

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def clock() -> datetime:
    return NOW


def another_bundle(source: Path, target: Path, note: str) -> Path:
    """A copy with a card of its own, and so with another digest."""
    shutil.copytree(source, target)
    card = json.loads((target / CARD).read_text())
    card["code_version"] = note
    (target / CARD).write_text(json.dumps(card))
    return target


def a_settings(bundle: Path, data: Path, device: str = "cpu") -> Settings:
    return Settings(bundle=bundle, data=data, device=device, _env_file=None)  # type: ignore[arg-type, call-arg]  # pydantic-settings adds it


@asynccontextmanager
async def opened(settings: Settings, database: Database) -> AsyncIterator[ModelLibrary]:
    library = ModelLibrary(settings, database, clock)
    try:
        await library.open()
        yield library
    finally:
        await library.aclose()


async def records(database: Database) -> list[ModelRecord]:
    async with database.read() as session:
        return list(await session.scalars(select(ModelRecord).order_by(ModelRecord.id)))


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Studio]]:
    """The studios that were closed, in order."""
    found: list[Studio] = []
    close = Studio.close

    def note(studio: Studio) -> None:
        found.append(studio)
        close(studio)

    monkeypatch.setattr(Studio, "close", note)
    return found  # type: ignore[return-value]  # a fixture


async def test_the_first_start_registers_and_copies(database: Database, bundle_path: Path, tmp_path: Path) -> None:
    source = read_bundle(bundle_path)
    async with opened(a_settings(bundle_path, tmp_path / "data"), database) as library:
        active = library.active
        assert active.version == f"m{active.id}-{source.digest[:4]}"
        assert active.bundle.path == tmp_path / "data" / "models" / source.digest[:12]
    (record,) = await records(database)
    assert (record.id, record.version, record.digest) == (active.id, active.version, source.digest)
    assert (record.state, record.created_at) == (ModelState.ACTIVE, NOW)
    assert record.path == f"models/{source.digest[:12]}"
    for name in (CARD, *FILES):
        assert (active.bundle.path / name).read_bytes() == (bundle_path / name).read_bytes()
    assert {entry.name for entry in active.bundle.path.parent.iterdir()} == {".lock", source.digest[:12]}


async def test_the_second_start_changes_nothing(sqlite_database: Database, bundle_path: Path, tmp_path: Path) -> None:
    settings = a_settings(bundle_path, tmp_path / "data")
    async with opened(settings, sqlite_database) as library:
        first = library.active.version
        written = (library.active.bundle.path / CARD).stat().st_mtime_ns
    async with opened(settings, sqlite_database) as library:
        assert library.active.version == first
        assert (library.active.bundle.path / CARD).stat().st_mtime_ns == written
    assert len(await records(sqlite_database)) == 1


async def test_a_replaced_bundle_stays_loadable(database: Database, bundle_path: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with opened(a_settings(bundle_path, data), database) as library:
        old = library.active
        old_picture = old.studio.draw([42])[0].tobytes()
    shutil.rmtree(bundle_path)
    fresh = another_bundle(old.bundle.path, tmp_path / "fresh", "newer")
    async with opened(a_settings(fresh, data), database) as library:
        assert library.active.id != old.id
        again = await library.get(old.id)
        assert again.version == old.version
        assert again.studio.draw([42])[0].tobytes() == old_picture
        assert await library.get(old.id) is again
        assert await library.get(library.active.id) is library.active
    assert [record.state for record in await records(database)] == [ModelState.KEPT, ModelState.ACTIVE]


async def test_an_older_bundle_can_become_active_again(database: Database, bundle_path: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    fresh = another_bundle(bundle_path, tmp_path / "fresh", "newer")
    for path in (bundle_path, fresh, bundle_path):
        async with opened(a_settings(path, data), database) as library:
            version = library.active.version
    first, second = await records(database)
    assert version == first.version
    assert (first.state, second.state) == (ModelState.ACTIVE, ModelState.KEPT)


@pytest.mark.parametrize("damage", ["missing", "flipped", "truncated"])
async def test_a_broken_bundle_is_refused_at_start(
    sqlite_database: Database, bundle_path: Path, tmp_path: Path, damage: str
) -> None:
    weights = bundle_path / FILES[0]
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    match damage:
        case "missing":
            weights.unlink()
        case "flipped":
            weights.write_bytes(content)
        case _:
            weights.write_bytes(content[:1000])
    with pytest.raises(BundleError, match=r"\.$") as caught:
        async with opened(a_settings(bundle_path, tmp_path / "data"), sqlite_database):
            pass
    assert "\n" not in str(caught.value)
    assert await records(sqlite_database) == []
    assert not (tmp_path / "data" / "models").exists()


async def test_a_device_that_is_not_there_registers_nothing(
    sqlite_database: Database, bundle_path: Path, tmp_path: Path
) -> None:
    settings = a_settings(bundle_path, tmp_path / "data").model_copy(update={"device": "cuda:77"})
    with pytest.raises(DeviceError, match="cuda:77"):
        async with opened(settings, sqlite_database):
            pass
    assert await records(sqlite_database) == []


async def test_a_data_folder_that_is_a_file(sqlite_database: Database, bundle_path: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(BundleError, match=r"the bundle cannot be copied to .*taken"):
        async with opened(a_settings(bundle_path, tmp_path / "taken"), sqlite_database):
            pass


async def test_a_model_that_never_was(sqlite_database: Database, bundle_path: Path, tmp_path: Path) -> None:
    async with opened(a_settings(bundle_path, tmp_path / "data"), sqlite_database) as library:
        with pytest.raises(ModelGoneError) as caught:
            await library.get(77)
    assert caught.value.parameters == {"version": "m77"}


@pytest.mark.parametrize("damage", ["removed", "damaged", "exchanged"])
async def test_a_model_whose_bundle_is_gone(
    sqlite_database: Database, bundle_path: Path, tmp_path: Path, damage: str
) -> None:
    data = tmp_path / "data"
    async with opened(a_settings(bundle_path, data), sqlite_database) as library:
        old = library.active
    fresh = another_bundle(bundle_path, tmp_path / "fresh", "newer")
    async with opened(a_settings(fresh, data), sqlite_database) as library:
        if damage == "damaged":
            (old.bundle.path / FILES[0]).write_bytes(b"half")
        else:
            shutil.rmtree(old.bundle.path)
        if damage == "exchanged":
            shutil.copytree(fresh, old.bundle.path)
        with pytest.raises(ModelGoneError) as caught:
            await library.get(old.id)
        assert caught.value.parameters == {"version": old.version}
        assert caught.value.key == "error.model_gone"
        assert library.active.studio.draw([1])  # the others draw on


@pytest.fixture
async def shelf(
    sqlite_database: Database, bundle_path: Path, tmp_path: Path
) -> AsyncIterator[tuple[ModelLibrary, list[int]]]:
    """An open library with an active model and five older ones, by their ids."""
    data = tmp_path / "data"
    ids = []
    for number in range(5):
        path = another_bundle(bundle_path, tmp_path / f"bundle-{number}", str(number))
        async with opened(a_settings(path, data), sqlite_database) as library:
            ids.append(library.active.id)
    async with opened(a_settings(bundle_path, data), sqlite_database) as library:
        yield library, ids


async def test_the_models_used_last_stay_open(shelf: tuple[ModelLibrary, list[int]], closed: list[Studio]) -> None:
    library, ids = shelf
    assert models.OPEN_KEPT_MODELS == 3
    first, second, third = [await library.get(model_id) for model_id in ids[:3]]
    assert await library.get(ids[0]) is first  # the second is now the oldest
    fourth = await library.get(ids[3])
    assert closed == [second.studio]
    assert [await library.get(model.id) for model in (first, third, fourth)] == [first, third, fourth]
    assert library.active.studio.draw([1])  # never closed, although it was not used for longest
    assert await library.get(ids[1]) is not second


async def test_a_model_at_work_is_closed_after_its_work(
    shelf: tuple[ModelLibrary, list[int]], closed: list[Studio]
) -> None:
    library, ids = shelf
    async with library.use(ids[0]) as model, library.use(ids[0]):
        for model_id in ids[1:]:
            await library.get(model_id)
        assert model.studio not in closed
        assert await model.studio.icons([1, 2])
    assert closed.count(model.studio) == 1


async def test_many_who_ask_at_once_get_one_model(shelf: tuple[ModelLibrary, list[int]]) -> None:
    library, ids = shelf
    found = await asyncio.gather(*(library.get(ids[0]) for _ in range(10)))
    assert len(set(map(id, found))) == 1


async def test_more_models_at_work_than_are_kept(shelf: tuple[ModelLibrary, list[int]], closed: list[Studio]) -> None:
    library, ids = shelf

    async def work(model_id: int) -> Model:
        async with library.use(model_id) as model:
            assert len(await model.studio.icons([1, 2, 3])) == 3
            return model

    for model in await asyncio.gather(*(work(model_id) for model_id in ids * 4)):
        assert model.id in ids
    await library.aclose()
    assert len(closed) == len(set(map(id, closed)))


async def test_a_closed_library_says_so(sqlite_database: Database, bundle_path: Path, tmp_path: Path) -> None:
    async with opened(a_settings(bundle_path, tmp_path / "data"), sqlite_database) as library:
        pass
    for work in (library.get(1), library.get(77)):
        with pytest.raises(RuntimeError, match="not open"):
            await work


def test_two_bots_that_start_at_once_register_one_model(database_url: str, bundle_path: Path, tmp_path: Path) -> None:
    """Each with a thread, an event loop and connections of its own, as two processes have them."""
    upgrade(database_url)
    bots = 4
    barrier = threading.Barrier(bots)

    async def start() -> str:
        database = Database(database_url)
        try:
            barrier.wait(60)
            async with opened(a_settings(bundle_path, tmp_path / "data"), database) as library:
                return library.active.version
        finally:
            await database.close()

    with ThreadPoolExecutor(bots) as threads:
        versions = [future.result(60) for future in [threads.submit(asyncio.run, start()) for _ in range(bots)]]

    async def look() -> list[ModelRecord]:
        database = Database(database_url)
        try:
            return await records(database)
        finally:
            await database.close()

    (record,) = asyncio.run(look())
    assert set(versions) == {record.version}
    assert read_bundle(tmp_path / "data" / record.path).digest == record.digest


async def test_another_process_registers_the_bundle_between_our_look_and_our_row(
    postgresql_url: str, bundle_path: Path, tmp_path: Path
) -> None:
    await asyncio.to_thread(upgrade, postgresql_url)
    ours, theirs = Database(postgresql_url), Database(postgresql_url)
    digest = read_bundle(bundle_path).digest
    library = ModelLibrary(a_settings(bundle_path, tmp_path / "data"), ours, clock)
    async with theirs.write() as session:
        record = ModelRecord(digest=digest, path="x", metrics={}, state=ModelState.ACTIVE, created_at=NOW)
        session.add(record)
        await session.flush()
        opening = asyncio.create_task(library.open())
        async with ours.read() as watcher:
            while not await watcher.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                assert not opening.done()
    await opening
    assert library.active.id == record.id
    assert len(await records(ours)) == 1
    await library.aclose()
    await ours.close()
    await theirs.close()
