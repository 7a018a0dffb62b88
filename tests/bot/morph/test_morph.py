"""/morph, as people use it."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import numpy as np
import pytest
from PIL import Image

from bot.db.models import GenerationKind
from bot.icons.rows import GenerationView, Origin
from bot.icons.service import IconService
from bot.models.library import ModelLibrary
from bot.morph import service as morphs
from bot.morph.service import MorphService
from bot.talk.brakes import Burst
from generator.seeds import Seed
from tests.bot.world import World, alt_text, choose, for_one, labels, open_world, options, private, public, words


@pytest.fixture
async def world(tiny_bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(morphs, "WALK_STEPS", 5)
    async with open_world(tiny_bundle_path, tmp_path) as opened:
        yield opened


def ends(start: str, end: str, **more: Any) -> dict[str, Any]:
    return {"from": start, "to": end, **more}


async def test_a_walk_is_shown_with_both_seeds_and_the_model(world: World) -> None:
    card = public(await world.asker.slash(world.channel, "morph", **ends("42", "blue cat")))
    version = world.service(ModelLibrary).active.version
    assert words(card) == f"From seed `42` to seed `blue cat` and back · Model `{version}`"
    assert alt_text(card) == (
        f"Animation: the generated icon of seed 42 turns into that of seed blue cat and back, model {version}"
    )
    with Image.open(io.BytesIO(await world.picture(card))) as picture:
        assert (picture.format, picture.size, getattr(picture, "n_frames", 1)) == ("WEBP", (384, 384), 8)
    rows = await world.rows()
    assert [(row.kind, row.seed, row.message_id) for row in rows] == [
        (GenerationKind.MORPH, 42, card.id),
        (GenerationKind.MORPH, Seed.parse("blue cat").number, card.id),
    ]


async def test_who_asked_can_delete_it_after_a_restart(world: World) -> None:
    card = public(await world.asker.slash(world.channel, "morph", **ends("1", "2")))
    await world.restart()
    assert labels(card) == ["Save a frame", "Delete"]
    assert private(await world.other.click(card, label="Delete")).startswith("Only the person who asked")
    await world.asker.click(card, label="Delete")
    assert card.id not in {message.id for message in world.channel.history()}
    assert all(row.deleted_at is not None for row in await world.rows())


async def test_a_frame_is_saved_as_an_icon_that_its_name_gives_again(world: World) -> None:
    walk = public(await world.asker.slash(world.channel, "morph", **ends("42", "blue cat")))
    await world.restart()
    sheet = public(await world.other.click(walk, label="Save a frame"))
    link = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{walk.id}"
    assert f"-# Moments on the way from [seed `42`]({link}) to seed [`blue cat`]({link}), for" in words(sheet)
    assert labels(sheet) == ["Delete"]
    rows = await world.rows()
    assert [row.kind for row in rows[2:]] == [GenerationKind.FRAME] * 9
    model = world.service(ModelLibrary).active
    frames = model.studio.draw_walk(Seed.of(42), Seed.parse("blue cat"), 3, 1.0)
    middle = model.studio.draw([view.seed for view in [await load(world, rows[6].id)]], 1.0)
    assert difference(middle[0], frames[1]) <= 1

    opened = public(await choose(world.other, sheet, options(sheet)[4]["value"]))
    name = words(opened).split("`")[1]
    assert re.fullmatch("morph-[a-z0-9]{6}", name)
    assert {"Favorite", "Use it", "Download", "Vary"} <= set(labels(opened))
    assert await world.picture(await world.icon(seed=name)) == await world.picture(opened)
    told = private(await world.other.context_menu(world.channel, "Icon info", opened))
    assert told.splitlines()[-1] == f"`{name}` is a child of `42` and `blue cat`"
    hidden = for_one(await world.asker.slash(world.channel, "morph", **ends("1", "2", private=True)))
    assert for_one(await world.asker.click(hidden, label="Save a frame"))


async def load(world: World, row: int) -> GenerationView:
    """A row as the bot sees it."""
    found = await world.service(IconService).load(row)
    assert found is not None
    return found


def difference(one: Image.Image, other: Image.Image) -> int:
    """The largest of all pixels."""
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max())


async def test_it_can_be_kept_private_and_works_in_direct_messages(world: World) -> None:
    answer = (await world.asker.slash(world.channel, "morph", **ends("1", "2", private=True))).response
    assert answer is not None
    assert answer.ephemeral
    assert {row.message_id for row in await world.rows()} == {None}
    assert words(public(await world.asker.user.slash("morph", **ends("1", "2")))).startswith("From seed `1`")


async def test_two_ends_that_are_one_are_refused(world: World) -> None:
    answer = private(await world.asker.slash(world.channel, "morph", **ends("7", " 07 ")))
    assert answer == "Both seeds are the same, so nothing would move. Please choose two different ones."
    assert private(await world.asker.slash(world.channel, "morph", **ends("7", "  "))).startswith("A seed needs")
    assert await world.rows() == []


async def test_within_the_upload_limit_there_are_fewer_frames(world: World) -> None:
    where = Origin(None, None, 1)
    ends_ = (Seed.of(1), Seed.of(2))
    whole = await world.service(MorphService).draw(*ends_, where=where, limit=10 * 2**20)
    part = await world.service(MorphService).draw(*ends_, where=where, limit=len(whole.webp) - 1)
    assert len(part.webp) < len(whole.webp)


async def test_bursts_and_missing_permissions(world: World) -> None:
    me = world.guild.me
    assert me is not None
    quiet = world.guild.create_text_channel("quiet", overwrites={me: discord.PermissionOverwrite(attach_files=False)})
    answer = private(await world.asker.slash(quiet, "morph", **ends("1", "2")))
    assert answer == "I cannot post here. Please ask a moderator to give me: Attach Files."
    world.client.services.add(Burst(limit=1, seconds=20, now=lambda: 0.0))
    await world.asker.slash(world.channel, "morph", **ends("1", "2"))
    answer = private(await world.asker.slash(world.channel, "morph", **ends("1", "2")))
    assert answer == "One moment: you can go on in 20 s."


async def test_a_full_studio_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generator.studio.MAX_WAITING", 4)
    answer = private(await world.asker.slash(world.channel, "morph", **ends("1", "2")))
    assert answer == "Many icons are waiting to be drawn. Please try again in a moment."


async def test_it_is_for_servers_people_and_direct_messages(world: World) -> None:
    (sent,) = [entry.json for entry in world.env.http_requests if entry.method == "PUT"]
    assert sent is not None
    (morph,) = [one for one in sent if one["name"] == "morph"]
    assert (morph["contexts"], morph["integration_types"]) == ([0, 1, 2], [0, 1])
    assert [option["name"] for option in morph["options"]] == ["from", "to", "model", "private"]
