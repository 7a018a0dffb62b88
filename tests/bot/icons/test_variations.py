"""Variations of an icon, and older models: as people ask for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from bot.app import open_services
from bot.db.models import Generation, GenerationKind
from bot.icons.service import IconService
from bot.models.library import ModelLibrary
from bot.models.versions import VersionService
from generator.seeds import LONGEST_PATH, NEAR_STRENGTH, Near, Seed
from tests.bot.world import (
    World,
    alt_text,
    another_bundle,
    choose,
    in_discord,
    options,
    private,
    public,
    settings_for,
    words,
)


async def test_vary_posts_nine_near_ones_that_say_what_they_came_from(world: World) -> None:
    card = await world.icon(seed="blue cat", wildness=30)
    sheet = public(await world.other.click(card, label="Vary"))
    parent, *rows = await world.rows()
    assert [(row.seed, row.near_path, row.near_strength) for row in rows] == [
        (parent.seed, str(index), NEAR_STRENGTH) for index in range(1, 10)
    ]
    assert {(row.kind, row.parent_id, row.truncation) for row in rows} == {
        (GenerationKind.VARIATION, parent.id, parent.truncation)
    }
    address = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{card.id}"
    first, note = words(sheet).splitlines()
    assert first.startswith("Variations 1 to 9 of `blue cat` · Model `")
    assert note == f"-# Variations of [seed `blue cat`]({address}), for {world.other.mention}"
    assert "seeds blue cat ~1 to blue cat ~9 row by row" in alt_text(sheet)
    assert (options(sheet)[2]["label"], options(sheet)[2]["description"]) == ("3 · 1st row, right", "seed blue cat ~3")


async def test_a_variation_opens_varies_and_repeats_after_a_restart(world: World) -> None:
    sheet = public(await world.asker.click(await world.icon(seed="42"), label="Vary"))
    await world.restart()
    third = options(sheet)[2]["value"]
    opened = public(await choose(world.asker, sheet, third))
    assert words(opened).startswith("Seed `42 ~3` · Model ")
    assert "-# Opened from the sheet of [seed `42 ~1`](" in words(opened)
    picture = await world.picture(opened)
    assert picture != await world.picture(await world.icon(seed="42"))
    again = public(await choose(world.other, sheet, third))
    assert await world.picture(again) == picture
    deeper = public(await world.asker.click(opened, label="Vary"))
    assert words(deeper).startswith("Variations 1 to 9 of `42 ~3` · ")
    assert (await world.rows())[-1].near_path == "39"
    near = (await world.asker.click(opened, label="Is it a copy?")).response
    assert near is not None
    assert words(near).startswith("Seed `42 ~3` · Model ")


async def test_a_variation_is_drawn_from_its_row_alone(world: World) -> None:
    sheet = public(await world.asker.click(await world.icon(seed="42"), label="Vary"))
    row = (await world.rows())[3]
    assert (row.seed, row.near_path, row.near_strength) == (42, "3", NEAR_STRENGTH)
    drawn = await world.service(IconService).redraw(row.sheet_id or 0)
    assert drawn.png == await world.picture(sheet)
    (icon,) = world.service(ModelLibrary).active.studio.draw([Seed("42", 42, Near("3", NEAR_STRENGTH))])
    (seed_itself,) = world.service(ModelLibrary).active.studio.draw([42])
    assert icon.tobytes() != seed_itself.tobytes()


async def test_there_is_an_end_to_variations(world: World) -> None:
    card = await world.icon(seed="42")
    async with world.services.database.write() as session:
        await session.execute(update(Generation).values(near_path="1" * LONGEST_PATH, near_strength=0.25))
    answer = private(await world.asker.click(card, label="Vary"))
    assert answer == "This icon is so many variations away from its seed that I make no further ones."


async def test_an_older_model_can_be_asked_for_by_name(tiny_bundle_path: Path, tmp_path: Path) -> None:
    newer = another_bundle(tiny_bundle_path, tmp_path / "newer")
    async with open_services(settings_for(tiny_bundle_path, tmp_path)) as old, in_discord(old) as world:
        before, version = await world.picture(await world.icon(seed="42")), old.get(ModelLibrary).active.version
        card = await world.icon(seed="42")
        async with open_services(settings_for(newer, tmp_path)) as new:
            world.services = new
            await world.restart()
            latest = new.get(ModelLibrary).active.version
            choices = await world.asker.autocomplete(world.channel, "icon", "model", "")
            assert [choice["value"] for choice in choices] == [latest, version]
            created = {
                model.version: model.created_at.date().isoformat() for model in await old.get(VersionService).drawable()
            }
            assert choices[1]["name"] == f"{version} · {created[version]} · 40 icons"
            typed = await world.asker.autocomplete(world.channel, "icon", "model", version[:2].upper())
            assert [choice["value"] for choice in typed] == [version]

            chosen = await world.icon(seed="42", model=version)
            assert words(chosen) == f"Seed `42` · Model `{version}`"
            assert await world.picture(chosen) == before
            assert f"Model `{version}`" in words(await world.icon(seed="42", model="m1"))
            assert f"Model `{version}`" in words(public(await world.other.click(card, label="Vary")))


@pytest.mark.parametrize(("typed", "shown"), [("m9-beef", "m9-beef"), ("**`m1", "**\u02cbm1")])
async def test_a_model_that_is_not_kept_is_refused(world: World, typed: str, shown: str) -> None:
    answer = private(await world.asker.slash(world.channel, "icon", model=typed))
    assert answer == f"I keep no model `{shown}`. Choose one from the list, or leave it out."
    assert await world.rows() == []
