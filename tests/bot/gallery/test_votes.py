"""Votes: each person has one for an icon, wherever and however often it was drawn."""

from __future__ import annotations

from pathlib import Path

from bot.db.session import Database
from bot.gallery.service import GalleryService, Hall, Visitor
from bot.icons.favorites import FavoriteService
from bot.icons.rows import Origin
from bot.icons.service import IconService
from bot.models.library import ModelLibrary
from generator.seeds import Seed
from tests.bot.daily.posts import Clock
from tests.bot.gallery.test_gallery import again, favorite, seeds, stored
from tests.bot.world import (
    World,
    alt_text,
    choose,
    for_one,
    labels,
    mark,
    options,
    public,
    settings_for,
    words,
)


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
    first = public(await choose(world.asker, sheet, third))
    await favorite(world.asker, first)
    second = public(await choose(world.other, sheet, third))
    assert "Favorite · 1" in labels(second)
    await favorite(world.other, second)
    assert await stored(world) == [(5, world.asker.id, world.guild.id), (6, world.other.id, world.guild.id)]
    shown = public(await world.asker.slash(world.channel, "gallery server"))
    assert seeds(shown) == ["12"]
    assert words(shown).splitlines()[1] == f"**1** `12` · 2 votes · found by {world.asker.mention}"

    await world.asker.click(sheet, label="Delete")
    assert seeds(for_one(await world.asker.slash(world.channel, "gallery mine"))) == ["12"]
    assert seeds(public(await world.asker.slash(world.channel, "gallery server"))) == ["12"]  # the opened ones stand


async def test_votes_on_both_databases(database: Database, tiny_bundle_path: Path, tmp_path: Path) -> None:
    clock = Clock()
    library = ModelLibrary(settings_for(tiny_bundle_path, tmp_path), database, clock)
    await library.open()
    try:
        icons = IconService(database, library, clock)
        service, favorites = GalleryService(database, library, clock), FavoriteService(database, clock)
        sheet = await icons.draw(Seed.of(1), 1, where=Origin(1, 2, 3))
        row = sheet.icons[0].id
        await icons.posted(sheet, 99)
        for user in (3, 4):
            assert await favorites.toggle(row, Origin(1, 2, user), private=False) == (True, user - 2)
        page = await service.page(Hall.EVER, 7, Visitor(3, 1, [2]))
        assert [(entry.row.id, entry.votes) for entry in page.entries] == [(row, 2)]
        assert (await service.page(Hall.SERVER, 0, Visitor(3, 2, [2]))).entries == ()
        assert (await service.page(Hall.SERVER, 0, Visitor(3, 1, [4]))).entries == ()
        assert len((await service.page(Hall.MINE, 0, Visitor(4, None))).entries) == 1
        assert await favorites.toggle(row, Origin(1, 2, 3), private=False) == (False, 1)
    finally:
        await library.aclose()


async def test_the_same_icon_is_one_however_often_it_was_asked_for(world: World) -> None:
    cards = [await world.icon(seed="42") for _ in range(3)]
    await favorite(world.asker, cards[0])
    await favorite(world.other, cards[1])
    assert "Favorite · 2" in labels(await world.icon(seed="42"))
    assert await favorite(world.asker, cards[2]) == "No longer a favorite of yours."
    assert "Favorite · 1" in labels(again(world, cards[2]))
    await favorite(world.asker, cards[2])
    await favorite(world.moderator, await world.icon(seed="42", wildness=30))  # another picture
    top = public(await world.other.slash(world.channel, "gallery top"))
    assert words(top).splitlines()[1:3] == [
        f"**1** `42` · 2 votes · found by {world.asker.mention}",
        f"**2** `42` · 1 vote · found by {world.asker.mention}",
    ]
    variation = public(await world.asker.slash(world.channel, "icon", seed="42 ~3"))
    assert "Favorite" in labels(variation)


async def test_a_sheet_is_voted_for_without_opening_it(world: World) -> None:
    sheet = await world.icon(seed="10", count=4)
    await world.restart()
    told = await mark(world.other, sheet, 3, 1)
    assert told == "Favorites of yours now: 1, 3. /gallery mine shows all of them."
    told = await mark(world.other, sheet, 1, 2)
    assert told == ("Favorites of yours now: 2. /gallery mine shows all of them. No longer favorites of yours: 1.")
    assert sorted(seeds(for_one(await world.other.slash(world.channel, "gallery mine")))) == ["11", "12"]


async def test_votes_count_in_the_server_that_they_were_given_in(world: World) -> None:
    elsewhere = world.env.create_guild("Elsewhere")
    there = elsewhere.create_text_channel("there")
    neighbor = elsewhere.add_member(world.asker.user)
    await favorite(world.asker, await world.icon(seed="42"))
    card = public(await neighbor.slash(there, "icon", seed="42"))
    assert "Favorite" in labels(card)
    assert await favorite(neighbor, card) == "A favorite of yours now; /gallery mine shows all of them."
    assert "Favorite · 1" in labels(again(world, card))
    assert seeds(for_one(await world.asker.slash(world.channel, "gallery mine"))) == ["42"]
    direct = public(await world.other.user.slash("icon", seed="42"))
    assert "Favorite" in labels(direct)
    assert await favorite(neighbor, card) == "No longer a favorite of yours."
    assert await stored(world) == []
