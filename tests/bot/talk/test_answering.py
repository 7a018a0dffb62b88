"""The one error handler: each error becomes a sentence."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from discord import app_commands
from sqlalchemy.exc import OperationalError

from bot.icons.service import IconService
from bot.icons.sheets import BusyError
from bot.models.library import ModelGoneError
from bot.talk.answering import explain
from bot.talk.refusals import Refusal
from tests.bot.world import World, private


def refused_by_discord(kind: type[discord.HTTPException], status: int) -> discord.HTTPException:
    return kind(SimpleNamespace(status=status, reason="", headers={}), {"code": 0, "message": "no"})


ERRORS: list[tuple[Exception, str]] = [
    (Refusal("error.cooldown", seconds=7), "One moment: you can go on in 7 s."),
    (BusyError("full"), "Many icons are waiting to be drawn. Please try again in a moment."),
    (
        ModelGoneError("gone", version="m1-abcd"),
        "The model of this icon, m1-abcd, is no longer kept here, so its buttons have nothing to draw with.",
    ),
    (app_commands.CommandOnCooldown(app_commands.Cooldown(1, 9), 6.2), "One moment: you can go on in 7 s."),
    (app_commands.MissingPermissions(["manage_guild"]), "For this you need: Manage Server."),
    (
        app_commands.BotMissingPermissions(["send_messages", "attach_files"]),
        "I cannot post here. Please ask a moderator to give me: Send Messages, Attach Files.",
    ),
    (app_commands.NoPrivateMessage(), "This works in a server only."),
    (app_commands.CheckFailure("no"), "You cannot use this here."),
    (
        app_commands.TransformerError("**x**", discord.AppCommandOptionType.integer, app_commands.Transformer()),
        r"I do not understand \*\*x\*\* there. Please choose again.",
    ),
    (
        refused_by_discord(discord.Forbidden, 403),
        "Discord does not let me do that here (error *). Please check my permissions in this channel.",
    ),
    (
        refused_by_discord(discord.DiscordServerError, 503),
        "Discord had a problem just now (error *). Please try again.",
    ),
    (discord.RateLimited(90.0), "Discord had a problem just now (error *). Please try again."),
    (OSError(errno.ENOSPC, "full"), "The disk that I write to is full (error *). Please tell whoever runs me."),
    (
        OperationalError("INSERT", {}, Exception("database or disk is full")),
        "The disk that I write to is full (error *). Please tell whoever runs me.",
    ),
    (ValueError("oh"), "Something went wrong on my side (error *). It is in the log; please try again."),
]


@pytest.mark.parametrize(("error", "sentence"), ERRORS, ids=[type(error).__name__ for error, _ in ERRORS])
async def test_a_command_that_raises_tells_a_sentence(
    world: World, caplog: pytest.LogCaptureFixture, error: Exception, sentence: str
) -> None:
    @app_commands.command(description="Raises")
    async def fail(_: discord.Interaction) -> None:
        raise error

    world.client.tree.add_command(fail)
    await world.client.sync_commands()
    answer = private(await world.asker.slash(world.channel, "fail"))
    before, star, after = sentence.partition("*") if "error *" in sentence else (sentence, "", "")
    assert answer.startswith(before)
    assert answer.endswith(after)
    if star:
        number = answer.removeprefix(before).removesuffix(after)
        assert f"error {number}, 'fail' by {world.asker.id} in {world.guild.id}" in caplog.text
    else:
        assert answer == sentence
    assert ("Traceback" in caplog.text) == isinstance(error, ValueError | OSError | OperationalError)
    assert len(world.errors()) == 1


async def test_a_command_that_the_bot_no_longer_has(world: World) -> None:
    world.client.tree.remove_command("icon")
    answer = private(await world.asker.slash(world.channel, "icon"))
    assert answer == "My commands have just changed. Please try again in a minute, or restart Discord."
    assert len(world.errors()) == 1


async def test_an_error_after_the_answer_is_told_beside_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("no more paper")

    monkeypatch.setattr(world.service(IconService), "posted", broken)
    result = await world.asker.slash(world.channel, "icon", seed="42")
    assert private(result).startswith("Something went wrong on my side (error ")
    assert result.response is not None
    assert result.response.components
    assert len(world.errors()) == 1


async def test_a_sentence_that_cannot_be_told_breaks_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for method, path in (("PATCH", "/webhooks/*/messages/@original"), ("POST", "/webhooks/*/*")):
        world.env.inject_error(method, path, status=403, code=50013, times=None)
    await world.asker.slash(world.channel, "icon", seed="42")
    assert "could not be told: 403" in caplog.text
    assert len(world.errors()) == 1


def test_the_nearest_class_counts() -> None:
    class Odd(app_commands.NoPrivateMessage):
        pass

    assert explain(Odd()).key == "error.guild_only"
