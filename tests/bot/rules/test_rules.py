"""/settings as people use it, and what each setting then refuses or changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from sqlalchemy import select

from bot.db.guilds import LeftGuild
from bot.features import FEATURES
from bot.icons.favorites import FavoriteService
from bot.icons.rows import Origin
from bot.models.library import ModelLibrary
from bot.talk.access import FAMILIES, AccessService, ServerSettings
from bot.talk.guard import audience_of
from tests.bot.world import World, for_one, gallery, labels, menus, open_world, private, public, words


@pytest.fixture
async def boss(world: World) -> simcord.MemberActor:
    """Somebody who may manage the server."""
    role = world.guild.create_role("Boss", permissions=discord.Permissions(manage_guild=True))
    return world.guild.add_member(world.env.create_user("boss"), roles=[role])


async def open_page(world: World, who: simcord.MemberActor, page: str) -> simcord.ResponseMessage:
    """The settings card, opened at a page."""
    card = for_one(await who.slash(world.channel, "settings"))
    await who.select(card, [page], custom_id="mj:set:page")
    return card


async def choose(
    world: World, who: simcord.MemberActor, page: str, *values: Any, control: str | None = None
) -> simcord.ResponseMessage:
    """Open a page of the card and choose something there."""
    card = await open_page(world, who, page)
    await who.select(card, values, custom_id=f"mj:set:{control or page}")
    return card


async def test_only_who_may_manage_the_server_sees_and_changes_settings(
    world: World, boss: simcord.MemberActor
) -> None:
    with pytest.raises(simcord.SetupError):  # Discord does not show it
        await world.asker.slash(world.channel, "settings")
    card = await open_page(world, boss, "quota")
    assert "**Icons per person:** no limit" in words(card)
    world.env.backend.remove_member_role(world.guild.id, boss.id, world.guild.roles["Boss"].id)
    assert private(await boss.select(card, ["10"], custom_id="mj:set:quota")) == "For this you need: Manage Server."
    assert await world.service(AccessService).settings(world.guild.id) == ServerSettings()


async def test_icons_are_posted_in_the_chosen_channels(world: World, boss: simcord.MemberActor) -> None:
    elsewhere, quiet = world.guild.create_text_channel("talk"), world.guild.create_text_channel("quiet")
    card = await choose(world, boss, "channels", world.channel)
    assert f"**Channels:** <#{world.channel.id}>" in words(card)
    sentence = private(await world.other.slash(elsewhere, "icon"))
    assert sentence.startswith(f"In this server I post in <#{world.channel.id}> only.")
    for_one(await world.other.slash(elsewhere, "icon", private=True))
    message = await world.icon()
    assert public(await world.other.click(message, label="Another"))
    await choose(world, boss, "channels", quiet)
    assert private(await world.other.click(message, label="Another")).startswith("In this server I post in")
    world.env.backend.delete_channel(quiet.id)
    assert private(await world.other.slash(elsewhere, "morph", **{"from": "1", "to": "2"})).startswith("The channels")
    await choose(world, boss, "channels")
    assert public(await world.other.slash(elsewhere, "icon"))


async def test_a_category_and_a_thread_count_with_their_channel(world: World, boss: simcord.MemberActor) -> None:
    category = world.guild.create_category("Art")
    inside = world.guild.create_text_channel("art", category=category)
    await choose(world, boss, "channels", category)
    assert public(await world.asker.slash(inside, "icon"))
    assert private(await world.asker.slash(world.channel, "icon"))


async def test_posts_come_in_the_chosen_language(world: World, boss: simcord.MemberActor) -> None:
    card = await choose(world, boss, "language", "de")
    assert "**Language:** Deutsch" in words(card)
    assert labels(await world.icon(seed="42"))[0] == "Noch eins"
    assert "Is it a copy?" in labels(for_one(await world.asker.slash(world.channel, "icon", private=True)))
    await choose(world, boss, "language", "none")
    assert labels(await world.icon(seed="42"))[0] == "Another"


async def test_a_quota_holds_through_a_restart_and_refuses_alone(world: World, boss: simcord.MemberActor) -> None:
    card = await choose(world, boss, "quota", "10")
    assert "**Icons per person:** 10 per hour" in words(card)
    sheet = await world.icon(count=9)
    await world.restart()
    assert private(await world.asker.slash(world.channel, "icon", count=4)).startswith(
        "This takes 4 of your 10 icons per hour, and 1 are left. The hour ends <t:"
    )
    opened = await open_first(world.asker, sheet)
    assert public(opened)
    assert private(await world.asker.click(sheet, label="Another sheet")).startswith("This takes 9")
    assert private(await world.asker.slash(world.channel, "neighbors", seed="1")).startswith("This takes 1")
    assert public(await world.other.slash(world.channel, "icon", count=9))
    await world.env.advance_time(3601)
    assert await world.icon(count=9)


async def open_first(person: simcord.MemberActor, sheet: simcord.ResponseMessage) -> simcord.InteractionResult:
    """Open the first icon of a sheet."""
    menu = menus(sheet)[0]
    return await person.select(sheet, [menu["options"][0]["value"]], custom_id=menu["custom_id"])


async def test_what_was_not_delivered_is_not_counted(world: World, boss: simcord.MemberActor) -> None:
    await choose(world, boss, "quota", "3")
    world.env.inject_error("PATCH", "/webhooks/*/messages/@original", status=403, code=50013)
    assert private(await world.asker.slash(world.channel, "icon", count=1)).startswith("Discord does not let me")
    world.errors()
    for _ in range(3):
        assert await world.icon()
    assert private(await world.asker.slash(world.channel, "icon")).startswith("This takes 1 of your 3")


async def test_a_pause_and_roles_and_blocks(world: World, boss: simcord.MemberActor) -> None:
    """One server with several settings at once."""
    friends = world.guild.create_role("Friends")
    friend = world.guild.add_member(world.env.create_user("friend"), roles=[friends])
    message = await world.icon(seed="42")
    card = await choose(world, boss, "roles", friends, control="roles_neighbors")
    assert f"**Who may use what:** /neighbors: <@&{friends.id}>" in words(card)
    refusal = f"In this server, this is for certain roles only: <@&{friends.id}>."
    assert private(await world.asker.slash(world.channel, "neighbors", seed="1")) == refusal
    assert private(await world.asker.click(message, label="Is it a copy?")) == refusal
    assert private(await world.asker.context_menu(world.channel, "Is it a copy?", message)) == refusal
    for_one(await friend.click(message, label="Is it a copy?"))
    for_one(await boss.click(message, label="Is it a copy?"))
    assert await world.icon()

    card = await choose(world, boss, "blocked", world.other, control="block")
    assert f"**Blocked people:** <@{world.other.user.id}>" in words(card)
    blocked = private(await world.other.slash(world.channel, "icon"))
    assert blocked.startswith("In this server you cannot use me")
    assert private(await world.other.click(message, label="Another")) == blocked
    await world.restart()
    assert private(await world.other.slash(world.channel, "icon", private=True)) == blocked
    card = await open_page(world, boss, "blocked")
    sentence = private(await boss.select(card, [boss], custom_id="mj:set:block"))
    assert sentence == f"<@{boss.user.id}> may manage this server, so I cannot block that person."
    await boss.select(card, [world.other], custom_id="mj:set:unblock")
    assert "**Blocked people:** nobody" in words(card)
    assert public(await world.other.slash(world.channel, "icon"))

    card = await choose(world, boss, "cooldown", "900")
    assert "**Pause:** 15 min" in words(card)
    assert await world.icon()
    assert private(await world.asker.slash(world.channel, "icon")).startswith("One moment: you can go on in ")
    assert public(await friend.slash(world.channel, "icon"))


async def test_pictures_are_hidden_where_the_server_wants_it(world: World, boss: simcord.MemberActor) -> None:
    card = await choose(world, boss, "spoiler", "on")
    assert "**Spoiler:** on" in words(card)
    (item,) = gallery(await world.icon(seed="42"))
    assert item["spoiler"]
    assert "/SPOILER_mojigan-" in item["media"]["url"]
    (item,) = gallery(for_one(await world.asker.slash(world.channel, "icon", private=True)))
    assert not item["spoiler"]


def test_each_family_is_one_that_a_server_can_keep_for_some(world: World) -> None:
    items = [item.audience for feature in FEATURES for item in feature.buttons]
    commands = [audience_of(command) for command in world.client.tree.get_commands()]
    assert {each.family for each in (*items, *commands)} == {*FAMILIES, None}


async def test_the_host_limits_everybody_everywhere(tiny_bundle_path: Path, tmp_path: Path) -> None:
    async with open_world(tiny_bundle_path, tmp_path, quota=5) as world:
        await world.icon(count=4)
        assert private(await world.asker.slash(world.channel, "icon", count=4)).startswith("This takes 4 of your 5")
        answer = await world.asker.user.slash("icon", count=4)
        assert private(answer).startswith("This takes 4 of your 5")
        assert await world.asker.user.slash("icon")


async def test_the_newer_buttons_and_commands_count_too(world: World, boss: simcord.MemberActor) -> None:
    message = await world.icon(seed="42")
    await choose(world, boss, "quota", "10")
    await world.asker.click(message, label="Favorite")  # shows what exists: nothing is counted
    page = public(await world.asker.slash(world.channel, "gallery server"))
    assert public(await world.asker.click(message, label="Vary"))
    opened = await open_first(world.asker, page)
    assert public(opened)
    assert private(await world.asker.click(message, label="Vary")).startswith("This takes 9 of your 10")
    assert private(await open_first(world.asker, page)).startswith("This takes 1 of your 10")
    version = world.service(ModelLibrary).active.version
    assert private(await world.asker.slash(world.channel, "icon", model=version)).startswith("This takes 1")
    assert public(await world.asker.slash(world.channel, "gallery top"))
    friends = world.guild.create_role("Friends")
    await choose(world, boss, "roles", friends, control="roles_gallery")
    refusal = f"In this server, this is for certain roles only: <@&{friends.id}>."
    assert private(await world.asker.slash(world.channel, "gallery mine")) == refusal
    assert private(await world.asker.click(message, label="Favorite · 1")) == refusal


async def test_a_test_of_the_daily_post_counts_and_posts_follow_the_settings(
    world: World, boss: simcord.MemberActor
) -> None:
    await choose(world, boss, "language", "fr")
    await choose(world, boss, "spoiler", "on")
    await choose(world, boss, "quota", "5")
    await choose(
        world, boss, "channels", world.guild.create_text_channel("elsewhere")
    )  # its channel was chosen already
    await boss.slash(world.channel, "daily set", channel=world.channel, time="0:30", zone="UTC", count=4)
    await world.env.advance_time(2 * 3600)
    post = last_card(world)
    assert words(post).startswith("### Les icônes du jour · jeudi")
    (item,) = gallery(post)
    assert item["spoiler"]
    assert "/SPOILER_mojigan-" in item["media"]["url"]
    assert private(await boss.slash(world.channel, "daily test")).startswith("Posted [a test](")
    assert last_card(world).id != post.id
    assert private(await boss.slash(world.channel, "daily test")).startswith("This takes 4 of your 5")
    world.env.backend.delete_channel(world.channel.id)
    await world.env.advance_time(24 * 3600)
    (told,) = boss.user.dm_channel.history()
    assert told.content.startswith("La publication quotidienne")


def last_card(world: World) -> simcord.ResponseMessage:
    """The last message of the channel."""
    message = world.channel.last_message
    assert message is not None
    return simcord.ResponseMessage(world.env, world.env.backend.get_message(world.channel.id, message.id))


async def test_a_page_that_is_turned_and_a_vote_stay_hidden(world: World, boss: simcord.MemberActor) -> None:
    await choose(world, boss, "spoiler", "on")
    await world.icon(count=9)
    message = await world.icon(seed="42")
    for row in await world.rows():
        where = Origin(world.guild.id, world.channel.id, world.other.id)
        await world.service(FavoriteService).toggle(row.id, where, private=False)
    await world.asker.click(message, label="Favorite")
    (item,) = gallery(message)
    assert item["spoiler"]
    assert "/SPOILER_mojigan-" in item["media"]["url"]
    page = public(await world.asker.slash(world.channel, "gallery server"))
    await world.asker.click(page, label="Next page")
    (item,) = gallery(page)
    assert item["spoiler"]
    assert "/SPOILER_" in item["media"]["url"]


async def test_the_card_names_as_much_as_a_message_takes(world: World, boss: simcord.MemberActor) -> None:
    many = list(range(2**63, 2**63 + 25))
    access, guild = world.service(AccessService), world.guild.id
    await access.change(guild, channels=many, roles=dict.fromkeys(FAMILIES, many))
    await access.block(guild, [each - 2**62 for each in many], by=1)
    card = await open_page(world, boss, "roles")
    text = words(card)
    assert text.count(" …") == len(FAMILIES) + 2
    assert len(text) < 4000


async def test_a_server_that_the_bot_was_removed_from_is_noted(world: World) -> None:
    async def noted() -> list[int]:
        async with world.services.database.read() as session:
            return list(await session.scalars(select(LeftGuild.guild_id)))

    await world.service(AccessService).change(world.guild.id, quota=5)
    await world.restart()
    assert await noted() == []
    lost = world.env.create_guild("Lost")
    await world.env.settle()
    world.env.backend.remove_guild(lost.id)
    await world.env.settle()
    assert await noted() == [lost.id]
