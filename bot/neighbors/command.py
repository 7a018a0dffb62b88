"""`/neighbors seed | message | picture`, and "Is it a copy?" in the menu of a message."""

from __future__ import annotations

from functools import partial
from typing import Any

import discord
from discord import app_commands

from bot.icons.asking import announce, find_rows, find_seed, origin
from bot.icons.attached import called, check_size, fetch
from bot.icons.rows import GenerationView
from bot.models.command import LONGEST_MODEL, find_model, offer_models
from bot.neighbors.card import show_comparison
from bot.neighbors.service import Comparison, NeighborService
from bot.talk.answering import answering
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction
from bot.talk.refusals import Refusal
from bot.talk.sight import in_sight
from bot.talk.texts import Texts
from bot.talk.words import read_link
from generator.seeds import MAX_TYPED

AUDIENCE = Audience("neighbors").extras


def neighbors_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""

    @app_commands.command(name="neighbors", description=texts.say("command.neighbors.description"), extras=AUDIENCE)
    @app_commands.describe(
        seed=texts.say("command.neighbors.seed"),
        message=texts.say("command.neighbors.message"),
        picture=texts.say("command.neighbors.picture"),
        model=texts.say("command.neighbors.model"),
        private=texts.say("command.neighbors.private"),
    )
    @app_commands.autocomplete(model=offer_models)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def neighbors(
        interaction: Interaction,
        seed: app_commands.Range[str, 1, MAX_TYPED] | None = None,
        message: app_commands.Range[str, 1, 200] | None = None,
        picture: discord.Attachment | None = None,
        model: app_commands.Range[str, 1, LONGEST_MODEL] | None = None,
        private: bool = False,
    ) -> None:
        async with answering(interaction):
            if [seed, message, picture].count(None) != 2:
                raise Refusal("error.neighbors_one")
            if None not in (message, model):
                raise Refusal("error.neighbors_model")
            chosen = None if seed is None else await find_seed(interaction, seed)
            linked = None if message is None else read_link(message)
            if message is not None and linked is None:
                raise Refusal("error.message_link")
            if picture is not None:
                check_size(picture)
            model_id = await find_model(interaction, model)
            await announce(interaction, private=private)
            service = interaction.client.service(NeighborService)
            if chosen is not None:
                found = await service.of_seed(chosen, where=origin(interaction), model_id=model_id)
            elif linked is not None:
                if linked.place_known and linked.guild_id != interaction.guild_id:
                    raise Refusal("error.message_elsewhere")
                sight = in_sight(interaction, private=private)
                rows = [row for row in await find_rows(interaction, linked.message_id) if row.channel_id in sight]
                if not rows:
                    raise Refusal("error.message_without_icon")
                found = await service.of_row(only(rows).id)
            else:
                assert picture is not None  # noqa: S101 - one of the three is there
                found = await of_picture(interaction, picture, model_id)
            await show_comparison(interaction, found, private=private)

    return neighbors


def neighbors_menu(texts: Texts) -> app_commands.ContextMenu:
    """Build the entry in the menu of messages; who chooses it is answered alone."""

    async def neighbors_of_message(interaction: Interaction, message: discord.Message) -> None:
        async with answering(interaction):
            await announce(interaction, private=True)
            service = interaction.client.service(NeighborService)
            rows = await find_rows(interaction, message.id)
            if rows:
                found = await service.of_row(only(rows).id)
            else:
                picture = only_picture(message)
                check_size(picture)
                found = await of_picture(interaction, picture)
            await show_comparison(interaction, found, private=True)

    return app_commands.ContextMenu(
        name=texts.say("menu.neighbors"),
        callback=neighbors_of_message,
        extras=AUDIENCE,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
    )


def only(rows: list[GenerationView]) -> GenerationView:
    """The one icon of a message. Raises Refusal when it holds several."""
    if len(rows) > 1:
        raise Refusal("error.message_several", count=len(rows))
    return rows[0]


def only_picture(message: discord.Message) -> discord.Attachment:
    """The one picture of a message. Raises Refusal when there is none, or several."""
    pictures = [each for each in message.attachments if (each.content_type or "").startswith("image/")]
    if len(pictures) != 1:
        raise Refusal("error.no_picture")
    return pictures[0]


async def of_picture(interaction: Interaction, picture: discord.Attachment, model_id: int | None = None) -> Comparison:
    """Compare a file that somebody attached."""
    service, name = interaction.client.service(NeighborService), called(picture)
    return await service.of_picture(partial(fetch, picture), name, where=origin(interaction), model_id=model_id)
