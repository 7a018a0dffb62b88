"""Every command and button that is not for all, tried by every kind of member; whom the bot mentions, what it tells.

    python -m tests.faults.rights

In the simulated Discord, whose own hiding of commands is switched off where a server can do that. Whoever may not is
told so alone, and no row of the database changes. Then everything that the bot has ever sent is looked through for
mentions, and everything that it writes for its token. `times`: rounds, each with people and icons of its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import discord
import simcord
from sqlalchemy import select

from bot.app import open_services
from bot.db.models import Base
from bot.db.retraining import JobState
from bot.retraining.service import RetrainService
from bot.talk.access import AccessService
from bot.talk.buttons import button, layout, option
from bot.talk.operators import owners
from bot.talk.texts import Texts
from bot.talk.words import base36
from tests.bot.retraining.host import WORSE, Host, furnish
from tests.bot.talk.test_acknowledging import COMMANDS, ITEMS, channel_of
from tests.bot.world import SETTLE_LIMIT, World, in_discord, settings_for
from tests.faults.findings import Finding, alone, among
from tests.faults.ground import tiny_bundle
from tests.house import ROOT

SECRET = "MTAxMDEwMTAxMDEw.s3cret.t0ken-that-nobody-must-see"  # noqa: S105 - it opens nothing
PASSWORD = "pa55-that-nobody-must-see"  # noqa: S105 - it opens nothing
PINGS = "@everyone @here <@&{role}> <@{user}>"

MANAGER, OPERATOR, DELETER, ANYBODY = "Manage Server", "operator", "Manage Messages", "anybody"
NEEDED = {"daily": MANAGER, "settings": MANAGER, "model default": MANAGER, "retrain": OPERATOR} | {
    f"model {name}": OPERATOR for name in ("use", "rollback", "theme")
}
PRESSES = {"job": OPERATOR, "set": MANAGER, "delete": DELETER}
REFUSALS = (
    "error.user_permissions",
    "error.operators_only",
    "error.retrain_cancel",
    "error.not_yours",
    "error.blocked",
)
FREE = {"about", "help", "privacy", "mine", "delete"}
"""What a server cannot take from those whom it has blocked."""

COUNTED = {"quotas", "command_syncs"}
"""Tables that count who asks, also who is refused."""

KINDS: dict[str, tuple[discord.Permissions, set[str]]] = {
    "a member": (discord.Permissions.none(), set()),
    "a moderator": (discord.Permissions(manage_messages=True), {DELETER}),
    "a manager": (discord.Permissions(manage_guild=True), {MANAGER}),
    "an administrator": (discord.Permissions(administrator=True), {MANAGER, DELETER}),
    "the owner of the bot": (discord.Permissions.none(), {OPERATOR}),
}
"""The kinds of member, with what each may. Nobody has named the server in the settings."""


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """Who may what, whom the bot mentions, and where the token stands."""
    del seed
    with tempfile.TemporaryDirectory() as name:
        bundle = tiny_bundle(Path(name) / "tiny")
        told = Counter[str](), Counter[str](), Counter[str]()
        for turn in range(times):
            folder = Path(name) / str(turn)
            folder.mkdir()
            asyncio.run(_round(folder, bundle, *told))
        good = ("may", "refused alone, and nothing has changed", "hidden by Discord")
        yield among("commands and buttons, by each kind of member", told[0], good)
        yield among("a blocked person, each command and button", told[1], (*good[1:], "may: it is free to them, too"))
        yield among("messages that could mention somebody", told[2], ("mentions nobody",))
        yield among("the token and a password: logs, errors, dumps, files", _secrets(Path(name)), ("not there",))


@dataclass
class Ground:
    """A server with a schedule, a retraining that waits for a word, and an icon."""

    world: World
    host: Host
    row: str
    refusals: tuple[str, ...]


async def _round(folder: Path, bundle: Path, told: Counter[str], blocked: Counter[str], mentions: Counter[str]) -> None:
    async with open_services(settings_for(bundle, folder)) as services, in_discord(services) as world:
        ground = await _prepare(world, bundle, folder)
        people = {
            name: world.guild.add_member(
                world.env.create_user(name.replace(" ", "-")),
                roles=[world.guild.create_role(name, permissions=permissions)],
            )
            for name, (permissions, _) in KINDS.items()
        }
        real, owner = owners, people["the owner of the bot"].id
        with patch("bot.talk.operators.owners", lambda application: {*real(application), owner}):
            for name, (_, rights) in sorted(KINDS.items(), key=lambda kind: len(kind[1][1])):
                await _try_all(ground, people[name], rights, told)
            shut_out = world.guild.add_member(world.env.create_user("blocked"))
            await world.service(AccessService).block(world.guild.id, [shut_out.id], by=world.moderator.id)
            await _try_all(ground, shut_out, set(), blocked, blocked=True)
        world.errors()
        _mentions(world, mentions)


async def _prepare(world: World, bundle: Path, folder: Path) -> Ground:
    host = furnish(world, bundle, folder)
    host.plan(figures=WORSE)
    pings = PINGS.format(role=world.guild.default_role.id, user=world.other.id)
    await world.icon(seed=pings)
    await host.retrain()
    desk = world.service(RetrainService).desk
    async with asyncio.timeout(SETTLE_LIMIT):
        while (await desk.status(1)).job.card != JobState.WAITING.value:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)
    manager = host.admin
    await manager.slash(
        world.channel, "daily set", channel=world.channel, time="9:00", zone="Europe/Berlin", text=pings
    )
    world.services.settings = world.client.services.settings = world.services.settings.model_copy(
        update={"retrain_guilds": frozenset()}
    )
    for command in await world.client.tree.fetch_commands():
        world.guild.set_command_permissions(command, {world.guild.default_role: True})
    texts = Texts.load()
    refusals = tuple(texts.say(key, "en", permissions="").rstrip(" .") for key in REFUSALS)
    return Ground(world, host, base36((await world.rows())[0].id), refusals)


async def _try_all(ground: Ground, person: Any, rights: set[str], ends: Counter[str], *, blocked: bool = False) -> None:
    """Each command, and each button that there is an address of."""
    world = ground.world
    await world.icon(seed="one to delete")
    ground.row = base36((await world.rows())[-1].id)
    for name, options in COMMANDS.items():
        needed = NEEDED.get(name, NEEDED.get(name.split()[0], ANYBODY))
        if needed == ANYBODY and not blocked:
            continue
        more = {"channel": world.channel} if name == "daily set" else {}
        before = await _rows(world)
        try:
            result = await person.slash(world.channel, name, **{**options, **more})
        except simcord.SetupError:
            ends["hidden by Discord"] += 1
            continue
        ends[await _judge(ground, name, result, before, may=needed in rights, blocked=blocked)] += 1
    for address in (address for addresses in ITEMS.values() for address in addresses):
        needed = PRESSES.get(address[0], ANYBODY)
        if address[1] == "figures" or (needed == ANYBODY and not blocked):
            continue
        result, before = await _press(ground, person, address)
        ends[await _judge(ground, ":".join(address), result, before, may=needed in rights, blocked=blocked)] += 1


async def _press(ground: Ground, person: Any, address: tuple[str, ...]) -> tuple[Any, dict[str, list[Any]]]:
    """Press a button, or choose in a select, of that address."""
    job = base36(1) if address[0] == "job" else ground.row
    name, _, chosen = ":".join(job if part == "ROW" else part for part in address).partition(":?:")
    action: discord.ui.ActionRow[discord.ui.LayoutView] = discord.ui.ActionRow()
    if chosen:
        action.add_item(discord.ui.Select(custom_id=f"mj:{name}", options=[option("x", chosen)]))
    else:
        action.add_item(button("x", name))
    message: Any = await channel_of(ground.world).send(view=layout(action))
    before = await _rows(ground.world)
    result = await (person.select(message, [chosen]) if chosen else person.click(message, label="x"))
    return result, before


async def _judge(
    ground: Ground, what: str, result: Any, before: dict[str, list[Any]], *, may: bool, blocked: bool
) -> str:
    said = [each for each in (result.response, *result.followups) if each is not None]
    refused = [each for each in said if each.content.startswith(ground.refusals)]
    if may and not blocked:
        return f"{what} is refused, wrongly" if refused else "may"
    if blocked and what.split(":")[0] in FREE and not refused:
        return "may: it is free to them, too"
    after = await _rows(ground.world)
    changed = [table for table in before if before[table] != after[table]]
    if not refused or changed:
        return f"{what}: {[each.content[:60] for each in said]}, changed: {changed}"
    return "refused alone, and nothing has changed" if all(each.ephemeral for each in refused) else f"{what}: for all"


async def _rows(world: World) -> dict[str, list[Any]]:
    """All that stands in the database."""
    async with world.services.database.read() as session:
        return {
            table.name: [tuple(row) for row in await session.execute(select(table))]
            for table in Base.metadata.sorted_tables
            if table.name not in COUNTED
        }


def _mentions(world: World, ends: Counter[str]) -> None:
    """Whom the messages of the bot could mention that hold such words."""
    assert world.client.user is not None
    for channel in world.env.backend.messages.values():
        for message in channel.values():
            if message.author_id != world.client.user.id:
                continue
            allowed = message.allowed_mentions
            silent = not allowed.everyone and allowed.users == allowed.roles == frozenset()
            pings = message.ping_user_ids or message.ping_role_ids or message.mention_everyone
            ends["mentions nobody" if silent and not pings else f"could mention: {message.content[:40]} {allowed}"] += 1


def _secrets(folder: Path) -> Counter[str]:
    """Start all that knows the token, loudly, where Discord cannot be reached; look through what is written."""
    ends, data = Counter[str](), folder / "secret"
    environment = {
        **os.environ,
        "DISCORD_TOKEN": SECRET,
        "MOJIGAN_DATA": str(data),
        "MOJIGAN_LOG_LEVEL": "debug",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    wrong = {"MOJIGAN_DATABASE_URL": f"postgresql://me:{PASSWORD}@127.0.0.1:9/x"}
    for command, more in (
        (("check",), {}),
        (("run",), {}),
        (("sync",), {"MOJIGAN_LOG_FORMAT": "json"}),
        (("check",), wrong),
        (("db", "upgrade"), wrong),
        (("run",), {"DISCORD_TOKEN": f" {SECRET}\n"}),
        (("run",), {"MOJIGAN_QUOTA": SECRET + "x", "MOJIGAN_DEVICE": "toaster"}),
    ):
        arguments = [sys.executable, "-X", "dev", "-W", "ignore", "-m", "bot", *command]
        done = subprocess.run(
            arguments, env={**environment, **more}, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )
        said = done.stdout + done.stderr
        leaks = any(each in said for each in (SECRET, PASSWORD))
        name = f"bot {' '.join(command)}"
        if more.get("MOJIGAN_QUOTA"):  # it was written where a number stands, and is that no more than anything else
            leaks = SECRET in said.replace(SECRET + "x", "")
        ends[
            f"{name} tells it" if leaks else f"{name} ends in a traceback" if "Traceback" in said else "not there"
        ] += 1
    settings = settings_for(folder, data, token=SECRET, database_url=f"postgresql://me:{PASSWORD}@h/x")
    for text in (repr(settings), str(settings), settings.model_dump_json(), f"{settings!s}{settings.token}"):
        ends["a dump tells it" if SECRET in text else "not there"] += 1
    for text in (repr(settings), str(settings)):
        ends["a dump tells the password" if PASSWORD in text else "not there"] += 1
    for file in data.rglob("*"):
        if file.is_file():
            ends[f"{file.name} holds it" if SECRET.encode() in file.read_bytes() else "not there"] += 1
    return ends


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    alone("rights", experiment, 1)
