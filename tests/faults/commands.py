"""What nobody should type, into every option of every command, and what Discord would never send.

    python -m tests.faults.commands --times 200

Long texts, all kinds of Unicode, numbers beyond 64 bit, names of files, forms and pictures that are none: in the
simulated Discord, by somebody who may do everything. Each gets an answer that is no internal error, nothing lies
outside of the data folder, and the event loop works no longer than SLICE at a time. `times`: values, each into the next
option.
"""

from __future__ import annotations

import asyncio
import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import discord
import simcord
from discord import app_commands

from bot.app import open_services
from tests.bot.talk.test_acknowledging import COMMANDS
from tests.bot.world import World, in_discord, name_servers, settings_for
from tests.faults.findings import Finding, alone, among
from tests.faults.ground import tiny_bundle
from tests.faults.pictures import hostile

SLICE = 0.5
"""Seconds of the processor that the loop may work before others have their turn, also while figures are drawn."""

TEXTS = (
    *("", " ", "\n", "\0", "nul\0inside", "\u202eright to left", "שלום", "مرحبا", "\u200b", "\ufeff", "e\u0301" * 50),
    *(
        "\N{FAMILY}\u200d\N{HEAVY BLACK HEART}\ufe0f" * 40,
        "\U0001d54c\U0001d55f",
        "\x1b[31mred",
        "\x07",
        "\udc80",
        "\U0010ffff" * 9,
    ),
    *(
        "9" * 19,
        "9" * 400,
        "-1",
        "-0",
        "1e400",
        "0x10",
        "\uff11\uff12\uff13",
        "²",
        "NaN",
        "inf",
        "1_000",
        str(2**64),
        str(-(2**63) - 1),
    ),
    *(
        "42 ~1",
        "42 ~0",
        "42 ~-1",
        f"42 ~{2**70}",
        "~",
        "~~~",
        "a ~1 ~2 ~3 ~4 ~5 ~6 ~7 ~8 ~9",
        "x" * 6000,
        "x y " * 1500,
    ),
    *(
        "../../etc/passwd",
        "/dev/zero",
        "C:\\con",
        "file:///etc/passwd",
        "http://169.254.169.254/",
        "~root",
        "$HOME",
        "`id`",
    ),
    *("%s%n%x", "{0.__class__}", "{seed}", "${jndi:x}", "'; DROP TABLE generations; --", "<script>", "\\", "`" * 30),
    *(
        "@everyone",
        "<@1>",
        "<@&1>",
        "<#1>",
        "</icon:1>",
        "<t:1>",
        "<:a:1>",
        "<a:b:99999999999999999999>",
        "||x||",
        "[a](http://b)",
    ),
    *(
        "https://discord.com/channels/1/2/3",
        "https://discord.com/channels/@me/" + "9" * 30 + "/1",
        "1-2",
        "m1",
        "m99",
        "m-1",
    ),
    *(
        "25:00",
        "24:00",
        "0:60",
        "9:00:00",
        "12 am",
        "noon",
        "\u0669:\u0660\u0660",
        "9h",
        "mon-",
        "sun-mon-sun",
        "every",
        "1970",
        "Etc/GMT+25",
    ),
    *(
        "Europe/../Berlin",
        "Mars/Olympus",
        "Asia/Kolkata" * 20,
        "localtime",
        "posixrules",
        "Köln",
        "東京",
        "San José",
        "x" * 33,
    ),
)


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """Values into options, then pictures and forms."""
    with tempfile.TemporaryDirectory() as name:
        ends, longest, outside = asyncio.run(_try(Path(name), times, random.Random(seed)))  # noqa: S311
        yield among("values into options, completions, forms and pictures", ends, ("answered", "not taken by Discord"))
        yield Finding("the event loop's longest work at a stretch", ends.total(), f"{longest:.2f} s", longest < SLICE)
        yield Finding("files outside of the data folder", ends.total(), ", ".join(outside) or "none", not outside)


async def _try(folder: Path, times: int, chance: random.Random) -> tuple[Counter[str], float, list[str]]:
    ends, slices = Counter[str](), [0.0]
    bundle = await asyncio.to_thread(tiny_bundle, folder / "tiny")
    before = await asyncio.to_thread(_names, folder)
    async with open_services(settings_for(bundle, folder)) as services, in_discord(services) as world:
        boss = _boss(world)
        watching = asyncio.create_task(_watch(slices))
        leaves = [each for each in world.client.tree.walk_commands() if isinstance(each, app_commands.Command)]
        options = [(command, each) for command in leaves for each in command.parameters if _takes_text(each)]
        for number in range(times):
            command, parameter = options[number % len(options)]
            value: Any = chance.choice(TEXTS)
            if parameter.type is discord.AppCommandOptionType.integer:
                value = chance.choice((0, 1, -1, 2**31, 2**53, 2**63, -(2**63), 10**30))
            what = f"/{command.qualified_name} {parameter.display_name}:{value!r:.40}"
            ends[await _type(world, boss, command, parameter, value, what)] += 1
        for kind, content in (await asyncio.to_thread(hostile)).items():
            name = chance.choice((kind, "../../x.png", "\u202egnp.exe", "x" * 300 + ".png"))
            if len(content) < 2**20:
                ends[await _slash(world, boss, "neighbors", f"picture {kind}", picture=(name, content))] += 1
        for text in chance.sample(TEXTS, min(times // 10, len(TEXTS))):
            ends[await _form(world, boss, text)] += 1
        watching.cancel()
    left = sorted(await asyncio.to_thread(_names, folder) - before - {"data"})
    return ends, slices[0], left


def _names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def _boss(world: World) -> simcord.MemberActor:
    role = world.guild.create_role("Boss", permissions=discord.Permissions(administrator=True))
    name_servers(world, frozenset())
    return world.guild.add_member(world.env.create_user("boss"), roles=[role])


def _takes_text(parameter: app_commands.Parameter) -> bool:
    kinds = (discord.AppCommandOptionType.string, discord.AppCommandOptionType.integer)
    return parameter.type in kinds and not parameter.choices


async def _watch(slices: list[float]) -> None:
    """How long the loop's thread computes between two turns of this task: the time of others does not count."""
    while True:
        began = time.thread_time()
        await asyncio.sleep(0.005)
        slices[0] = max(slices[0], time.thread_time() - began)


async def _type(world: World, boss: Any, command: Any, parameter: app_commands.Parameter, value: Any, what: str) -> str:
    name, option = command.qualified_name, parameter.display_name
    if parameter.autocomplete:
        with suppress(simcord.SetupError, UnicodeEncodeError, ValueError):
            await boss.autocomplete(world.channel, name, option, str(value))
    more = {"channel": world.channel} if name == "daily set" else {}
    return await _slash(world, boss, name, what, **{**COMMANDS[name], **more, option: value})


async def _slash(world: World, boss: Any, name: str, what: str, **given: Any) -> str:
    try:
        result = await boss.slash(world.channel, name, **given)
    except (simcord.SetupError, UnicodeEncodeError, ValueError) as error:
        return f"not taken by Discord ({type(error).__name__})"
    return _judge(world, result, what)


def _judge(world: World, result: Any, what: str) -> str:
    world.errors()
    said = [each for each in (result.response, *result.followups) if each is not None]
    if not said and result.modal is None:
        return f"{what}: no answer"
    for each in said:
        if each.content.startswith(("Something went wrong", "My database")) or "Traceback" in each.content:
            return f"{what}: {each.content}"
    return "answered"


async def _form(world: World, boss: Any, text: str) -> str:
    """A name for an emoji, or a sticker, typed into the form."""
    shown = await boss.click(await world.icon(seed="1"), label="Use it")
    if shown.modal is None:
        return _judge(world, shown, "Use it")
    try:
        result = await boss.submit_modal(shown, {"as": "emoji", "name": text})
    except (simcord.SetupError, UnicodeEncodeError, ValueError) as error:
        return f"not taken by Discord ({type(error).__name__})"
    return _judge(world, result, f"form: {text!r:.40}")


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    alone("commands", experiment, 200)
