"""The entry "Icon info" in the menu of a message: what stands in the database about the icons in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.db.models import NOBODY
from bot.neighbors.command import find_rows
from bot.talk.answering import Refusal, answering, mark_answered
from bot.talk.words import code, link
from generator.wildness import wildness_of

if TYPE_CHECKING:
    from bot.client import Mojigan
    from bot.icons.service import GenerationView
    from bot.talk.texts import Texts


def info_menu(texts: Texts) -> app_commands.ContextMenu:
    """Build the entry in the menu of messages; who chooses it is answered alone."""

    async def info_of_message(interaction: discord.Interaction[Mojigan], message: discord.Message) -> None:
        async with answering(interaction):
            interaction.client.burst.take(interaction.user.id)
            await interaction.response.defer(ephemeral=True, thinking=True)
            rows = await find_rows(interaction, message.id)
            if not rows:
                raise Refusal("error.message_without_icon")
            await interaction.edit_original_response(content=describe(rows, texts, str(interaction.locale)))
            mark_answered(interaction)

    return app_commands.ContextMenu(
        name=texts.say("menu.info"),
        callback=info_of_message,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
    )


def describe(rows: list[GenerationView], texts: Texts, locale: str) -> str:
    """What is known of the icons of one message: a line for each seed, then what they share."""
    first = rows[0]
    lines = [
        texts.say("info.seed", locale, seed=code(row.seed.name), number=code(str(row.seed.number))) for row in rows
    ]
    version, wildness = code(first.model_version), wildness_of(first.truncation)
    lines.append(texts.say("info.made", locale, version=version, wildness=wildness))
    when = discord.utils.format_dt(first.created_at, "F")
    if first.user_id == NOBODY:
        lines.append(texts.say("info.asked_by_nobody", locale, when=when))
    else:
        lines.append(texts.say("info.asked", locale, user=f"<@{first.user_id}>", when=when))
    lines.append(link(texts.say("info.message", locale), first.guild_id, first.channel_id, first.message_id))
    return "\n".join(lines)
