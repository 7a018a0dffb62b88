"""`/icon [seed] [count] [wildness] [model] [private]`: an icon, or a sheet of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import discord
from discord import app_commands

from bot.icons.card import show_icons
from bot.talk.answering import Refusal, answering
from bot.talk.delivery import check_place, origin
from bot.talk.words import code
from generator.seeds import MAX_SEED_TEXT, Seed
from generator.wildness import truncation_of

if TYPE_CHECKING:
    from bot.client import Mojigan
    from bot.talk.answering import Interaction
    from bot.talk.texts import Texts

LONGEST_VERSION = 40
"""Characters of a model's version that are looked at."""

MOST_CHOICES, LONGEST_CHOICE = 25, 100
"""What Discord shows of an autocompletion."""


def icon_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""

    @app_commands.command(name="icon", description=texts.say("command.icon.description"))
    @app_commands.describe(
        seed=texts.say("command.icon.seed"),
        count=texts.say("command.icon.count"),
        wildness=texts.say("command.icon.wildness"),
        model=texts.say("command.icon.model"),
        private=texts.say("command.icon.private"),
    )
    @app_commands.autocomplete(model=_models)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def icon(
        interaction: discord.Interaction[Mojigan],
        seed: app_commands.Range[str, 1, MAX_SEED_TEXT] | None = None,
        count: Literal[1, 4, 9] = 1,
        wildness: app_commands.Range[int, 0, 100] | None = None,
        model: app_commands.Range[str, 1, LONGEST_VERSION] | None = None,
        private: bool = False,
    ) -> None:
        async with answering(interaction):
            chosen = None if seed is None else read_seed(seed)
            truncation = None if wildness is None else truncation_of(wildness)
            model_id = None if model is None else await find_model(interaction, model)
            if not private:
                check_place(interaction)
            await interaction.client.guard.take(interaction, count)
            await interaction.response.defer(ephemeral=private, thinking=True)
            client = interaction.client
            sheet = await client.icons.draw(
                chosen, count, where=origin(interaction), model_id=model_id, truncation=truncation
            )
            await show_icons(interaction, sheet, private=private)

    return icon


async def find_model(interaction: Interaction, version: str) -> int:
    """The row of a kept model by its version. Raises Refusal."""
    model_id = await interaction.client.models.find(version)
    if model_id is None:
        raise Refusal("error.model_unknown", version=code(version))
    return model_id


async def _models(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    texts, locale = interaction.client.texts, str(interaction.locale)
    choices = []
    for each in await interaction.client.models.kept():
        label = texts.say(
            "icon.model_choice",
            locale,
            version=each.version,
            date=each.created_at.date().isoformat(),
            kimg=f"{each.kimg:.0f}",
        )
        if typed.strip().casefold() in label.casefold():
            choices.append(app_commands.Choice(name=label[:LONGEST_CHOICE], value=each.version))
    return choices[:MOST_CHOICES]


def read_seed(text: str) -> Seed:
    """Read what a person typed. Raises Refusal for an empty text or one that is too long."""
    length = len(text.strip())
    if not length:
        raise Refusal("error.seed_empty")
    if length > MAX_SEED_TEXT:
        raise Refusal("error.seed_long", limit=MAX_SEED_TEXT, length=length)
    return Seed.parse(text)
