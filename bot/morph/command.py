"""`/morph from to`: an animated walk between two icons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.icons.command import read_seed
from bot.morph.card import show_morph
from bot.talk.answering import Refusal, answering
from bot.talk.delivery import check_place, origin
from generator.seeds import MAX_SEED_TEXT

if TYPE_CHECKING:
    from bot.client import Mojigan
    from bot.talk.texts import Texts


def morph_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""

    @app_commands.command(name="morph", description=texts.say("command.morph.description"))
    @app_commands.rename(start="from", end="to")
    @app_commands.describe(
        start=texts.say("command.morph.start"),
        end=texts.say("command.morph.end"),
        private=texts.say("command.morph.private"),
    )
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def morph(
        interaction: discord.Interaction[Mojigan],
        start: app_commands.Range[str, 1, MAX_SEED_TEXT],
        end: app_commands.Range[str, 1, MAX_SEED_TEXT],
        private: bool = False,
    ) -> None:
        async with answering(interaction):
            first, last = read_seed(start), read_seed(end)
            if first.number == last.number:
                raise Refusal("error.morph_same")
            if not private:
                check_place(interaction)
            await interaction.client.guard.take(interaction, 2)
            await interaction.response.defer(ephemeral=private, thinking=True)
            drawn = await interaction.client.morphs.draw(
                first, last, where=origin(interaction), limit=interaction.filesize_limit
            )
            await show_morph(interaction, drawn, private=private)

    return morph
