"""Icons: drawn and written down together or not at all, found again, compared, taken away."""

from __future__ import annotations

import asyncio
import io
import unittest.mock
from datetime import datetime
from pathlib import Path
from typing import Never

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.db.models import GenerationKind
from bot.db.session import Database
from bot.icons import sheets as sheets_module
from bot.icons.pictures import PictureReader
from bot.icons.service import IconService
from bot.icons.sheets import BusyError, enough_for
from bot.models.library import ModelLibrary
from bot.neighbors.service import NeighborService
from generator.choice import CANDIDATES
from generator.pictures import grid, number_cells
from generator.seeds import MAX_SEED_TEXT, SEED_LIMIT, Seed
from generator.studio import MAX_WAITING, StudioBusyError
from tests.bot.icons.parts import HERE, NOW, Clock, build, rows


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


async def test_an_icon_is_drawn_and_written_down(
    icons: IconService, library: ModelLibrary, sqlite_database: Database
) -> None:
    sheet = await icons.draw(Seed.parse("blue cat"), 1, where=HERE)
    model = library.active
    number = Seed.parse("blue cat").number
    assert (sheet.model_id, sheet.model_name) == (model.id, model.version)
    assert sheet.filename == f"mojigan-{model.version}-{number}.png"
    assert sheet.truncation == model.bundle.card.truncation
    (icon,) = sheet.icons
    assert icon.seed == Seed("blue cat", number)
    picture = opened(sheet.png)
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (512, 512))
    assert picture.info == {"Software": "Mojigan", "Seed": "blue cat", "Model": model.version, "Truncation": "1"}
    (row,) = await rows(sqlite_database)
    assert (row.id, row.model_id, row.seed_text, row.seed) == (icon.id, model.id, "blue cat", number)
    assert (row.guild_id, row.channel_id, row.user_id) == (HERE.guild_id, HERE.channel_id, HERE.user_id)
    assert (row.kind, row.sheet_id, row.position, row.parent_id) == (GenerationKind.ICON, None, 0, None)
    assert (row.created_at, row.message_id, row.deleted_at) == (NOW, None, None)


async def test_the_same_seed_gives_the_same_bytes(icons: IconService) -> None:
    first = await icons.draw(Seed.parse("42"), 1, where=HERE)
    second = await icons.draw(Seed.parse("42"), 1, where=HERE)
    other = await icons.draw(Seed.parse("43"), 1, where=HERE)
    assert first.png == second.png
    assert opened(first.png).tobytes() != opened(other.png).tobytes()


@pytest.mark.parametrize(("count", "least"), [(4, 2 * 256), (9, 3 * 192)])
async def test_a_sheet_is_one_picture_and_a_row_for_each_icon(
    icons: IconService, sqlite_database: Database, count: int, least: int
) -> None:
    sheet = await icons.draw(Seed(str(SEED_LIMIT - 2), SEED_LIMIT - 2), count, where=HERE)
    width, height = opened(sheet.png).size
    assert least <= width == height < least + 40  # with its gaps
    assert sheet.filename.endswith(f"-{SEED_LIMIT - 2}-x{count}.png")
    numbers = [(SEED_LIMIT - 2 + i) % SEED_LIMIT for i in range(count)]
    assert [icon.seed for icon in sheet.icons] == [Seed.of(number) for number in numbers]
    stored = await rows(sqlite_database)
    assert [row.id for row in stored] == [icon.id for icon in sheet.icons]
    assert [row.seed for row in stored] == numbers
    assert [row.position for row in stored] == list(range(count))
    assert {row.sheet_id for row in stored} == {sheet.icons[0].id}


async def test_the_icons_of_a_sheet_are_those_of_their_seeds(icons: IconService, library: ModelLibrary) -> None:
    sheet = await icons.draw(Seed.parse("7"), 4, where=HERE)
    alone = [library.active.studio.draw([number])[0] for number in (7, 8, 9, 10)]
    assert opened(sheet.png).tobytes() == number_cells(grid(alone, 2, cell=256), 4, 2).tobytes()


async def test_no_seed_is_a_fresh_one(icons: IconService) -> None:
    drawn = [await icons.draw(None, 1, where=HERE) for _ in range(3)]
    assert len({sheet.icons[0].seed.number for sheet in drawn}) == 3


@pytest.mark.parametrize("count", [1, 4, 9])
async def test_a_fresh_icon_is_the_best_of_several(
    icons: IconService, library: ModelLibrary, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    numbers = iter(range(1000))
    monkeypatch.setattr(Seed, "random", staticmethod(lambda: Seed.of(next(numbers))))
    sheet = await icons.draw(None, count, where=HERE)
    drawn = library.active.studio.draw(range(next(numbers)))
    assert len(drawn) == enough_for(count, CANDIDATES, 0) > count
    assert [icon.seed.number for icon in sheet.icons] == library.active.choice.choose(drawn, count)
    if count == 1:  # the seed is the whole truth
        assert sheet.png == (await icons.draw(sheet.icons[0].seed, 1, where=HERE)).png


async def test_whoever_wants_nobody_to_choose(library: ModelLibrary, sqlite_database: Database, clock: Clock) -> None:
    icons = IconService(sqlite_database, library, clock, candidates=1)
    with unittest.mock.patch.object(library.active.choice, "choose", side_effect=AssertionError):
        assert len((await icons.draw(None, 4, where=HERE)).icons) == 4


def test_nobody_chooses_while_many_wait() -> None:
    assert enough_for(9, CANDIDATES, MAX_WAITING // 2) == 9
    assert enough_for(9, 1, 0) == 9


def test_a_sheet_fits_into_the_queue_however_many_are_to_choose_from() -> None:
    most = 64  # MOJIGAN_CANDIDATES takes no more
    assert 9 * most > MAX_WAITING >= enough_for(9, most, MAX_WAITING // 4) + MAX_WAITING // 4


async def test_a_truncation_of_ones_own(icons: IconService, sqlite_database: Database) -> None:
    tame = await icons.draw(Seed.parse("42"), 1, where=HERE, truncation=0.25)
    assert tame.png != (await icons.draw(Seed.parse("42"), 1, where=HERE)).png
    assert [row.truncation for row in await rows(sqlite_database)] == [0.25, 1.0]
    with pytest.raises(ValueError, match="truncation"):
        await icons.draw(Seed.parse("42"), 1, where=HERE, truncation=1.5)
    assert len(await rows(sqlite_database)) == 2


async def test_other_counts_are_refused(icons: IconService) -> None:
    with pytest.raises(ValueError, match="1, 4 or 9 icons, not 5"):
        await icons.draw(None, 5, where=HERE)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1, max_size=MAX_SEED_TEXT).filter(str.strip))
async def test_any_text_can_be_drawn_and_found_again(icons: IconService, text: str) -> None:
    seed = Seed.parse(text)
    sheet = await icons.draw(seed, 1, where=HERE)
    view = await icons.load(sheet.icons[0].id)
    assert view is not None
    assert view.seed == sheet.icons[0].seed
    assert view.seed.number == seed.number
    if text.isprintable():
        assert view.seed == seed


@pytest.mark.parametrize("text", ["nul\0inside", "half a \ud83d pair", "👩‍👩‍👧", "ßẞ"])
async def test_texts_that_a_database_could_refuse(
    database: Database, tiny_bundle_path: Path, tmp_path: Path, clock: Clock, text: str
) -> None:
    service, library = await build(database, tiny_bundle_path, tmp_path / "data", clock)
    seed = Seed.parse(text)
    sheet = await service.draw(seed, 1, where=HERE)
    view = await service.load(sheet.icons[0].id)
    assert view is not None
    assert view.seed.number == seed.number
    assert (view.seed.text == text) == (text not in {"nul\0inside", "half a \ud83d pair"})
    await library.aclose()


async def test_a_picture_that_cannot_be_drawn_leaves_no_row(
    icons: IconService, library: ModelLibrary, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Never:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(library.active.studio, "draw_latents", fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            await icons.draw(None, 4, where=HERE)
    with monkeypatch.context() as patch:
        patch.setattr(sheets_module, "grid", fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            await icons.draw(None, 4, where=HERE)
    assert await rows(sqlite_database) == []
    assert len((await icons.draw(None, 4, where=HERE)).icons) == 4  # and the next one works again


async def test_rows_are_written_all_or_none(
    icons: IconService, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[datetime | None] = [NOW, NOW, NOW, None]  # NOT NULL

    monkeypatch.setattr(icons, "_clock", lambda: times.pop(0))
    with pytest.raises(Exception, match="NOT NULL"):
        await icons.draw(None, 4, where=HERE)
    assert await rows(sqlite_database) == []


async def test_twenty_at_once(database: Database, tiny_bundle_path: Path, tmp_path: Path, clock: Clock) -> None:
    service, library = await build(database, tiny_bundle_path, tmp_path / "data", clock)
    sheets = await asyncio.gather(
        *(service.draw(Seed.of(number), (1, 4)[number % 2], where=HERE) for number in range(20))
    )
    alone = await service.draw(Seed.of(6), 1, where=HERE)
    assert sheets[6].png == alone.png  # in company as alone
    stored = await rows(database)
    assert len(stored) == 10 * 1 + 10 * 4 + 1
    assert {icon.id for sheet in (*sheets, alone) for icon in sheet.icons} == {row.id for row in stored}
    for sheet in sheets:
        by_id = {row.id: row.seed for row in stored}
        assert [by_id[icon.id] for icon in sheet.icons] == [icon.seed.number for icon in sheet.icons]
    await library.aclose()


async def test_too_many_at_once_are_turned_away(
    icons: IconService, library: ModelLibrary, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: object) -> Never:
        raise StudioBusyError("512 icons are waiting to be drawn; try again in a moment.")

    monkeypatch.setattr(library.active.studio, "icons", busy)
    with pytest.raises(BusyError) as caught:
        await icons.draw(None, 1, where=HERE)
    assert (caught.value.key, caught.value.parameters) == ("error.busy", {})
    assert await rows(sqlite_database) == []


async def test_neighbors_are_those_of_the_index(icons: IconService, library: ModelLibrary) -> None:
    sheet = await icons.draw(Seed.parse("5"), 1, where=HERE)
    found = await NeighborService(library, icons, PictureReader()).of_row(sheet.icons[0].id)
    (picture,) = library.active.studio.draw([5])
    assert list(found.neighbors) == library.active.neighborhood.search(picture, 3)
    assert len(found.neighbors) == 3
    assert found.seed == Seed.parse("5")
    assert found.filename == f"mojigan-{library.active.version}-5-neighbors.png"
    shown = opened(found.png)
    assert shown.format == "PNG"
    assert shown.width > shown.height > 384


async def test_neighbors_use_the_truncation_of_the_icon(icons: IconService, library: ModelLibrary) -> None:
    tame = await icons.draw(Seed.parse("5"), 1, where=HERE, truncation=0.1)
    (picture,) = library.active.studio.draw([5], 0.1)
    assert list(
        (await NeighborService(library, icons, PictureReader()).of_row(tame.icons[0].id)).neighbors
    ) == library.active.neighborhood.search(picture, 3)
