"""The one place that acknowledges: who has not heard from the bot after three seconds, hears nothing from it any more.

An answer acknowledges by itself, once it is clear that nothing speaks against it: until then, a refusal is for the
person alone. However long that takes, for a slow database or a long queue, after PATIENCE it is done in its place.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from enum import Enum

import aiohttp
import discord
from discord import app_commands

from bot.talk.guard import audience_of
from bot.talk.interaction import Interaction
from bot.talk.places import is_private
from bot.talk.refusals import Refusal

log = logging.getLogger(__name__)

ALREADY_ACKNOWLEDGED = 40060
"""Discord's code for a second first answer."""

_WATCH = "watch"
"""What is noted in an interaction's extras."""


class Reply(Enum):
    """What an acknowledgement announces."""

    PUBLIC = 1
    """A message for all who see the channel."""
    PRIVATE = 2
    """A message for the person alone."""
    LIKE_ITS_MESSAGE = 3
    """One or the other, as the message is whose item was used."""
    UPDATE = 4
    """Nothing yet: the message is edited whose item was used, or a form is opened."""


@dataclass
class _Watch:
    reply: Reply
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    shown: bool = False
    """Whether an answer for all who see the channel was announced."""
    timer: asyncio.TimerHandle | None = None
    task: asyncio.Task[None] | None = None


def watch(interaction: Interaction, reply: Reply | None = None) -> None:
    """Begin to wait for an answer. `reply` is that of an item or a form; a command's own is known."""
    found = interaction.extras.setdefault(_WATCH, _Watch(reply or _reply_of(interaction)))

    def acknowledge_for_it() -> None:
        found.task = asyncio.ensure_future(_acknowledge_late(interaction))

    patience = interaction.client.patience
    if patience <= 0:
        acknowledge_for_it()
    elif found.timer is None:
        found.timer = asyncio.get_running_loop().call_later(patience, acknowledge_for_it)


def unwatch(interaction: Interaction) -> None:
    """The answer is over, whatever came of it."""
    timer = _watch(interaction).timer
    if timer is not None:
        timer.cancel()


async def acknowledge(interaction: Interaction) -> None:
    """Announce the answer, unless that is done already. Raises discord.HTTPException."""
    found = _watch(interaction)
    async with found.lock:
        if interaction.response.is_done():
            return
        reply = found.reply
        if reply is Reply.LIKE_ITS_MESSAGE:
            reply = Reply.PRIVATE if is_private(interaction) else Reply.PUBLIC
        await _announce(interaction, reply)
        found.shown = reply is Reply.PUBLIC


async def _announce(interaction: Interaction, reply: Reply) -> None:
    """Do so once more where the connection broke: one that Discord had taken is refused then, and stands."""
    kinds, thinking = discord.InteractionResponseType, reply is not Reply.UPDATE
    response = interaction.response
    try:
        try:
            await response.defer(ephemeral=reply is Reply.PRIVATE, thinking=thinking)
        except aiohttp.ClientConnectionError:
            await response.defer(ephemeral=reply is Reply.PRIVATE, thinking=thinking)
    except discord.HTTPException as error:
        if error.code != ALREADY_ACKNOWLEDGED:
            raise
        response._response_type = kinds.deferred_channel_message if thinking else kinds.deferred_message_update


async def say_at_once(interaction: Interaction, sentence: str) -> bool:
    """Tell the person alone, in the place of an acknowledgement; False, and nothing is said, where there was one."""
    async with _watch(interaction).lock:
        if interaction.response.is_done():
            return False
        await interaction.response.send_message(sentence, ephemeral=True)
        return True


def is_shown(interaction: Interaction) -> bool:
    """Whether an answer for all who see the channel was announced."""
    return _watch(interaction).shown


async def open_form(interaction: Interaction, form: discord.ui.Modal) -> None:
    """Open a form in the place of an acknowledgement. Raises Refusal where there was one: Discord takes no other."""
    async with _watch(interaction).lock:
        if interaction.response.is_done():
            raise Refusal("error.form_late")
        await interaction.response.send_modal(form)


def _watch(interaction: Interaction) -> _Watch:
    found = interaction.extras.get(_WATCH)
    if not isinstance(found, _Watch):
        found = interaction.extras[_WATCH] = _Watch(_reply_of(interaction))
    return found


def _reply_of(interaction: Interaction) -> Reply:
    """That of a command, which has an option `private` or says to all what it says."""
    command = interaction.command
    if isinstance(command, app_commands.Command) and any(each.name == "private" for each in command.parameters):
        return Reply.PRIVATE if getattr(interaction.namespace, "private", False) else Reply.PUBLIC
    return Reply.PUBLIC if audience_of(command).shown else Reply.PRIVATE


async def _acknowledge_late(interaction: Interaction) -> None:
    try:
        await acknowledge(interaction)
    except discord.HTTPException as error:  # whoever answers is told the same
        log.info("the interaction of %s could not be acknowledged: %s", interaction.user.id, error)
