"""Pictures that people hand over: attached files, and custom emojis."""

from __future__ import annotations

import asyncio

import discord

from bot.talk.fitting import fit
from bot.talk.interaction import Interaction
from bot.talk.reach import UNREACHABLE
from bot.talk.refusals import Refusal
from bot.talk.words import code

PICTURE_LIMIT = 10 * 2**20
"""Bytes of a picture that is fetched from Discord."""
FETCH_SECONDS = 20

_LONGEST_NAME = 60
_MIB = 2**20


def check_size(picture: discord.Attachment) -> None:
    """Refuse a file that is too large to be fetched, before that."""
    if picture.size > PICTURE_LIMIT:
        size, limit = f"{picture.size / _MIB:.1f}", PICTURE_LIMIT // _MIB
        raise Refusal("error.picture_large", size=size, limit=limit)


def called(picture: discord.Attachment | discord.PartialEmoji) -> str:
    """What a picture is called."""
    return fit(picture.filename if isinstance(picture, discord.Attachment) else picture.name, _LONGEST_NAME)


def read_emoji(interaction: Interaction, typed: str) -> discord.PartialEmoji:
    """A custom emoji, as Discord writes it when somebody chooses one. Raises Refusal for anything else."""
    found = discord.PartialEmoji.from_str(typed.strip())
    if found.id is None:
        raise Refusal("error.no_emoji", typed=code(fit(typed, _LONGEST_NAME)))
    state = interaction._state
    return discord.PartialEmoji.with_state(state, name=found.name, animated=found.animated, id=found.id)


async def fetch(picture: discord.Attachment | discord.PartialEmoji) -> bytes:
    """The picture's bytes. Raises Refusal when Discord does not hand them out."""
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            return await picture.read()
    except UNREACHABLE as error:
        raise Refusal("error.picture_gone") from error
