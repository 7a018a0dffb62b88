"""`/mix first second`: four children of two icons, each named by its seed or by a message of Mojigan's."""

from __future__ import annotations

from typing import Any

from discord import app_commands

from bot.icons.asking import announce, find_rows, find_seed, origin
from bot.icons.card import note_of_two, show_icons
from bot.icons.rows import GenerationView
from bot.mix.service import MixService
from bot.models.command import LONGEST_MODEL, find_model, offer_models
from bot.talk.answering import answering
from bot.talk.guard import Audience
from bot.talk.interaction import Interaction
from bot.talk.refusals import Refusal
from bot.talk.sight import in_sight
from bot.talk.texts import Texts
from bot.talk.words import read_link
from generator.points import CHILDREN
from generator.seeds import MAX_TYPED, Seed


def mix_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""

    @app_commands.command(name="mix", description=texts.say("command.mix.description"), extras=Audience("icon").extras)
    @app_commands.describe(
        first=texts.say("command.mix.first"),
        second=texts.say("command.mix.second"),
        model=texts.say("command.icon.model"),
        private=texts.say("command.mix.private"),
    )
    @app_commands.autocomplete(model=offer_models)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def mix(
        interaction: Interaction,
        first: app_commands.Range[str, 1, MAX_TYPED],
        second: app_commands.Range[str, 1, MAX_TYPED],
        model: app_commands.Range[str, 1, LONGEST_MODEL] | None = None,
        private: bool = False,
    ) -> None:
        async with answering(interaction):
            parents = [await _parent(interaction, typed, private=private) for typed in (first, second)]
            if _same(parents[0], parents[1]):
                raise Refusal("error.mix_same")
            model_id = await find_model(interaction, model)
            await announce(interaction, CHILDREN, private=private)
            service = interaction.client.service(MixService)
            sheet, *rows = await service.mix(parents[0], parents[1], where=origin(interaction), model_id=model_id)
            note = note_of_two("icon.mixed", interaction, (rows[0], rows[1]))
            await show_icons(interaction, sheet, note, private=private)

    return mix


def _same(first: Seed | GenerationView, second: Seed | GenerationView) -> bool:
    """Whether two parents are one icon; a seed is drawn by the other one's model."""
    if isinstance(first, GenerationView) and isinstance(second, GenerationView):
        return first.icon == second.icon
    seeds = [each.seed if isinstance(each, GenerationView) else each for each in (first, second)]
    return (seeds[0].number, seeds[0].near) == (seeds[1].number, seeds[1].near)


async def _parent(interaction: Interaction, typed: str, *, private: bool) -> Seed | GenerationView:
    """A seed, or the one icon of a message whose link was pasted. Raises Refusal."""
    linked = read_link(typed) if "discord" in typed else None
    if linked is None:
        return await find_seed(interaction, typed)
    if linked.place_known and linked.guild_id != interaction.guild_id:
        raise Refusal("error.message_elsewhere")
    sight = in_sight(interaction, private=private)
    rows = [row for row in await find_rows(interaction, linked.message_id) if row.channel_id in sight]
    if not rows:
        raise Refusal("error.message_without_icon")
    if len(rows) > 1:
        raise Refusal("error.message_several", count=len(rows))
    return rows[0]
