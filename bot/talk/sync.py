"""Telling Discord about the commands, only when they changed: a hash of the payload stands in the database."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import discord
from discord import app_commands
from sqlalchemy.exc import IntegrityError

from bot.db.models import GLOBAL_COMMANDS, CommandSync
from bot.db.session import Database

log = logging.getLogger(__name__)


async def sync_commands(
    tree: app_commands.CommandTree[Any],
    database: Database,
    clock: Callable[[], datetime],
    *,
    guild_id: int | None = None,
    force: bool = False,
) -> bool:
    """Send the commands to Discord if they are not what it was last told; True when they were sent.

    With `guild_id` they go to that server alone, where a change shows at once; otherwise everywhere.
    Raises discord.HTTPException.
    """
    application_id = tree.client.application_id
    if application_id is None:
        raise RuntimeError("The commands can be sent after the login only.")
    guild = None if guild_id is None else discord.Object(guild_id)
    if guild is not None:
        tree.copy_global_to(guild=guild)
    digest = await payload_digest(tree, guild)
    key = (application_id, guild_id or GLOBAL_COMMANDS)
    async with database.read() as session:
        known = await session.get(CommandSync, key)
    if known is not None and known.digest == digest and not force:
        return False
    commands = await tree.sync(guild=guild)
    row = CommandSync(
        application_id=key[0],
        guild_id=key[1],
        digest=digest,
        command_ids={command.name: command.id for command in commands},
        synced_at=clock(),
    )
    try:
        async with database.write() as session:
            await session.merge(row)
    except IntegrityError:
        log.info("another process has sent the commands at the same moment")
    log.info("sent %d commands to Discord", len(commands))
    return True


async def payload_digest(tree: app_commands.CommandTree[Any], guild: discord.abc.Snowflake | None = None) -> str:
    """SHA-256, in hex, over what would be sent, and over the version of the library that writes it."""
    translator = tree.translator
    payload = [
        command.to_dict(tree) if translator is None else await command.get_translated_payload(tree, translator)
        for command in sorted(tree.get_commands(guild=guild), key=lambda command: command.name)
    ]
    document = json.dumps([discord.__version__, payload], sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()
