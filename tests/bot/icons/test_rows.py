"""What stands in the database about an icon, and for how long."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.db.models import Generation, GenerationKind
from bot.db.session import Database
from bot.icons.pictures import PictureReader
from bot.icons.rows import GenerationGoneError, Origin
from bot.icons.service import IconService
from bot.models.library import ModelGoneError, ModelLibrary
from bot.neighbors.service import NeighborService
from generator.checkpoint import read_bundle
from generator.files import CARD
from generator.seeds import Seed
from tests.bot.icons.parts import HERE, NOW, Clock, build, rows


async def test_the_message_is_noted_for_the_whole_sheet(icons: IconService, sqlite_database: Database) -> None:
    await icons.draw(None, 1, where=HERE)
    sheet = await icons.draw(None, 4, where=HERE)
    await icons.posted(sheet, 2**63 - 1)
    assert [row.message_id for row in await rows(sqlite_database)] == [None] + 4 * [2**63 - 1]


async def test_load_shows_the_row(icons: IconService, library: ModelLibrary) -> None:
    parent = await icons.draw(Seed.parse("7"), 4, where=Origin(None, None, 5))
    child = await icons.draw(
        parent.icons[1].seed,
        1,
        where=HERE,
        kind=GenerationKind.OPENED,
        parent_id=parent.icons[1].id,
        truncation=0.5,
    )
    await icons.posted(child, 99)
    view = await icons.load(child.icons[0].id)
    assert view is not None
    assert (view.seed, view.truncation, view.model_version) == (Seed.of(8), 0.5, library.active.version)
    assert (view.kind, view.parent_id, view.sheet_id) == (GenerationKind.OPENED, parent.icons[1].id, None)
    assert (view.guild_id, view.channel_id, view.user_id) == (HERE.guild_id, HERE.channel_id, HERE.user_id)
    assert (view.message_id, view.created_at) == (99, NOW)
    above = await icons.load(parent.icons[1].id)
    assert above is not None
    assert (above.sheet_id, above.position, above.guild_id) == (parent.icons[0].id, 1, None)
    assert await icons.load(12345) is None
    assert await icons.load(2**63 - 1) is None


async def test_a_deleted_icon_keeps_its_row(
    icons: IconService, library: ModelLibrary, sqlite_database: Database, clock: Clock
) -> None:
    sheet = await icons.draw(None, 1, where=HERE)
    other = await icons.draw(None, 1, where=HERE)
    clock.now = NOW + timedelta(hours=1)
    assert await icons.delete(sheet.icons[0].id, by=5) is True
    clock.now = NOW + timedelta(hours=2)
    assert await icons.delete(sheet.icons[0].id, by=5) is False
    assert [row.deleted_at for row in await rows(sqlite_database)] == [NOW + timedelta(hours=1), None]
    assert await icons.load(sheet.icons[0].id) is None
    assert await icons.load(other.icons[0].id) is not None
    with pytest.raises(GenerationGoneError) as caught:
        await NeighborService(library, icons, PictureReader()).of_row(sheet.icons[0].id)
    assert caught.value.key == "error.generation_gone"


async def test_a_sheet_is_deleted_as_a_whole(icons: IconService, sqlite_database: Database) -> None:
    single = await icons.draw(None, 1, where=HERE)
    sheet, other = await icons.draw(None, 4, where=HERE), await icons.draw(None, 4, where=HERE)
    await icons.delete(sheet.icons[2].id, by=5)
    gone = {row.id for row in await rows(sqlite_database) if row.deleted_at is not None}
    assert gone == {icon.id for icon in sheet.icons}
    await icons.delete(single.icons[0].id, by=5)
    gone = {row.id for row in await rows(sqlite_database) if row.deleted_at is not None}
    assert gone == {icon.id for icon in (*sheet.icons, *single.icons)}
    for icon in other.icons:
        assert await icons.load(icon.id) is not None
    assert await icons.delete(9999, by=5) is False


async def test_old_icons_after_a_new_model_and_a_restart(
    database: Database, tiny_bundle_path: Path, tmp_path: Path, clock: Clock
) -> None:
    data = tmp_path / "data"
    service, library = await build(database, tiny_bundle_path, data, clock)
    old = await service.draw(Seed.parse("42"), 1, where=HERE)
    before = await NeighborService(library, service, PictureReader()).of_row(old.icons[0].id)
    await library.aclose()

    fresh = Path(shutil.copytree(tiny_bundle_path, tmp_path / "fresh"))
    card = json.loads((fresh / CARD).read_text())
    card["truncation"] = 0.5
    (fresh / CARD).write_text(json.dumps(card))
    service, library = await build(database, fresh, data, clock)
    assert await NeighborService(library, service, PictureReader()).of_row(old.icons[0].id) == before
    again = await service.draw(Seed.parse("42"), 1, where=HERE, model_id=old.model_id)
    assert (again.png, again.model_name, again.truncation) == (old.png, old.model_name, 1.0)
    new = await service.draw(Seed.parse("42"), 1, where=HERE)
    assert (new.model_name, new.truncation) == (library.active.version, 0.5)
    assert new.model_name != old.model_name

    shutil.rmtree(data / "models" / read_bundle(tiny_bundle_path).digest[:12])
    await library.aclose()
    service, library = await build(database, fresh, data, clock)
    with pytest.raises(ModelGoneError) as caught:
        await NeighborService(library, service, PictureReader()).of_row(old.icons[0].id)
    assert caught.value.parameters == {"version": old.model_name}
    with pytest.raises(ModelGoneError):
        await service.draw(None, 1, where=HERE, model_id=old.model_id)
    await library.aclose()
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Generation)) == 3
