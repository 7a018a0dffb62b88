"""Where an answer may stand, and in which language it speaks. What it may show there, `bot.talk.sight` decides."""

from __future__ import annotations

import discord

from bot.talk.guard import rules_of
from bot.talk.interaction import Interaction, home
from bot.talk.refusals import Refusal


def is_private(interaction: Interaction) -> bool:
    """Whether the message whose button was pressed is one that its asker alone can see: so is the answer, then."""
    return interaction.message is not None and interaction.message.flags.ephemeral


def answer_locale(interaction: Interaction, *, private: bool = False) -> str:
    """The language of an answer: the person's own where nobody else sees it, also in a direct message.

    Otherwise as the server has set it, else the server's own.
    """
    if private:
        return str(interaction.locale)
    return rules_of(interaction).language or str(interaction.guild_locale or interaction.locale)


def check_place(interaction: Interaction) -> None:
    """Refuse, before any work, where the bot may not post pictures, or should not by the server's settings.

    A bot that is installed for the person only is no member of the server: there, Discord lets it answer with what
    the person may do, and only the attachment is checked.
    """
    if interaction.guild_id is None:
        return
    needed = discord.Permissions(attach_files=True)
    if home(interaction) is not None:
        thread = isinstance(interaction.channel, discord.Thread)
        needed.update(view_channel=True, **{"send_messages_in_threads" if thread else "send_messages": True})
    missing = [name for name, wanted in needed if wanted and not getattr(interaction.app_permissions, name)]
    if missing:
        raise Refusal("error.permissions", permissions=tuple(sorted(missing)))
    _check_channel(interaction)


def _check_channel(interaction: Interaction) -> None:
    """Refuse an answer that all can see outside the channels that the server has chosen for it."""
    chosen = rules_of(interaction).channels
    guild, channel = interaction.guild, interaction.channel
    if not chosen or guild is None:
        return
    place = guild.get_channel(channel.parent_id) if isinstance(channel, discord.Thread) else channel
    here = {interaction.channel_id, getattr(place, "id", None), getattr(place, "category_id", None)}
    if here.isdisjoint(chosen):
        left = ", ".join(f"<#{each}>" for each in chosen if guild.get_channel(each) is not None)
        raise Refusal("error.channel_elsewhere", channels=left) if left else Refusal("error.no_channel")
