"""`/icon [seed] [count] [wildness] [model] [private]`, and "Icon info" in the menu of a message."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import discord
from discord import app_commands

from bot.db.models import NOBODY
from bot.icons.asking import announce, find_rows, find_seed, origin
from bot.icons.attached import called, check_size, fetch, read_emoji
from bot.icons.card import show_icons
from bot.icons.family import describe_family, find_family
from bot.icons.likeness import LikenessService
from bot.icons.rows import GenerationView
from bot.icons.service import SHOWN_LIKE, IconService
from bot.models.command import LONGEST_MODEL, find_model, offer_models
from bot.talk.acknowledging import acknowledge
from bot.talk.answering import answering, tell_all
from bot.talk.brakes import Burst
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction
from bot.talk.places import answer_locale
from bot.talk.refusals import Refusal
from bot.talk.texts import Texts
from bot.talk.words import code, link
from generator.seeds import MAX_TYPED
from generator.wildness import WILDEST, truncation_of, wildness_of

AUDIENCE = Audience("icon").extras

LONGEST_EMOJI = 100
"""Characters of a custom emoji: its name has up to 32, its id up to 20."""


def icon_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""

    @app_commands.command(name="icon", description=texts.say("command.icon.description"), extras=AUDIENCE)
    @app_commands.describe(
        seed=texts.say("command.icon.seed"),
        like=texts.say("command.icon.like"),
        emoji=texts.say("command.icon.emoji"),
        count=texts.say("command.icon.count"),
        wildness=texts.say("command.icon.wildness"),
        model=texts.say("command.icon.model"),
        private=texts.say("command.icon.private"),
    )
    @app_commands.autocomplete(model=offer_models)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def icon(
        interaction: Interaction,
        seed: app_commands.Range[str, 1, MAX_TYPED] | None = None,
        count: Literal[1, 4, 9] = 1,
        wildness: app_commands.Range[int, 0, WILDEST] | None = None,
        model: app_commands.Range[str, 1, LONGEST_MODEL] | None = None,
        like: discord.Attachment | None = None,
        emoji: app_commands.Range[str, 1, LONGEST_EMOJI] | None = None,
        private: bool = False,
    ) -> None:
        async with answering(interaction):
            if like is not None or emoji is not None:
                if [seed, wildness, like, emoji].count(None) != 3 or count != 1:
                    raise Refusal("error.like_alone")
                picture = like or read_emoji(interaction, emoji or "")
                await _draw_like(interaction, picture, await find_model(interaction, model), private=private)
                return
            chosen = None if seed is None else await find_seed(interaction, seed)
            truncation = None if wildness is None else truncation_of(wildness)
            model_id = await find_model(interaction, model)
            await announce(interaction, count, private=private)
            sheet = await interaction.client.service(IconService).draw(
                chosen, count, where=origin(interaction), model_id=model_id, truncation=truncation
            )
            await show_icons(interaction, sheet, private=private)

    return icon


async def _draw_like(
    interaction: Interaction,
    picture: discord.Attachment | discord.PartialEmoji,
    model_id: int | None,
    *,
    private: bool,
) -> None:
    """Post the icon that is nearest to a picture, with variations."""
    if isinstance(picture, discord.Attachment):
        check_size(picture)
    await announce(interaction, SHOWN_LIKE, private=private)
    service, name = interaction.client.service(LikenessService), called(picture)
    sheet = await service.like(partial(fetch, picture), name, where=origin(interaction), model_id=model_id)
    locale = answer_locale(interaction, private=private)
    note = interaction.client.texts.say("icon.like", locale, name=code(name), user=interaction.user.mention)
    await show_icons(interaction, sheet, note, private=private)


def info_menu(texts: Texts) -> app_commands.ContextMenu:
    """Build the entry in the menu of messages; who chooses it is answered alone."""

    async def info_of_message(interaction: Interaction, message: discord.Message) -> None:
        async with answering(interaction):
            interaction.client.service(Burst).take(interaction.user.id)
            await acknowledge(interaction)
            rows = await find_rows(interaction, message.id)
            if not rows:
                raise Refusal("error.message_without_icon")
            locale = str(interaction.locale)
            tree = await find_family(interaction.client.service(IconService), rows)
            await tell_all(
                interaction, [*describe(rows, texts, locale), *describe_family(tree, texts, locale)], between="\n"
            )

    return app_commands.ContextMenu(
        name=texts.say("menu.info"),
        callback=info_of_message,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
    )


def describe(rows: list[GenerationView], texts: Texts, locale: str) -> list[str]:
    """What is known of the icons of one message: a line for each seed, then what they share."""
    first = rows[0]
    lines = [
        texts.say("info.seed", locale, seed=code(row.seed.name), number=code(str(row.seed.number))) for row in rows
    ]
    version, wildness = code(first.model_name), wildness_of(first.truncation)
    lines.append(texts.say("info.made", locale, version=version, wildness=wildness))
    when = discord.utils.format_dt(first.created_at, "F")
    if first.user_id == NOBODY:
        lines.append(texts.say("info.asked_by_nobody", locale, when=when))
    else:
        lines.append(texts.say("info.asked", locale, user=f"<@{first.user_id}>", when=when))
    lines.append(link(texts.say("info.message", locale), first.guild_id, first.channel_id, first.message_id))
    return lines
