"""Who runs the host of the bot: the application's owner and team, and administrators of the settings' servers."""

from __future__ import annotations

import discord

from bot.talk.interaction import Interaction
from bot.talk.refusals import Refusal


def owners(application: discord.AppInfo | None) -> set[int]:
    """The ids of the owner, or of the members of the team that owns the application, who have accepted."""
    if application is None:
        return set()
    if application.team is None:
        return {application.owner.id}
    accepted = discord.TeamMembershipState.accepted
    return {member.id for member in application.team.members if member.membership_state is accepted}


def is_operator(interaction: Interaction) -> bool:
    """Whether somebody may change the model for everybody."""
    client = interaction.client
    if interaction.user.id in owners(client.application):
        return True
    named = interaction.guild_id in client.services.settings.retrain_guilds
    return named and interaction.permissions.administrator


def require_operator(interaction: Interaction) -> None:
    """Refuse everybody else; what Discord hides, an administrator of any server can show again."""
    if not is_operator(interaction):
        raise Refusal("error.operators_only")
