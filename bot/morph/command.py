"""`/morph from to`: an animated walk between two icons."""

from __future__ import annotations

from typing import Any

from discord import app_commands

from bot.icons.asking import announce, find_seed, origin
from bot.models.command import LONGEST_MODEL, find_model, offer_models
from bot.morph.card import show_morph
from bot.morph.service import MorphService
from bot.talk.answering import answering
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction
from bot.talk.refusals import Refusal
from bot.talk.texts import Texts
from generator.seeds import MAX_TYPED


def morph_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""

    @app_commands.command(
        name="morph", description=texts.say("command.morph.description"), extras=Audience("morph").extras
    )
    @app_commands.rename(start="from", end="to")
    @app_commands.describe(
        start=texts.say("command.morph.start"),
        end=texts.say("command.morph.end"),
        model=texts.say("command.icon.model"),
        private=texts.say("command.morph.private"),
    )
    @app_commands.autocomplete(model=offer_models)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def morph(
        interaction: Interaction,
        start: app_commands.Range[str, 1, MAX_TYPED],
        end: app_commands.Range[str, 1, MAX_TYPED],
        model: app_commands.Range[str, 1, LONGEST_MODEL] | None = None,
        private: bool = False,
    ) -> None:
        async with answering(interaction):
            first, last = await find_seed(interaction, start), await find_seed(interaction, end)
            if (first.number, first.near) == (last.number, last.near):
                raise Refusal("error.morph_same")
            model_id = await find_model(interaction, model)
            await announce(interaction, 2, private=private)
            drawn = await interaction.client.service(MorphService).draw(
                first, last, where=origin(interaction), limit=interaction.filesize_limit, model_id=model_id
            )
            await show_morph(interaction, drawn, private=private)

    return morph
