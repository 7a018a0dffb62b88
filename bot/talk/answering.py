"""The one error handler: the person gets a sentence, the log gets the rest, and both get the same id."""

from __future__ import annotations

import asyncio
import errno
import logging
import math
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import discord
from discord import app_commands
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bot.logs import log_id, new_id
from bot.talk.acknowledging import Reply, acknowledge, is_shown, say_at_once, unwatch, watch
from bot.talk.fitting import fit, pages
from bot.talk.guard import Audience, Guard
from bot.talk.interaction import Interaction
from bot.talk.reach import UNREACHABLE
from bot.talk.refusals import Parameter, Refusal, ServiceError
from generator.decode import Cause, DecodeError

log = logging.getLogger(__name__)

UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, INVALID_TOKEN = 10008, 10015, 10062, 50027
NOBODY_THERE = {UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, INVALID_TOKEN}
"""Discord's codes for an answer that came too late, or whose place was deleted meanwhile."""

NOTHING_TO_SEE = "…"
"""Stands for a moment in the place of an answer that only one person gets."""

FULL = {errno.ENOSPC, errno.EDQUOT}

_ANSWERED, _ID = "answered", "id"
"""What is noted in an interaction's extras."""


@dataclass(frozen=True)
class Explanation:
    """What a person is told (a text; `id` is added), and how loudly the log is told."""

    key: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    level: int = logging.DEBUG


_PICTURES = {
    Cause.EMPTY: "error.picture_empty",
    Cause.BYTES: "error.picture_pixels",
    Cause.PIXELS: "error.picture_pixels",
    Cause.MEMORY: "error.picture_heavy",
    Cause.TIME: "error.picture_heavy",
    Cause.UNKNOWN: "error.picture_unknown",
    Cause.SVG: "error.picture_svg",
    Cause.DAMAGED: "error.picture_damaged",
    Cause.FILE: "error.picture_damaged",
}
"""Why a picture cannot be used."""


def _option(error: app_commands.TransformerError) -> Explanation:
    """A channel that Discord offers and the bot cannot see, or another value that it cannot read."""
    if isinstance(error.value, app_commands.AppCommandChannel | app_commands.AppCommandThread):
        return Explanation("error.channel_closed")
    return Explanation("error.option", {"value": discord.utils.escape_markdown(fit(str(error.value), 100))})


def _disk(error: OSError | OperationalError) -> Explanation:
    """A disk that is full, said by the system or by SQLite, or what else may be wrong."""
    if isinstance(error, OperationalError):
        full, other = "disk is full" in str(error), "error.database"
    else:
        full, other = error.errno in FULL, "error.internal"
    return Explanation("error.disk" if full else other, level=logging.ERROR)


_EXPLANATIONS: Mapping[type[Exception], Callable[[Any], Explanation]] = {
    Refusal: lambda error: Explanation(error.key, error.parameters),
    ServiceError: lambda error: Explanation(error.key, error.parameters),
    DecodeError: lambda error: Explanation(_PICTURES[error.cause], {"name": discord.utils.escape_markdown(error.name)}),
    app_commands.CommandOnCooldown: lambda error: Explanation(
        "error.cooldown", {"seconds": math.ceil(error.retry_after)}
    ),
    app_commands.MissingPermissions: lambda error: Explanation(
        "error.user_permissions", {"permissions": tuple(error.missing_permissions)}
    ),
    app_commands.BotMissingPermissions: lambda error: Explanation(
        "error.permissions", {"permissions": tuple(error.missing_permissions)}
    ),
    app_commands.NoPrivateMessage: lambda _: Explanation("error.guild_only"),
    app_commands.CheckFailure: lambda _: Explanation("error.refused"),
    app_commands.TransformerError: _option,
    app_commands.CommandNotFound: lambda _: Explanation("error.outdated", level=logging.WARNING),
    app_commands.CommandSignatureMismatch: lambda _: Explanation("error.outdated", level=logging.WARNING),
    discord.Forbidden: lambda _: Explanation("error.forbidden", level=logging.WARNING),
    discord.HTTPException: lambda _: Explanation("error.discord", level=logging.WARNING),
    discord.RateLimited: lambda _: Explanation("error.discord", level=logging.WARNING),
    aiohttp.ClientError: lambda _: Explanation("error.discord", level=logging.WARNING),
    OperationalError: _disk,
    OSError: _disk,
    PoolTimeoutError: lambda _: Explanation("error.database", level=logging.ERROR),
    Exception: lambda _: Explanation("error.internal", level=logging.ERROR),
}
"""From an error's class to a sentence; the nearest class of its ancestry counts."""


def explain(error: Exception) -> Explanation:
    """Look an error up in the table."""
    return next(_EXPLANATIONS[kind](error) for kind in type(error).__mro__ if kind in _EXPLANATIONS)


async def answer_error(interaction: Interaction, error: Exception) -> None:
    """Tell the person what went wrong, in one sentence, and the log the rest. Raises nothing."""
    if isinstance(error, app_commands.CommandInvokeError):
        error = error.original
    if isinstance(error, discord.HTTPException) and error.code in NOBODY_THERE:
        log.info("%s: the answer came too late (%s)", _what(interaction), error)
        return
    explanation = explain(error)
    number = interaction.extras.get(_ID) or new_id()
    broken = explanation.level >= logging.ERROR
    if _ID not in interaction.extras:  # it did not come as far as `answering`
        _count(interaction, "error" if broken else "refused")
    with log_id(number, _facts(interaction)):
        cause = error if broken else None
        log.log(explanation.level, "error %s, %s: %s", number, _what(interaction), error, exc_info=cause)
    texts, locale = interaction.client.texts, str(interaction.locale)
    parameters = {
        name: texts.permissions(value, locale) if isinstance(value, tuple) else value
        for name, value in explanation.parameters.items()
    }
    sentence = texts.say(explanation.key, locale, **{"id": number, **parameters})
    try:
        await tell(interaction, sentence)
    except UNREACHABLE as problem:
        log.info("%s: the error %s could not be told: %s", _what(interaction), number, problem)


async def tell(interaction: Interaction, sentence: str) -> None:
    """Say a sentence to the person alone. An answer that was announced is taken back, or is this one."""
    await tell_all(interaction, [sentence])


async def tell_all(interaction: Interaction, paragraphs: Iterable[str], *, between: str = "\n\n") -> None:
    """Say paragraphs, in as many messages as Discord's limit asks for."""
    for number, page in enumerate(pages(paragraphs, between=between)):
        if await say_at_once(interaction, page):
            continue
        if number > 0 or not _is_thinking(interaction):
            await interaction.followup.send(page, ephemeral=True)
        elif is_shown(interaction):
            await _say_instead(interaction, page)
        else:
            await interaction.edit_original_response(content=page)


async def _say_instead(interaction: Interaction, page: str) -> None:
    """Tell the person alone what was announced for all.

    The first message after an announcement takes its place, for all to see, and none follows where the announcement
    was deleted before that: only a second message can be for one person.
    """
    await interaction.edit_original_response(content=NOTHING_TO_SEE)
    await interaction.followup.send(page, ephemeral=True)
    await interaction.delete_original_response()


async def show(
    interaction: Interaction, view: discord.ui.LayoutView, files: Sequence[discord.File] | None = None
) -> None:
    """Put a layout into the place of the answer. Without `files`, those of the message stay as they are."""
    await acknowledge(interaction)
    attached = discord.utils.MISSING if files is None else files
    await interaction.edit_original_response(view=view, attachments=attached)
    mark_answered(interaction)


def mark_answered(interaction: Interaction) -> None:
    """The answer stands: what goes wrong from here on is told beside it, not in its place."""
    interaction.extras[_ANSWERED] = True


def _is_thinking(interaction: Interaction) -> bool:
    deferred = discord.InteractionResponseType.deferred_channel_message
    return interaction.response.type is deferred and _ANSWERED not in interaction.extras


def _count(interaction: Interaction, result: str) -> None:
    interaction.client.services.metrics.interactions.labels(_name(interaction), result).inc()


def _name(interaction: Interaction) -> str:
    """The command or button, without what differs from message to message."""
    if interaction.command is not None:
        return interaction.command.qualified_name
    data: Mapping[str, object] = interaction.data or {}
    custom_id = str(data.get("custom_id", ""))
    return ":".join(custom_id.split(":")[:2]) if custom_id.startswith("mj:") else interaction.type.name


def _facts(interaction: Interaction) -> dict[str, str | int | None]:
    """What each log line of an interaction says of it."""
    return {
        "interaction": interaction.id,
        "command": _name(interaction),
        "guild": interaction.guild_id,
        "user": interaction.user.id,
    }


def _what(interaction: Interaction) -> str:
    data: Mapping[str, object] = interaction.data or {}
    name = data.get("name") or data.get("custom_id") or interaction.type.name
    return f"{name!r} by {interaction.user.id} in {interaction.guild_id or 'a direct message'}"


async def admitted(interaction: Interaction, audience: Audience | None = None, reply: Reply | None = None) -> bool:
    """Before each answer: whether the server's rules allow it; the person is told if not. Raises nothing.

    From here on, it is acknowledged in time. `audience` and `reply` are those of an item or a form.
    """
    watch(interaction, reply)
    try:
        await interaction.client.service(Guard).admit(interaction, audience)
    except Exception as error:
        unwatch(interaction)
        _count(interaction, "refused" if isinstance(error, Refusal) else "error")
        await answer_error(interaction, error)
        return False
    return True


@asynccontextmanager
async def answering(interaction: Interaction) -> AsyncIterator[None]:
    """Around each answer: refusals become sentences, and what was not delivered is not counted against anybody.

    The client knows what it has to finish before it closes.

    The log lines written inside carry the id that the person is told if something breaks.
    """
    if interaction.client.closing:
        raise Refusal("error.closing")
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in a task
    running = interaction.client.answers
    result = "error"
    with log_id(facts=_facts(interaction)) as number:
        interaction.extras[_ID] = number
        try:
            running.add(task)
            yield
            result = "ok"
        except (Refusal, ServiceError, DecodeError) as refusal:
            result = "refused"
            await answer_error(interaction, refusal)
        finally:
            unwatch(interaction)
            running.discard(task)
            if result != "ok" and _ANSWERED not in interaction.extras:
                await interaction.client.service(Guard).give_back(interaction)
            _count(interaction, result)
