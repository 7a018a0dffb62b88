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
from bot.db.session import Database
from bot.gallery.service import GalleryService, Hall, Visitor
from bot.icons.favorites import FavoriteService
from bot.icons.rows import Origin
from bot.icons.service import IconService
from bot.models.library import ModelLibrary
from generator.seeds import Seed
from tests.bot.daily.posts import Clock
from tests.bot.world import (
    World,
    alt_text,
    another_bundle,
    for_one,
    in_discord,
    labels,
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
    return [option["label"].partition("seed ")[2] for option in options(card)]


async def stored(world: World) -> list[tuple[int, int, int | None]]:
    """All votes."""
    async with world.services.database.read() as session:
        rows = await session.scalars(select(Favorite).order_by(Favorite.generation_id, Favorite.user_id))
        return [(row.generation_id, row.user_id, row.guild_id) for row in rows]


async def mark(world: World, *rows: int) -> None:
    """The asker presses the buttons of these icons, one after the other."""
    for row in rows:
        await world.service(FavoriteService).toggle(row, world.asker.id)


async def test_each_person_has_one_vote_and_the_button_counts(world: World) -> None:
    card = await world.icon(seed="42")
    picture, text = await world.picture(card), words(card)
    assert await favorite(world.asker, card) == "A favorite of yours now; /gallery mine shows all of them."
    card = again(world, card)
    assert "Favorite · 1" in labels(card)
    await world.restart()
    assert await favorite(world.other, card) == "A favorite of yours now; /gallery mine shows all of them."
    card = again(world, card)
    assert "Favorite · 2" in labels(card)
    assert await stored(world) == [(1, world.asker.id, world.guild.id), (1, world.other.id, world.guild.id)]
    assert await favorite(world.asker, card) == "No longer a favorite of yours."
    card = again(world, card)
    assert "Favorite · 1" in labels(card)
    assert (await world.picture(card), words(card), alt_text(card)[:9]) == (picture, text, "Generated")
    assert len(card.message.attachments) <= 1
    await favorite(world.other, card)
    assert "Favorite" in labels(again(world, card))
    assert await stored(world) == []


async def test_an_opened_icon_and_its_place_in_the_sheet_are_one(world: World) -> None:
    sheet = await world.icon(seed="10", count=4)
    third = options(sheet)[2]["value"]
    first = public(await world.asker.select(sheet, [third]))
    await favorite(world.asker, first)
    second = public(await world.other.select(sheet, [third]))
    assert "Favorite · 1" in labels(second)
    await favorite(world.other, second)
    assert await stored(world) == [(3, world.asker.id, world.guild.id), (3, world.other.id, world.guild.id)]
    shown = public(await world.asker.slash(world.channel, "gallery server"))
    assert seeds(shown) == ["12"]
    assert options(shown)[0]["description"].startswith("Votes: 2 · Model m1-")

    await world.asker.click(sheet, label="Delete")
    assert private_card(await world.asker.slash(world.channel, "gallery mine")).startswith("You have no favorites yet")
    await favorite(world.other, first)  # what is left of the icon can be a favorite of its own
    assert [row[0] for row in await stored(world)][-1] == 5
    assert seeds(public(await world.asker.slash(world.channel, "gallery server"))) == ["12"]


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
    await mark(world, *range(1, 12))
    page = public(await world.other.slash(world.channel, "gallery server"))
    assert words(page) == "### Favorites of this server\n-# Page 1 of 2"
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
    assert (words(page).splitlines()[1], seeds(page), labels(page)) == ("-# Page 2 of 2", ["1", "0"], ["Previous page"])
    opened = public(await world.other.select(page, [options(page)[1]["value"]]))
    assert words(opened).startswith("Seed `0` · Model ")
    assert "\n-# From the gallery: [seed `0`](" in words(opened)
    assert "Favorite · 1" in labels(opened)
    assert (await world.rows())[-1].parent_id == 1
    await world.asker.click(page, label="Previous page")
    assert words(again(world, page)).endswith("Page 1 of 2")


async def test_a_page_that_is_gone_turns_to_the_last_one(world: World) -> None:
    await world.icon(seed="0")
    await world.icon(seed="1", count=9)
    await mark(world, *range(1, 11))
    page = for_one(await world.asker.slash(world.channel, "gallery mine"))
    await mark(world, 1)
    await world.asker.click(page, label="Next page")
    assert words(again(world, page)) == "### Your favorites\n-# Page 1 of 1"
    await mark(world, *range(2, 11))
    page = for_one(await world.asker.slash(world.channel, "gallery mine"))
    assert words(page).startswith("You have no favorites yet.")


async def test_my_favorites_follow_me_everywhere_and_nobody_else_sees_them(world: World) -> None:
    await favorite(world.asker, await world.icon(seed="here"))
    user = world.asker.user
    await favorite(user, public(await user.slash("icon", seed="there")))
    mine = for_one(await user.slash("gallery mine"))
    assert seeds(mine) == ["there", "here"]
    opened = for_one(await user.select(mine, [options(mine)[1]["value"]]))
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
    assert seeds(for_one(await world.asker.slash(world.channel, "gallery mine"))) == ["open", "private", "secret"]
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
    answer = (await world.other.select(page, [options(page)[0]["value"]])).response
    assert answer is not None
    assert answer.content.startswith("This icon is no longer in the database")
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
            assert [option["description"][-7:] for option in options(page)] == [
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
            answer = public(await world.asker.select(page, [options(page)[1]["value"]]))
            assert answer.content.startswith(f"The model of this icon, {version}, is no longer kept here")
            assert await favorite(world.other, again(world, card)) == (
                "A favorite of yours now; /gallery mine shows all of them."
            )
            assert "Favorite · 1" in labels(again(world, card))  # nothing to draw the card with; the vote counts
            assert len(await stored(world)) == 3


async def test_votes_on_both_databases(database: Database, tiny_bundle_path: Path, tmp_path: Path) -> None:
    clock = Clock()
    library = ModelLibrary(settings_for(tiny_bundle_path, tmp_path), database, clock)
    await library.open()
    try:
        icons = IconService(database, library, clock)
        service, favorites = GalleryService(database, library, clock), FavoriteService(database, icons, clock)
        sheet = await icons.draw(Seed.of(1), 1, where=Origin(1, 2, 3))
        row = sheet.icons[0].id
        await icons.posted(sheet, 99)
        for user in (3, 4):
            assert await favorites.toggle(row, user) == (True, user - 2)
        page = await service.page(Hall.EVER, 7, Visitor(3, 1, [2]))
        assert [(entry.row.id, entry.votes) for entry in page.entries] == [(row, 2)]
        assert (await service.page(Hall.SERVER, 0, Visitor(3, 2, [2]))).entries == ()
        assert (await service.page(Hall.SERVER, 0, Visitor(3, 1, [4]))).entries == ()
        assert len((await service.page(Hall.MINE, 0, Visitor(4, None))).entries) == 1
        assert await favorites.toggle(row, 3) == (False, 1)
    finally:
        await library.aclose()
