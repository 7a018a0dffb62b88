"""The line above a daily post, and the role that it pings."""

from __future__ import annotations

import logging

import discord
import pytest
import simcord

from tests.bot.daily.test_command import set_daily, until_time
from tests.bot.world import World, private, words


def last(world: World) -> tuple[str, frozenset[int] | None, bool]:
    """The words of the last card, the roles that it may ping (None: all), and whether it may ping everyone."""
    found = world.channel.last_message
    assert found is not None
    message = world.env.backend.get_message(world.channel.id, found.id)
    allowed = message.allowed_mentions
    assert allowed.users == frozenset()
    return words(simcord.ResponseMessage(world.env, message)), allowed.roles, allowed.everyone


async def test_a_post_begins_with_its_line_and_pings_its_role_alone(
    world: World, manager: simcord.MemberActor, caplog: pytest.LogCaptureFixture
) -> None:
    role = world.guild.create_role("Early birds", mentionable=True)
    other = world.guild.create_role("Others", mentionable=True)
    text = f"Good *morning*, @everyone and <@&{other.id}>!"
    told = await set_daily(world, manager, text=text, role=role)
    line = f"<@&{role.id}> Good *morning*, @\u200beveryone and <@\u200b&{other.id}>!"
    assert told.endswith(f"\n> {line}")
    assert private(await manager.slash(world.channel, "daily show")).endswith(f"\n> {line}")
    await manager.slash(world.channel, "daily test")
    shown, roles, everyone = last(world)
    assert shown.startswith(f"{line}\n### Icon of the day")
    assert (roles, everyone) == (frozenset(), False)
    await world.restart()
    await until_time(world, "2026-03-28T09:00")
    shown, roles, everyone = last(world)
    assert shown.startswith(f"{line}\n### Icon of the day · Saturday, 2026-03-28")
    assert (roles, everyone) == (frozenset({role.id}), False)

    world.env.backend.delete_role(world.guild.id, role.id)
    with caplog.at_level(logging.WARNING, "bot.daily.outlet"):
        await until_time(world, "2026-03-29T09:00")
    shown, roles, everyone = last(world)
    assert shown.startswith(f"{line.partition(' ')[2]}\n### Icon of the day · Sunday, 2026-03-29")
    assert (roles, everyone) == (frozenset(), False)
    assert f"the role {role.id} was deleted, and is left out" in caplog.text


async def test_a_role_is_pinged_for_who_may_mention_it_only(world: World, manager: simcord.MemberActor) -> None:
    role = world.guild.create_role("Quiet ones")
    assert (await set_daily(world, manager, role=world.guild.default_role)).startswith("A daily post can ping a role,")
    told = await set_daily(world, manager, role=role)
    assert told.startswith(f"You cannot have <@&{role.id}> pinged in <#{world.channel.id}>: ")
    crier = world.guild.create_role("Crier", permissions=discord.Permissions(manage_guild=True, mention_everyone=True))
    loud = world.guild.add_member(world.env.create_user("loud"), roles=[crier])
    me = world.guild.me
    assert me is not None
    mute = discord.PermissionOverwrite(mention_everyone=False)
    quiet = world.guild.create_text_channel("quiet", overwrites={me: mute})
    told = await set_daily(world, loud, channel=quiet, role=role)
    assert told.startswith(f"I cannot ping <@&{role.id}> in <#{quiet.id}>. ")
    assert private(await loud.slash(world.channel, "daily show")).startswith("There is no daily post")
    assert (await set_daily(world, loud, role=role)).startswith("Done. ")
    assert (await set_daily(world, loud, text="  ")).startswith("Replaced ")
    assert "\n> " not in private(await loud.slash(world.channel, "daily show"))
