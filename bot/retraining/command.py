"""`/retrain`: a new model, from the current icons, those of the server or attached ones, for the host's operators."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import discord
from discord import app_commands

from bot.db.retraining import IconSource
from bot.retraining.card import retrain_card
from bot.retraining.jobs import Order
from bot.retraining.service import RetrainService
from bot.talk.acknowledging import acknowledge
from bot.talk.answering import answering, mark_answered
from bot.talk.delivery import EXPIRED
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction
from bot.talk.operators import require_operator
from bot.talk.places import answer_locale, check_place
from bot.talk.reach import UNREACHABLE
from bot.talk.refusals import Refusal
from bot.talk.texts import Texts

DEFAULT_MINUTES, LONGEST_MINUTES, MOST_KIMG = 30, 1440, 5000.0
FILE_LIMIT = 64
"""MiB of an attached file."""
DOWNLOADS = 4
"""Emojis that are fetched at the same time."""

WITHOUT_PIXELS = discord.StickerFormatType.lottie

AUDIENCE = Audience(operators_only=True, shown=True).extras

_MIB = 2**20
_ADD, _REPLACE = "add", "replace"


def retrain_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""
    say = texts.say
    sources = [
        app_commands.Choice(name=say("command.retrain.current"), value=IconSource.CURRENT.value),
        app_commands.Choice(name=say("command.retrain.server"), value=IconSource.SERVER.value),
        app_commands.Choice(name=say("command.retrain.files"), value=IconSource.FILES.value),
    ]
    modes = [
        app_commands.Choice(name=say("command.retrain.add"), value=_ADD),
        app_commands.Choice(name=say("command.retrain.replace"), value=_REPLACE),
    ]

    @app_commands.command(name="retrain", description=say("command.retrain.description"), extras=AUDIENCE)
    @app_commands.describe(
        icons=say("command.retrain.icons"),
        mode=say("command.retrain.mode"),
        minutes=say("command.retrain.minutes"),
        kimg=say("command.retrain.kimg"),
        **{name: say("command.retrain.file") for name in ("file", "file2", "file3", "file4")},
    )
    @app_commands.choices(icons=sources, mode=modes)
    @app_commands.default_permissions(administrator=True)
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    async def retrain(
        interaction: Interaction,
        icons: str | None = None,
        mode: str = _ADD,
        minutes: app_commands.Range[int, 1, LONGEST_MINUTES] | None = None,
        kimg: app_commands.Range[float, 0.01, MOST_KIMG] | None = None,
        file: discord.Attachment | None = None,
        file2: discord.Attachment | None = None,
        file3: discord.Attachment | None = None,
        file4: discord.Attachment | None = None,
    ) -> None:
        async with answering(interaction):
            require_operator(interaction)
            check_place(interaction)
            attached = [each for each in (file, file2, file3, file4) if each is not None]
            source = IconSource(icons) if icons else IconSource.FILES if attached else IconSource.CURRENT
            _check(source, attached)
            if minutes is not None and kimg is not None:
                raise Refusal("error.retrain_goal")
            await acknowledge(interaction)
            files = await _collect(interaction, source, attached)
            goal = None if kimg is not None else float(minutes or DEFAULT_MINUTES)
            assert interaction.channel_id is not None  # noqa: S101 - a command in a server
            order = Order(
                guild_id=interaction.guild_id,
                channel_id=interaction.channel_id,
                user_id=interaction.user.id,
                locale=answer_locale(interaction),
                source=source,
                added=source is not IconSource.CURRENT and mode == _ADD,
                kimg=kimg,
                minutes=goal,
            )
            await _queue(interaction, order, files)

    return retrain


async def _queue(interaction: Interaction, order: Order, files: Sequence[tuple[str, bytes]]) -> None:
    """Put the job into the queue and its card in the place of the answer; without a card there is no job."""
    client = interaction.client
    service = client.service(RetrainService)
    status = await service.add(order, files)
    job_id = status.job.id
    view, _ = retrain_card(status, client.texts, order.locale, client.services.clock())
    try:
        try:
            message = await interaction.edit_original_response(view=view)
        except discord.HTTPException as error:
            # The downloads took too long: the card goes into the channel.
            if error.code not in EXPIRED or not await service.desk.show(job_id):
                raise
            return
        mark_answered(interaction)
        await service.posted(job_id, message.id)
    except BaseException:  # also a connection that broke, and the end of the process
        await asyncio.shield(service.desk.withdraw(job_id))
        raise


def _check(source: IconSource, attached: Sequence[discord.Attachment]) -> None:
    """Refuse what does not go together, and files that are too large, before anything is fetched."""
    if bool(attached) is not (source is IconSource.FILES):
        raise Refusal("error.retrain_no_files" if source is IconSource.FILES else "error.retrain_files")
    for each in attached:
        if each.size > FILE_LIMIT * _MIB:
            name = discord.utils.escape_markdown(each.filename)
            raise Refusal("error.retrain_large", name=name, size=f"{each.size / _MIB:.1f}", limit=FILE_LIMIT)


async def _collect(
    interaction: Interaction, source: IconSource, attached: Sequence[discord.Attachment]
) -> list[tuple[str, bytes]]:
    """The files of the chosen icons: their names and contents. Raises Refusal when there are none."""
    if source is IconSource.FILES:
        found = await _fetch([(each.filename, each.read) for each in attached])
        if len(found) < len(attached):
            raise Refusal("error.picture_gone")
        return found
    if source is IconSource.CURRENT or interaction.guild is None:
        return []
    # What the bot remembers of the server is as old as its connection: ask.
    emojis, stickers = await interaction.guild.fetch_emojis(), await interaction.guild.fetch_stickers()
    wanted = [(_file_name(each.name, each.url), each.read) for each in emojis]
    wanted += [(_file_name(each.name, each.url), each.read) for each in stickers if each.format is not WITHOUT_PIXELS]
    found = await _fetch(wanted)
    if not found:
        raise Refusal("error.retrain_no_emojis")
    return found


def _file_name(name: str, url: str) -> str:
    return name + PurePosixPath(urlsplit(url).path).suffix


async def _fetch(wanted: Sequence[tuple[str, Callable[[], Awaitable[bytes]]]]) -> list[tuple[str, bytes]]:
    """Read files from Discord, a few at a time; those that it does not hand out are left out."""
    turn = asyncio.Semaphore(DOWNLOADS)

    async def read(name: str, fetch: Callable[[], Awaitable[bytes]]) -> tuple[str, bytes] | None:
        async with turn:
            try:
                return name, await fetch()
            except UNREACHABLE:
                return None

    found = await asyncio.gather(*(read(name, fetch) for name, fetch in wanted))
    return [each for each in found if each is not None]
