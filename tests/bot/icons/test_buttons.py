"""The buttons and the select of a card, pressed by whoever may see them, soon or long after it was posted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import discord
import pytest
from sqlalchemy import delete

from bot.app import open_services
from bot.db.models import Generation, GenerationKind
from bot.models.library import ModelLibrary
from bot.neighbors.service import Comparison, NeighborService
from bot.talk.brakes import Burst
from bot.talk.words import base36
from tests.bot.world import (
    World,
    alt_text,
    another_bundle,
    choose,
    gallery,
    in_discord,
    labels,
    options,
    private,
    public,
    settings_for,
    words,
)


def shown(world: World, message: Any) -> bool:
    """Whether the message still stands in the channel."""
    return message.id in {each.id for each in world.channel.history()}


async def test_another_posts_a_fresh_icon_that_says_what_it_came_from(world: World) -> None:
    card = await world.icon(seed="42")
    fresh = public(await world.other.click(card, label="Another"))
    first, second = await world.rows()
    assert second.seed != first.seed
    assert (second.kind, second.parent_id, second.user_id) == (GenerationKind.ANOTHER, first.id, world.other.id)
    address = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{card.id}"
    assert words(fresh).endswith(f"\n-# A fresh one after [seed `42`]({address}), for {world.other.mention}")
    assert f"seed {second.seed_text}, model" in alt_text(fresh)
    assert labels(fresh) == ["Another", "Vary", "Is it a copy?", "Favorite", "Use it", "Download", "Delete"]
    assert shown(world, card)


async def test_another_sheet_has_as_many_icons(world: World) -> None:
    fresh = public(await world.asker.click(await world.icon(seed="42", count=4), label="Another sheet"))
    assert len(options(fresh)) == 4
    assert [row.position for row in await world.rows()] == [0, 1, 2, 3] * 2


async def test_neighbors_are_shown_to_who_asks_alone(world: World) -> None:
    card = await world.icon(seed="42")
    answer = (await world.other.click(card, label="Is it a copy?")).response
    assert answer is not None
    assert answer.ephemeral
    assert answer.id in {message.id for message in world.channel.history(viewer=world.other)}
    assert answer.id not in {message.id for message in world.channel.history(viewer=world.asker)}
    version = world.service(ModelLibrary).active.version
    assert words(answer).startswith(f"Seed `42` · Model `{version}`, beside the training icons most like it")
    (item,) = gallery(answer)
    assert item["description"].startswith("Generated icon, seed 42, beside its 3 nearest training icons, at distances ")
    distances = item["description"].rpartition("distances ")[2].split(", ")
    assert distances == sorted(distances)
    assert (await world.picture(answer)).startswith(b"\x89PNG")
    assert len(await world.rows()) == 1


async def test_the_select_opens_the_icon_of_its_seed(world: World) -> None:
    sheet = await world.icon(seed="10", count=4)
    third = options(sheet)[2]
    assert (third["label"], third["description"]) == ("3 · 2nd row, left", "seed 12")
    opened = public(await choose(world.other, sheet, third["value"]))
    assert words(opened).startswith("Seed `12` · Model ")
    assert "-# Opened from the sheet of [seed `10`](" in words(opened)
    assert labels(opened) == ["Another", "Vary", "Is it a copy?", "Favorite", "Use it", "Download", "Delete"]
    assert await world.picture(opened) == await world.picture(await world.icon(seed="12"))


async def test_who_asked_can_delete(world: World) -> None:
    card = await world.icon(seed="42")
    await world.asker.click(card, label="Delete")
    assert not shown(world, card)
    (row,) = await world.rows()
    assert row.deleted_at is not None


async def test_others_cannot_delete(world: World) -> None:
    card = await world.icon(seed="42")
    answer = private(await world.other.click(card, label="Delete"))
    assert answer == "Only the person who asked for this icon, or somebody with Manage Messages here, can delete it."
    assert shown(world, card)
    (row,) = await world.rows()
    assert row.deleted_at is None


async def test_moderators_can_delete_a_whole_sheet(world: World) -> None:
    card = await world.icon(seed="42", count=9)
    await world.moderator.click(card, label="Delete")
    assert not shown(world, card)
    assert all(row.deleted_at is not None for row in await world.rows())


async def test_buttons_work_in_direct_messages(world: World) -> None:
    user = world.asker.user
    card = public(await user.slash("icon", seed="42"))
    fresh = public(await user.click(card, label="Another"))
    assert f"(https://discord.com/channels/@me/{user.dm_channel.id}/{card.id})" in words(fresh)
    await user.click(card, label="Delete")
    assert card.id not in {message.id for message in user.dm_channel.history()}


async def test_all_of_it_works_after_a_restart(world: World) -> None:
    card, sheet = await world.icon(seed="42"), await world.icon(seed="10", count=4)
    await world.restart()
    assert "[seed `42`]" in words(public(await world.asker.click(card, label="Another")))
    assert "Seed `42`" in words((await world.asker.click(card, label="Is it a copy?")).response)  # type: ignore[arg-type]
    assert words(public(await choose(world.asker, sheet, options(sheet)[3]["value"]))).startswith("Seed `13`")
    await world.asker.click(card, label="Delete")
    assert not shown(world, card)


async def test_old_buttons_keep_their_model_when_another_one_serves(tiny_bundle_path: Path, tmp_path: Path) -> None:
    newer = another_bundle(tiny_bundle_path, tmp_path / "newer")
    async with open_services(settings_for(tiny_bundle_path, tmp_path)) as old, in_discord(old) as world:
        card, sheet = await world.icon(seed="42"), await world.icon(seed="10", count=4)
        before = await world.picture(await world.icon(seed="12"))
        version = old.get(ModelLibrary).active.version
        async with open_services(settings_for(newer, tmp_path)) as new:
            world.services = new
            await world.restart()
            after = await world.icon(seed="12")
            assert words(after) == f"Seed `12` · Model `{new.get(ModelLibrary).active.version}`"
            assert new.get(ModelLibrary).active.version != version
            assert await world.picture(after) != before

            opened = public(await choose(world.asker, sheet, options(sheet)[2]["value"]))
            assert f"Model `{version}`" in words(opened)
            assert await world.picture(opened) == before
            assert f"Model `{version}`" in words(public(await world.asker.click(card, label="Another")))
            near = (await world.asker.click(card, label="Is it a copy?")).response
            assert near is not None
            assert f"Model `{version}`" in words(near)


async def test_when_the_model_is_gone_the_person_is_told(tiny_bundle_path: Path, tmp_path: Path) -> None:
    newer = another_bundle(tiny_bundle_path, tmp_path / "newer")
    async with open_services(settings_for(tiny_bundle_path, tmp_path)) as old, in_discord(old) as world:
        card = await world.icon(seed="42")
        version, folder = old.get(ModelLibrary).active.version, old.get(ModelLibrary).active.bundle.path
        async with open_services(settings_for(newer, tmp_path)) as new:
            world.services = new
            await world.restart()
            shutil.rmtree(folder)
            answer = private(await world.asker.click(card, label="Another"))
            assert answer == (
                f"The model of this icon, {version}, is no longer kept here, so its buttons have nothing to draw with."
            )


@pytest.mark.parametrize("label", ["Another", "Vary", "Is it a copy?", "Favorite", "Delete"])
async def test_when_the_row_is_gone_the_person_is_told(world: World, label: str) -> None:
    card = await world.icon(seed="42")
    async with world.services.database.write() as session:
        await session.execute(delete(Generation))
    result = await world.asker.click(card, label=label)
    answers = [message.content for message in (*result.followups, result.response) if message is not None]
    assert answers[0] == "This icon is no longer in the database. Type /icon for a new one."
    assert shown(world, card)


async def test_where_the_bot_may_not_post_buttons_say_so(world: World) -> None:
    me = world.guild.me
    assert me is not None
    card = await world.icon(seed="42")
    channel = world.client.get_channel(world.channel.id)
    assert isinstance(channel, discord.TextChannel)
    await channel.set_permissions(me, send_messages=False)
    answer = private(await world.asker.click(card, label="Another"))
    assert answer == "I cannot post here. Please ask a moderator to give me: Send Messages."


async def test_bursts_of_presses_are_slowed_down(world: World) -> None:
    card = await world.icon(seed="42")
    world.client.services.add(Burst(limit=1, seconds=20, now=lambda: 0.0))
    await world.asker.click(card, label="Another")
    answer = private(await world.asker.click(card, label="Another"))
    assert answer == "One moment: you can go on in 20 s."


async def test_when_discord_does_not_let_the_message_go_the_row_stays(world: World) -> None:
    card = await world.icon(seed="42")
    world.env.inject_error("DELETE", "/webhooks/*/messages/@original", status=403, code=50013)
    answer = private(await world.asker.click(card, label="Delete"))
    assert answer.startswith("Discord does not let me do that here (error ")
    (row,) = await world.rows()
    assert row.deleted_at is None


async def test_a_message_that_somebody_else_deleted_meanwhile_is_noted(world: World) -> None:
    card = await world.icon(seed="42")
    world.env.inject_error("DELETE", "/webhooks/*/messages/@original", status=404, code=10008)
    await world.asker.click(card, label="Delete")
    (row,) = await world.rows()
    assert row.deleted_at is not None


async def test_an_error_of_our_own_is_told_with_an_id_that_is_in_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> Comparison:
        raise RuntimeError("the shelf fell down")

    card = await world.icon(seed="42")
    monkeypatch.setattr(world.service(NeighborService), "of_row", broken)
    result = await world.asker.click(card, label="Is it a copy?")
    assert result.response is not None
    assert result.response.ephemeral
    number = result.response.content.partition("(error ")[2].partition(")")[0]
    assert result.response.content == (
        f"Something went wrong on my side (error {number}). It is in the log; please try again."
    )
    assert f"error {number}, 'mj:near:1' by {world.asker.id}" in caplog.text
    assert "RuntimeError: the shelf fell down" in caplog.text


@pytest.mark.parametrize("number", [0, 1, 35, 36, 123_456_789, 36**12 - 1])
def test_rows_in_buttons_are_read_back(number: int) -> None:
    assert int(base36(number), 36) == number
