"""What the tests of /retrain share: a plan for the stand-in of the training, and cards that are waited for."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import simcord

from bot.db.retraining import JobState
from bot.retraining.desk import JobDesk
from bot.retraining.service import RetrainService
from bot.services import Services
from generator.files import CARD
from tests.bot.retraining import fake_train
from tests.bot.world import World, name_servers, public, until, words

SWD = {"new": {"swd": {"value": 2.0, "real": 1.0}}, "old": {"swd": {"value": 3.0, "real": 1.0}}}
WORSE = {"new": SWD["old"], "old": SWD["new"]}


def another_bundle(source: Path, target: Path, *, swd: float | None = None) -> Path:
    """A copy with a card of its own, and so with another digest; with a figure, if one is given."""
    shutil.copytree(source, target)
    card = json.loads((target / CARD).read_text()) | {"code_version": target.name}
    if swd is not None:
        card["metrics"] = {"swd": {"value": swd, "real": 1.0}}
    (target / CARD).write_text(json.dumps(card))
    return target


@dataclass
class Host:
    """The world with somebody who may retrain, and the training's stand-in."""

    world: World
    admin: simcord.MemberActor
    folder: Path
    bundle: Path

    def plan(self, **plan: Any) -> None:
        """What the training will do."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "plan.json").write_text(json.dumps({"bundle": str(self.bundle), "figures": SWD, **plan}))

    def go(self) -> None:
        """Let a training that waits go on."""
        (self.folder / "go").touch()

    def calls(self) -> list[list[str]]:
        """The options of each `train fit`."""
        file = self.folder / "calls.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    async def retrain(self, **options: Any) -> simcord.ResponseMessage:
        """The admin types /retrain; the answer is a card that all can see."""
        return public(await self.admin.slash(self.world.channel, "retrain", **options))

    def card(self, message: simcord.ResponseMessage | discord.Message) -> simcord.ResponseMessage:
        """The card as it stands in Discord now."""
        env = self.world.env
        return simcord.ResponseMessage(env, env.backend.get_message(self.world.channel.id, message.id))

    async def until(self, message: simcord.ResponseMessage, *said: str) -> simcord.ResponseMessage:
        """Wait until the card says all that."""
        try:
            await until(lambda: all(each in words(self.card(message)) for each in said))
        except TimeoutError:
            raise AssertionError(words(self.card(message))) from None
        return self.card(message)

    async def version(self, line: int = 0) -> str:
        """The version in a line of /model list."""
        result = await self.admin.slash(self.world.channel, "model list")
        assert result.response is not None
        return result.response.content.splitlines()[line].split("`")[1]


def quicken(services: Services, folder: Path) -> None:
    """Let a bot train with the stand-in, and look at it often."""
    worker = services.get(RetrainService).worker
    worker.command = (fake_train.__file__, str(folder))
    worker.edit_seconds = worker.poll_seconds = 0.02


def furnish(world: World, tiny_bundle: Path, folder: Path) -> Host:
    """Name the server in the settings, and give it an administrator."""
    name_servers(world, frozenset({world.guild.id}))
    role = world.guild.create_role("Admin", permissions=discord.Permissions(administrator=True))
    admin = world.guild.add_member(world.env.create_user("admin"), roles=[role])
    host = Host(world, admin, folder / "plan", another_bundle(tiny_bundle, folder / "fresh"))
    quicken(world.services, host.folder)
    host.plan()
    return host


async def ended(desk: JobDesk, job_id: int, state: JobState) -> None:
    """Wait until a job is in a state, and nobody is at work."""
    async with asyncio.timeout(60):
        while (await desk.status(job_id)).job.state is not state or desk.training is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
