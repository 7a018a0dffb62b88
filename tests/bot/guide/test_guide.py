"""/help and /about as people see them, and the help text in each language."""

from __future__ import annotations

from pathlib import Path

import discord
import pytest
import simcord

from bot.guide.command import help_text
from bot.models.library import ModelLibrary
from bot.talk.access import AccessService
from bot.talk.texts import Texts
from tests.bot.world import World, for_one, name_servers, open_world, words

TEXTS = Texts.load()


async def help_of(world: World, who: simcord.MemberActor) -> str:
    """What /help says to somebody."""
    return words(for_one(await who.slash(world.channel, "help")))


def named(text: str) -> list[str]:
    """The commands that a help text names, links and bare names, in order."""
    parts = text.replace("`/", "</").replace("`", ":").split("</")[1:]
    return [part.partition(":")[0] for part in parts]


FOR_ALL = ["icon", "mix", "morph", "gallery", "gallery mine", "gallery server", "gallery top", "neighbors"]
FOR_ALL += ["model", "model list", "model info", "privacy", "about", "help"]


async def test_each_person_sees_the_commands_that_they_can_use(world: World) -> None:
    text = await help_of(world, world.asker)
    assert named(text) == FOR_ALL
    ids = {command.name: command.id for command in await world.client.tree.fetch_commands()}
    assert f"</icon:{ids['icon']}> Draw " in text
    assert "`/gallery` " in text
    assert f"-# </gallery mine:{ids['gallery']}> · " in text
    assert text.endswith("In the menu of a message, under Apps: Icon info, Is it a copy?")

    boss = world.guild.create_role("Boss", permissions=discord.Permissions(manage_guild=True))
    manager = world.guild.add_member(world.env.create_user("boss"), roles=[boss])
    more = {"daily", *(f"daily {name}" for name in ("set", "show", "pause", "resume", "test", "log", "remove"))}
    assert set(named(await help_of(world, manager))) == {*FOR_ALL, *more, "settings", "model default"}
    admin = world.guild.create_role("Admin", permissions=discord.Permissions(administrator=True))
    administrator = world.guild.add_member(world.env.create_user("admin"), roles=[admin])
    assert set(named(await help_of(world, administrator))) == {*FOR_ALL, *more, "settings", "model default"}
    name_servers(world, frozenset({world.guild.id}))
    assert set(named(await help_of(world, administrator))) == {
        *(*FOR_ALL, *more, "settings"),
        *("retrain", "model default", "model use", "model rollback", "model theme"),
    }


async def test_what_the_server_does_not_allow_is_left_out(world: World) -> None:
    friends = world.guild.create_role("Friends")
    for family in ("gallery", "neighbors"):
        await world.service(AccessService).set_roles(world.guild.id, family, [friends.id])
    text = await help_of(world, world.asker)
    assert named(text) == [name for name in FOR_ALL if not name.startswith(("gallery", "neighbors"))]
    assert text.endswith("under Apps: Icon info")
    await world.service(AccessService).block(world.guild.id, [world.asker.id], by=1)
    assert named(await help_of(world, world.asker)) == ["privacy", "about", "help"]


async def test_a_direct_message_has_no_commands_of_servers(world: World) -> None:
    text = words(for_one(await world.asker.user.slash("help")))
    assert named(text) == FOR_ALL


@pytest.mark.parametrize("locale", sorted(TEXTS.languages))
async def test_all_commands_fit_into_a_message(world: World, locale: str) -> None:
    commands = [
        *world.client.tree.walk_commands(),
        *world.client.tree.get_commands(type=discord.AppCommandType.message),
    ]
    ids = {command.name: 2**63 for command in commands}
    text = help_text(commands, ids, TEXTS, locale)
    assert len(text.encode("utf-16-le")) // 2 < 4000
    assert len(named(text)) == len(list(world.client.tree.walk_commands()))
    bare = help_text(commands, {}, TEXTS, locale)
    assert f"`/{TEXTS.say('name.daily', locale)} {TEXTS.say('name.set', locale)}`" in bare
    assert TEXTS.say("command.icon.description", locale) in text


async def test_about_says_what_runs_here(tiny_bundle_path: Path, tmp_path: Path) -> None:
    url = "https://example.org/mojigan"
    async with open_world(tiny_bundle_path, tmp_path, source_url=url) as world:
        text = words(for_one(await world.asker.slash(world.channel, "about")))
        card = world.service(ModelLibrary).active.bundle.card
        assert text.startswith("**Mojigan ")
        assert f"Model `{world.service(ModelLibrary).active.version}`" in text
        assert f"on {card.data.count} icons" in text
        assert f"Here since <t:{int(world.client.started_at.timestamp())}:f>" in text
        assert f"Source code: <{url}>" in text
        assert named(text) == ["help", "privacy"]
        assert "Source code" in words(for_one(await world.asker.user.slash("about")))


async def test_without_an_address_of_the_source_there_is_no_line(world: World) -> None:
    assert "Source code" not in words(for_one(await world.asker.slash(world.channel, "about")))
