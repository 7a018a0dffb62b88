"""Several models side by side: themes to ask for them by, and the one that draws in a server where none is named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord

from bot.daily.alarm import DailyAlarm
from bot.models.library import ModelLibrary
from bot.models.versions import ThemeError, VersionService
from tests.bot.daily.test_command import set_daily, until_time
from tests.bot.world import (
    World,
    alt_text,
    another_bundle,
    choose,
    name_servers,
    open_world,
    options,
    private,
    public,
    words,
)


@pytest.fixture
async def world(tiny_bundle_path: Path, tmp_path: Path) -> AsyncIterator[World]:
    """A bot with a second model, which was turned down."""
    async with open_world(tiny_bundle_path, tmp_path) as opened:
        await opened.service(ModelLibrary).keep(another_bundle(tiny_bundle_path, tmp_path / "other"))
        yield opened


@pytest.fixture
def host(world: World) -> simcord.MemberActor:
    """Who runs the bot, and manages the server."""
    name_servers(world, frozenset({world.guild.id}))
    role = world.guild.create_role("Host", permissions=discord.Permissions(administrator=True))
    return world.guild.add_member(world.env.create_user("host"), roles=[role])


async def versions(world: World) -> list[str]:
    """The names of all models, in order."""
    return [each.name for each in reversed(await world.service(VersionService).kept())]


async def test_a_model_is_asked_for_by_its_theme_and_cards_say_it(world: World, host: simcord.MemberActor) -> None:
    first, second = await versions(world)
    offered = await world.asker.autocomplete(world.channel, "icon", "model", "")
    assert [each["value"] for each in offered] == [first]
    answer = private(await host.slash(world.channel, "model theme", version="m2", theme="Flags"))
    assert answer == f"`{second}` has the theme `Flags` now."
    offered = await world.asker.autocomplete(world.channel, "mix", "model", "fla")
    assert [each["value"] for each in offered] == [second]
    assert offered[0]["name"].startswith(f"Flags · {second} · ")
    plain, flag = await world.icon(seed="42"), await world.icon(seed="42", model=" flags ")
    assert f"· Model `Flags · {second}`" in words(flag)
    assert alt_text(flag) == f"Generated icon, seed 42, model Flags · {second}"
    assert await world.picture(plain) != await world.picture(flag)
    assert f"· Model `Flags · {second}`" in words(public(await world.asker.click(flag, label="Another")))
    for command, given in {
        "mix": {"first": "1", "second": "2"},
        "morph": {"from": "1", "to": "2"},
        "neighbors": {"seed": "42"},
    }.items():
        card = public(await world.asker.slash(world.channel, command, **given, model="FLAGS"))
        assert f"Model `Flags · {second}`" in words(card)
    assert private(await host.slash(world.channel, "model theme", version="flags")) == f"`{second}` has no theme now."
    answer = private(await world.asker.slash(world.channel, "icon", model="flags"))
    assert answer.startswith("I keep no model `flags`.")
    answer = private(await world.asker.slash(world.channel, "model theme", version="m2", theme="x"))
    assert answer.startswith("Only the owner of this bot")


async def test_a_server_draws_with_its_default_where_no_model_is_named(world: World, host: simcord.MemberActor) -> None:
    first, second = await versions(world)
    await host.slash(world.channel, "model theme", version="m2", theme="Flags")
    told = private(await world.asker.slash(world.channel, "model default", version="flags"))
    assert told == "For this you need: Manage Server."
    made = public(await world.asker.slash(world.channel, "mix", first="1", second="2"))
    told = private(await host.slash(world.channel, "model default", version="flags"))
    assert told.startswith(f"In this server `Flags · {second}` draws from now on")
    listed = private(await world.asker.slash(world.channel, "model list")).splitlines()
    assert [line.endswith(" · default in this server") for line in listed] == [True, False]
    asked: dict[str, dict[str, Any]] = {
        "icon": {},
        "mix": {"first": "1", "second": "2"},
        "morph": {"from": "1", "to": "2"},
        "neighbors": {"seed": "42"},
    }
    for command, given in asked.items():
        assert second in words(public(await world.asker.slash(world.channel, command, **given)))
    # What was made by another model has a name that gives it all the same.
    opened = public(await choose(world.asker, made, options(made)[0]["value"]))
    name = words(opened).split("`")[1]
    again = await world.icon(seed=name)
    assert f"Model `{first}`" in words(again)
    assert await world.picture(again) == await world.picture(opened)
    assert f"Model `{first}`" in words(public(await world.asker.user.slash("icon", seed="42")))
    told = private(await host.slash(world.channel, "model default"))
    assert told.endswith(f"at present, `{first}`.")
    assert f"Model `{first}`" in words(await world.icon(seed="42"))


async def test_a_schedule_has_a_model_and_follows_its_theme(world: World, host: simcord.MemberActor) -> None:
    first, second = await versions(world)
    await host.slash(world.channel, "model theme", version="m2", theme="Flags")
    await host.slash(world.channel, "model default", version="flags")
    assert f"· Model `Flags · {second}`\nNext post:" in await set_daily(world, host, model="flags")
    told = await set_daily(world, host, what="top", model="flags")
    assert told.startswith("The top of the week shows icons that people have voted for")
    world.service(DailyAlarm).look_every = None
    await set_daily(world, host, model="flags")
    await host.slash(world.channel, "model default", version="m1")
    await until_time(world, "2026-01-02T12:00")
    assert (await world.rows())[-1].model_id == 2
    await host.slash(world.channel, "model default", version="flags")
    told = private(await host.slash(world.channel, "model theme", version="m1", theme="flags"))
    assert told.startswith(f"`{first}` has the theme `flags` now, in the place of `{second}`.")
    assert f"Model `flags · {first}`" in private(await host.slash(world.channel, "daily show"))
    assert f"Model `flags · {first}`" in words(await world.icon(seed="42"))


async def test_what_was_chosen_is_never_deleted(world: World, host: simcord.MemberActor) -> None:
    service = world.service(VersionService)
    service._limit = 0
    other = await service.find("m2")
    await host.slash(world.channel, "model theme", version="m2", theme="Flags")
    assert await service.prune() == []
    await host.slash(world.channel, "model default", version="m2")
    assert await set_daily(world, host, model="m2")
    await service.set_theme(other, None)
    assert await service.prune() == []
    await host.slash(world.channel, "model default")
    assert await service.prune() == []
    await host.slash(world.channel, "daily remove")
    assert await service.prune() == [other.version]
    with pytest.raises(ThemeError):
        await service.set_theme(other, "m3-9f2c")
