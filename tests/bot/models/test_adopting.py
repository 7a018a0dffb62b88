"""A model that is being adopted: never deleted, kept through updates, learned of by other processes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.models import ModelState
from bot.db.session import Database
from bot.models import library as models
from bot.models.library import ModelGoneError, ModelLibrary
from bot.models.versions import VersionService
from bot.settings import Settings
from generator.checkpoint import read_bundle
from generator.files import BundleError
from tests.bot.models.test_library import a_settings, another_bundle, opened, records


@pytest.fixture
def settings(tiny_bundle_path: Path, tmp_path: Path) -> Settings:
    """No model may be kept that does not have to be."""
    bundle = Path(shutil.copytree(tiny_bundle_path, tmp_path / "bundle"))
    return a_settings(bundle, tmp_path / "data").model_copy(update={"models_limit": 1e-9})


@pytest.fixture
async def first(sqlite_database: Database, settings: Settings) -> AsyncIterator[ModelLibrary]:
    async with opened(settings, sqlite_database) as library:
        yield library


@pytest.fixture
async def second(first: ModelLibrary, sqlite_database: Database, settings: Settings) -> AsyncIterator[ModelLibrary]:
    """Another process on the same database and data folder."""
    async with opened(settings, sqlite_database) as library:
        yield library


@pytest.fixture
def fresh(settings: Settings, tmp_path: Path) -> Path:
    """What a training has left."""
    return another_bundle(settings.bundle, tmp_path / "fresh", "fresh")


async def nothing(_: AsyncSession, __: int) -> None:
    """To be written along."""


async def states(database: Database) -> list[ModelState]:
    return [record.state for record in await records(database)]


async def test_a_model_that_is_being_adopted_is_not_deleted(
    first: ModelLibrary, sqlite_database: Database, settings: Settings, fresh: Path
) -> None:
    versions = VersionService(settings, sqlite_database, first)
    kept, go_on = asyncio.Event(), asyncio.Event()
    load = first._load_kept

    async def slowly(model_id: int) -> models.Model:
        kept.set()
        await go_on.wait()
        return await load(model_id)

    first._load_kept = slowly  # type: ignore[method-assign]
    adopting = asyncio.create_task(first.adopt(fresh, nothing))
    await kept.wait()
    pruning = asyncio.create_task(versions.prune())
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert not pruning.done()
    go_on.set()
    model = await adopting
    assert await pruning == []
    assert first.active is model
    assert read_bundle(model.bundle.path).digest == model.bundle.digest
    assert await states(sqlite_database) == [ModelState.KEPT, ModelState.ACTIVE]


async def test_another_process_that_deletes_models_meanwhile_changes_nothing(
    first: ModelLibrary,
    second: ModelLibrary,
    sqlite_database: Database,
    settings: Settings,
    fresh: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of the two is stopped where the other one could take what it is about to use."""
    theirs = VersionService(settings, sqlite_database, second)
    before, slot, favorites = first.active, first._slot, theirs._favorites

    async def pruned_meanwhile(model_id: int) -> models._Slot:
        found = await slot(model_id)
        assert len(await theirs.prune()) == 1
        return found

    with monkeypatch.context() as patch:
        patch.setattr(first, "_slot", pruned_meanwhile)
        with pytest.raises(ModelGoneError):
            await first.adopt(fresh, nothing)
    assert first.active is before
    assert await states(sqlite_database) == [ModelState.ACTIVE, ModelState.GONE]

    async def adopted_meanwhile() -> set[int]:
        await first.adopt(fresh, nothing)
        return await favorites()

    model_id = await first.keep(fresh)
    monkeypatch.setattr(theirs, "_favorites", adopted_meanwhile)
    assert await theirs.prune() == []
    assert first.active.id == model_id
    assert read_bundle(first.active.bundle.path).digest == first.active.bundle.digest


async def test_what_is_written_along_decides(first: ModelLibrary, sqlite_database: Database, fresh: Path) -> None:
    class TooLateError(Exception):
        pass

    async def refuse(_: AsyncSession, model_id: int) -> None:
        assert model_id == 2
        raise TooLateError

    before = first.active
    with pytest.raises(TooLateError):
        await first.adopt(fresh, refuse)
    assert first.active is before
    assert await states(sqlite_database) == [ModelState.ACTIVE, ModelState.REJECTED]


async def test_another_process_learns_of_an_adoption(
    first: ModelLibrary, second: ModelLibrary, fresh: Path, caplog: pytest.LogCaptureFixture
) -> None:
    adopted = await first.adopt(fresh, nothing)
    async with second.use() as model:
        assert (model.id, model.bundle.digest) == (adopted.id, adopted.bundle.digest)
    assert second.active.id == adopted.id
    async with second.use(1) as model:
        assert model.id == 1
    await second.activate(1)
    async with first.use() as model:
        assert model.id == 1


async def test_a_process_without_the_bundle_draws_on_with_its_own(
    first: ModelLibrary,
    sqlite_database: Database,
    settings: Settings,
    fresh: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """On another machine the data folder is another one."""
    elsewhere = settings.model_copy(update={"data": tmp_path / "elsewhere"})
    async with opened(elsewhere, sqlite_database) as second:
        await first.adopt(fresh, nothing)
        for _ in range(3):
            async with second.use() as model:
                assert model.id == 1
    assert caplog.text.count("another process lets m2 serve; here,") == 1


async def test_an_update_that_ships_another_model_keeps_what_was_adopted(
    sqlite_database: Database, settings: Settings, fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "DEFAULT_BUNDLE", settings.bundle)
    async with opened(settings, sqlite_database) as library:
        adopted = await library.adopt(fresh, nothing)
    shutil.rmtree(settings.bundle)
    another_bundle(fresh, settings.bundle, "the update")
    for _ in range(2):
        async with opened(settings, sqlite_database) as library:
            assert library.active.version == adopted.version
    assert await states(sqlite_database) == [ModelState.KEPT, ModelState.ACTIVE, ModelState.REJECTED]
    async with opened(settings, sqlite_database) as library:  # and people can still choose it
        await library.activate(3)
    async with opened(settings, sqlite_database) as library:
        assert library.active.id == 3


async def test_an_update_that_ships_another_model_brings_it_where_none_was_adopted(
    sqlite_database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(models, "DEFAULT_BUNDLE", settings.bundle)
    async with opened(settings, sqlite_database):
        pass
    newer = another_bundle(settings.bundle, tmp_path / "newer", "the update")
    shutil.rmtree(settings.bundle)
    shutil.copytree(newer, settings.bundle)
    async with opened(settings, sqlite_database) as library:
        assert library.active.id == 2


@pytest.mark.parametrize("back", [True, False])
async def test_whoever_chooses_a_bundle_gets_it(
    sqlite_database: Database,
    settings: Settings,
    fresh: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    back: bool,
) -> None:
    """From what ships to a bundle of one's own, and back: that is a choice, whatever was adopted before."""
    own = settings.model_copy(update={"bundle": another_bundle(settings.bundle, tmp_path / "own", "own")})
    monkeypatch.setattr(models, "DEFAULT_BUNDLE", settings.bundle)
    before, after = (own, settings) if back else (settings, own)
    async with opened(before, sqlite_database) as library:
        await library.adopt(fresh, nothing)
    async with opened(after, sqlite_database) as library:
        assert library.active.bundle.digest == read_bundle(after.bundle).digest


async def test_what_cannot_be_read_is_not_adopted(first: ModelLibrary, tmp_path: Path) -> None:
    before = first.active
    with pytest.raises(BundleError):
        await first.adopt(tmp_path / "nothing", nothing)
    assert first.active is before
    assert not first.changing.locked()
