"""Favorites and galleries, as people use them."""

from __future__ import annotations

import io
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from PIL import Image
from simcord.backend.models.channel import Overwrite
from simcord.enums import OverwriteType
from sqlalchemy import select, update

from bot.app import open_services
from bot.db.models import Favorite
from bot.icons.favorites import FavoriteService
from bot.icons.rows import Origin
from bot.models.library import ModelLibrary
from bot.privacy.service import PrivacyService
from tests.bot.world import (
    World,
    alt_text,
    another_bundle,
    choose,
    for_one,
    in_discord,
    labels,
    mark,
    options,
    private,
    public,
    settings_for,
    words,
)


async def favorite(person: Any, card: simcord.ResponseMessage) -> str:
    """Press the button, whatever number stands on it: what the person is told."""
    (label,) = [label for label in labels(card) if label.startswith("Favorite")]
    answer = (await person.click(card, label=label)).followups[0]
    assert answer.ephemeral
    return str(answer.content)


def again(world: World, card: simcord.ResponseMessage) -> simcord.ResponseMessage:
    """A message as it stands now."""
    return simcord.ResponseMessage(world.env, world.env.backend.get_message(card.channel_id, card.id))


def seeds(card: simcord.ResponseMessage) -> list[str]:
    """The seeds that a page's select offers."""
    return [option["description"].removeprefix("seed ").partition(" · ")[0] for option in options(card)]


async def stored(world: World) -> list[tuple[int, int, int | None]]:
    """All votes."""
    async with world.services.database.read() as session:
        rows = await session.scalars(select(Favorite).order_by(Favorite.generation_id, Favorite.user_id))
        return [(row.generation_id, row.user_id, row.guild_id) for row in rows]


async def toggle(world: World, *rows: int) -> None:
    """The asker presses the buttons of these icons, one after the other."""
    where = Origin(world.guild.id, world.channel.id, world.asker.id)
    for row in rows:
        await world.service(FavoriteService).toggle(row, where, private=False)


def private_card(result: simcord.InteractionResult) -> str:
    """The text of a card that the person alone can see."""
    return words(for_one(result))


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("gallery mine", "You have no favorites yet. Press Favorite below an icon that you like."),
        ("gallery server", "Nobody has a favorite here yet. Press Favorite below an icon that you like."),
        ("gallery top", "No votes in the last seven days. Press Favorite below an icon that you like: that is one."),
    ],
)
async def test_an_empty_gallery_says_how_to_fill_it(world: World, command: str, sentence: str) -> None:
    await world.icon(seed="42")
    result = await world.asker.slash(world.channel, command)
    assert result.response is not None
    assert words(result.response) == sentence
    assert result.response.ephemeral is (command == "gallery mine")


async def test_pages_are_turned_by_buttons_that_outlive_the_process(world: World) -> None:
    for seed, count in (("0", 1), ("1", 9), ("10", 1)):
        await world.icon(seed=seed, count=count)
    await toggle(world, *range(1, 12))
    page = public(await world.other.slash(world.channel, "gallery server"))
    first, *_, last = words(page).splitlines()[1:]
    assert (first, last) == (f"**1** `10` · 1 vote · found by {world.asker.mention}", "-# Page 1 of 2")
    assert seeds(page) == [str(seed) for seed in range(10, 1, -1)]
    assert alt_text(page).startswith(
        "Favorites of this server, a page of generated icons, row by row with their seeds: 1: 10, 2: 9, "
    )
    assert labels(page) == ["Next page"]
    with Image.open(io.BytesIO(await world.picture(page))) as picture:
        assert picture.size == (592, 592)
    await world.restart()
    await world.other.click(page, label="Next page")
    page = again(world, page)
    assert (words(page).splitlines()[-1], seeds(page), labels(page)) == (
        "-# Page 2 of 2",
        ["1", "0"],
        ["Previous page"],
    )
    opened = public(await choose(world.other, page, options(page)[1]["value"]))
    assert words(opened).startswith("Seed `0` · Model ")
    assert "\n-# From the gallery: [seed `0`](" in words(opened)
    assert "Favorite · 1" in labels(opened)
    assert (await world.rows())[-1].parent_id == 1
    await world.asker.click(page, label="Previous page")
    assert words(again(world, page)).endswith("Page 1 of 2")


async def test_a_page_that_is_gone_turns_to_the_last_one(world: World) -> None:
    await world.icon(seed="0")
    await world.icon(seed="1", count=9)
    await toggle(world, *range(1, 11))
    page = for_one(await world.asker.slash(world.channel, "gallery mine"))
    await toggle(world, 1)
    await world.asker.click(page, label="Next page")
    assert words(again(world, page)).splitlines() == [
        "### Your favorites",
        *(f"**{place}** `{seed}`" for place, seed in enumerate(seeds(page), start=1)),
    ]
    await toggle(world, *range(2, 11))
    page = for_one(await world.asker.slash(world.channel, "gallery mine"))
    assert words(page).startswith("You have no favorites yet.")


async def test_my_favorites_follow_me_everywhere_and_nobody_else_sees_them(world: World) -> None:
    await favorite(world.asker, await world.icon(seed="here"))
    user = world.asker.user
    await favorite(user, public(await user.slash("icon", seed="there")))
    mine = for_one(await user.slash("gallery mine"))
    assert seeds(mine) == ["there", "here"]
    opened = for_one(await choose(user, mine, options(mine)[1]["value"]))
    assert words(opened).startswith("Seed `here`")
    assert seeds(public(await world.other.slash(world.channel, "gallery server"))) == ["here"]
    assert private_card(await world.other.slash(world.channel, "gallery mine")).startswith("You have no favorites")


async def test_galleries_of_servers_are_refused_in_direct_messages(world: World) -> None:
    for command in ("gallery server", "gallery top"):
        answer = private(await world.asker.user.slash(command))
        assert answer == "This gallery is one of a server that I am a member of; /gallery mine works everywhere."


async def test_a_server_shows_what_everybody_there_may_see(world: World) -> None:
    secret = world.guild.create_text_channel(
        "secret", overwrites={world.other: discord.PermissionOverwrite(view_channel=False)}
    )
    await favorite(world.asker, public(await world.asker.slash(secret, "icon", seed="secret")))
    quiet = for_one(await world.asker.slash(world.channel, "icon", seed="private", private=True))
    await favorite(world.asker, quiet)
    deleted = await world.icon(seed="deleted")
    await favorite(world.asker, deleted)
    await world.asker.click(deleted, label="Delete")
    await favorite(world.asker, await world.icon(seed="open"))
    assert seeds(for_one(await world.asker.slash(world.channel, "gallery server", private=True))) == ["open", "secret"]
    assert seeds(for_one(await world.other.slash(world.channel, "gallery server", private=True))) == ["open"]
    mine = for_one(await world.asker.slash(world.channel, "gallery mine"))
    assert seeds(mine) == ["open", "deleted", "private", "secret"]
    # For all who read the channel, `other` among them; and where all who read it can see that channel.
    assert seeds(public(await world.asker.slash(world.channel, "gallery server"))) == ["open"]
    page = public(await world.asker.slash(secret, "gallery server"))
    assert seeds(page) == ["open", "secret"]
    world.env.backend.delete_channel(secret.id)
    await world.env.settle()
    assert seeds(for_one(await world.asker.slash(world.channel, "gallery server", private=True))) == ["open"]


async def test_an_old_page_opens_no_icon_of_a_channel_that_was_closed_since(world: World) -> None:
    staff = world.guild.create_text_channel("staff")
    await favorite(world.asker, public(await world.asker.slash(staff, "icon", seed="staff")))
    page = public(await world.asker.slash(world.channel, "gallery server"))
    assert seeds(page) == ["staff"]
    nobody = Overwrite(world.guild.id, OverwriteType.ROLE, deny=discord.Permissions(view_channel=True).value)
    world.env.backend.set_overwrite(staff.id, nobody)
    await world.env.settle()
    answer = private(await choose(world.other, page, options(page)[0]["value"]))
    assert answer.startswith("This icon is no longer in the database")
    assert words(public(await world.other.slash(world.channel, "gallery top"))).startswith("No votes")


async def test_the_top_counts_votes_of_the_week_or_all(world: World) -> None:
    old, new = await world.icon(seed="old"), await world.icon(seed="new")
    await favorite(world.asker, old)
    await favorite(world.other, old)
    async with world.services.database.write() as session:
        await session.execute(update(Favorite).values(created_at=world.env.now() - timedelta(days=7, seconds=1)))
    await favorite(world.moderator, new)
    assert seeds(public(await world.other.slash(world.channel, "gallery top"))) == ["new"]
    ever = public(await world.other.slash(world.channel, "gallery top", time="e"))
    assert seeds(ever) == ["old", "new"]
    assert words(ever).startswith("### Top of all time")


async def test_a_gallery_of_several_models_shows_a_blank_for_one_that_is_gone(
    tiny_bundle_path: Path, tmp_path: Path
) -> None:
    newer = another_bundle(tiny_bundle_path, tmp_path / "newer")
    async with open_services(settings_for(tiny_bundle_path, tmp_path)) as old, in_discord(old) as world:
        card = await world.icon(seed="42")
        await favorite(world.asker, card)
        folder, version = old.get(ModelLibrary).active.bundle.path, old.get(ModelLibrary).active.version
        async with open_services(settings_for(newer, tmp_path)) as new:
            world.services = new
            await world.restart()
            await favorite(world.asker, await world.icon(seed="42"))
            page = public(await world.asker.slash(world.channel, "gallery top"))
            assert [option["description"].partition("model ")[2] for option in options(page)] == [
                new.get(ModelLibrary).active.version,
                version,
            ]
            both = await world.picture(page)
        async with open_services(settings_for(newer, tmp_path)) as later:
            world.services = later
            await world.restart()
            shutil.rmtree(folder)
            page = public(await world.asker.slash(world.channel, "gallery top"))
            assert await world.picture(page) != both
            answer = private(await choose(world.asker, page, options(page)[1]["value"]))
            assert answer.startswith(f"The model of this icon, {version}, is no longer kept here")
            assert await favorite(world.other, again(world, card)) == (
                "A favorite of yours now; /gallery mine shows all of them."
            )
            assert "Favorite · 1" in labels(again(world, card))  # nothing to draw the card with; the vote counts
            assert len(await stored(world)) == 3


async def test_an_icon_that_somebody_deleted_can_still_be_opened_by_who_holds_it_dear(world: World) -> None:
    card = await world.icon(seed="42")
    picture = await world.picture(card)
    await favorite(world.other, card)
    await world.asker.click(card, label="Delete")
    mine = for_one(await world.other.slash(world.channel, "gallery mine"))
    opened = for_one(await choose(world.other, mine, options(mine)[0]["value"]))
    assert await world.picture(opened) == picture
    assert "-# From the gallery: seed `42`, opened for" in words(opened)  # without a link: the message is gone
    assert words(public(await world.other.slash(world.channel, "gallery server"))).startswith("Nobody has a favorite")
    assert "Favorite · 1" in labels(await world.icon(seed="42"))


async def test_a_favorite_is_removed_where_it_is_shown(world: World) -> None:
    await favorite(world.asker, await world.icon(seed="1"))
    await favorite(world.asker, await world.icon(seed="2"))
    user = world.asker.user
    mine = for_one(await user.slash("gallery mine"))  # in a direct message, far from the server
    assert seeds(mine) == ["2", "1"]
    assert await mark(user, mine, 2) == "No longer favorites of yours: 2."
    assert seeds(again(world, mine)) == ["2"]
    opened = for_one(await choose(user, mine, options(again(world, mine))[0]["value"]))
    assert await favorite(user, opened) == "No longer a favorite of yours."
    assert await stored(world) == []
    page = public(await world.other.slash(world.channel, "gallery server"))
    assert words(page).startswith("Nobody has a favorite here yet.")


async def test_a_page_of_the_server_counts_the_votes_that_it_gets(world: World) -> None:
    await favorite(world.asker, await world.icon(seed="1"))
    page = public(await world.other.slash(world.channel, "gallery top"))
    assert await mark(world.other, page, 1) == "Favorites of yours now: 1. /gallery mine shows all of them."
    assert "**1** `1` · 2 votes · found by" in words(again(world, page))


async def test_who_wished_to_be_forgotten_has_found_an_icon_as_somebody(world: World) -> None:
    card = await world.icon(seed="42")
    await favorite(world.other, card)
    await world.service(PrivacyService).forget(world.asker.id)
    page = public(await world.other.slash(world.channel, "gallery top"))
    assert "**1** `42` · 1 vote · found by somebody who wished to be forgotten" in words(page)
