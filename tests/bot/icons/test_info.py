"""The entry "Icon info" in the menu of a message."""

from __future__ import annotations

from bot.models.library import ModelLibrary
from bot.talk.brakes import Burst
from generator.seeds import Seed
from tests.bot.world import World, private

MENU = "Icon info"


async def test_it_tells_what_the_database_knows(world: World) -> None:
    card = await world.icon(seed="blue cat", wildness=30)
    (row,) = await world.rows()
    answer = private(await world.other.context_menu(world.channel, MENU, card))
    assert answer.splitlines() == [
        f"Seed `blue cat` = `{Seed.parse('blue cat').number}`",
        f"Model `{world.service(ModelLibrary).active.version}` · Wildness 30 %",
        f"Asked for by <@{world.asker.id}>, <t:{int(row.created_at.timestamp())}:F>",
        f"[Message](https://discord.com/channels/{world.guild.id}/{world.channel.id}/{card.id})",
    ]


async def test_of_a_sheet_it_lists_the_seeds(world: World) -> None:
    sheet = await world.icon(seed="x" * 100, count=9)
    await world.restart()
    lines = private(await world.asker.context_menu(world.channel, MENU, sheet)).splitlines()
    assert len(lines) == 12
    number = Seed.parse("x" * 100).number
    assert lines[8] == f"Seed `{number + 8}` = `{number + 8}`"


async def test_messages_without_an_icon_have_none(world: World) -> None:
    message = await world.other.send(world.channel, "hello")
    answer = private(await world.asker.context_menu(world.channel, MENU, message))
    assert answer == "I find no icon of mine in that message."


async def test_bursts_are_slowed_down(world: World) -> None:
    card = await world.icon(seed="42")
    world.client.services.add(Burst(limit=1, seconds=20, now=lambda: 0.0))
    await world.asker.context_menu(world.channel, MENU, card)
    answer = private(await world.asker.context_menu(world.channel, MENU, card))
    assert answer == "One moment: you can go on in 20 s."
