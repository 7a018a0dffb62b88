"""The one place that decides, before anything is done, whether a person may: blocks, roles, channels, cooldown, quota.

A server's settings hold where the bot is a member of it; in direct messages and elsewhere only the host's quota does.
Whoever may manage the server is never shut out, but counts toward cooldown and quota as all do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import discord
from discord import app_commands

from bot.talk.access import AccessService, Charge, ServerSettings
from bot.talk.brakes import Burst, Cooldown
from bot.talk.interaction import Interaction, home
from bot.talk.refusals import Refusal

Command: TypeAlias = app_commands.Command[Any, ..., Any] | app_commands.Group | app_commands.ContextMenu

_RULES, _BLOCKED, _CHARGE = "rules", "blocked", "charge"
"""What is noted in an interaction's extras."""


@dataclass(frozen=True)
class Audience:
    """Whom a command or a button is for. A command has it in its extras: `extras=Audience("icon").extras`."""

    family: str | None = None
    """One of FAMILIES, which a server can keep for some roles; None: free for everyone."""
    blocked_too: bool = False
    """Also for people whom the server has blocked: their data is theirs, and so are their icons."""
    operators_only: bool = False
    """/help leaves it out for everybody else; the command itself calls `require_operator`."""
    managers_only: bool = False
    """The same, with `require_manager`: one command of a group that is for all."""
    shown: bool = False
    """The answer is for all who see the channel. A command with an option `private` leaves that to the person."""

    @property
    def extras(self) -> dict[Any, Any]:
        """What discord.py keeps beside a command, and sends to nobody."""
        return {"audience": self}


def audience_of(command: Command | None) -> Audience:
    """Whom a command says that it is for."""
    found = None if command is None else command.extras.get("audience")
    return found if isinstance(found, Audience) else Audience()


class Guard:
    """Admits interactions, counts what they draw, and gives back what was not delivered."""

    def __init__(self, access: AccessService, cooldown: Cooldown) -> None:
        self._access = access
        self._cooldown = cooldown

    async def admit(self, interaction: Interaction, audience: Audience | None = None) -> None:
        """Look the server's rules up. Raises Refusal for a blocked person, or without a role that is needed.

        `audience` is that of a button; a command's own is known.
        """
        guild = home(interaction)
        if guild is None:
            return
        settings, blocked = await self._access.rules(guild.id, interaction.user.id)
        interaction.extras[_RULES], interaction.extras[_BLOCKED] = settings, blocked
        refusal = self._refusal(interaction, audience or audience_of(_whole(interaction.command)))
        if refusal is not None:
            raise refusal

    def allows(self, interaction: Interaction, command: Command) -> bool:
        """Whether the server's rules let a person who was admitted use a command."""
        return self._refusal(interaction, audience_of(_whole(command))) is None

    async def take(self, interaction: Interaction, icons: int = 1) -> None:
        """Count an answer that draws `icons` (0: it shows icons that exist), before it is announced.

        Raises Refusal and QuotaError.
        """
        guild, settings = home(interaction), rules_of(interaction)
        guild_id, user_id = None if guild is None else guild.id, interaction.user.id
        interaction.client.service(Burst).take(user_id)
        key = (guild_id or 0, user_id)
        self._cooldown.take(key, settings.cooldown)
        try:
            charge = await self._access.consume(guild_id, user_id, icons, settings.quota)
        except BaseException:
            self._cooldown.forgive(key)
            raise
        interaction.extras[_CHARGE] = (key, charge)

    async def give_back(self, interaction: Interaction) -> None:
        """Uncount what `take` counted: the answer was not delivered."""
        taken: tuple[tuple[int, int], Charge | None] | None = interaction.extras.pop(_CHARGE, None)
        if taken is None:
            return
        key, charge = taken
        self._cooldown.forgive(key)
        if charge is not None:
            await self._access.refund(charge)

    @staticmethod
    def _refusal(interaction: Interaction, audience: Audience) -> Refusal | None:
        if interaction.permissions.manage_guild or audience.blocked_too:
            return None
        if interaction.extras.get(_BLOCKED):
            return Refusal("error.blocked")
        roles = () if audience.family is None else rules_of(interaction).roles.get(audience.family, ())
        user = interaction.user
        if not roles or (isinstance(user, discord.Member) and any(user.get_role(role) for role in roles)):
            return None
        return Refusal("error.role_needed", roles=", ".join(f"<@&{role}>" for role in roles))


def _whole(command: Command | None) -> Command | None:
    """A command, or the group that it belongs to."""
    return getattr(command, "root_parent", None) or command


def rules_of(interaction: Interaction) -> ServerSettings:
    """The settings that hold for an admitted interaction."""
    found = interaction.extras.get(_RULES)
    return found if isinstance(found, ServerSettings) else ServerSettings()


def require_manager(interaction: Interaction) -> int:
    """The server's id, for somebody who may manage it: Discord's own check can be changed by administrators."""
    if interaction.guild_id is None:
        raise Refusal("error.guild_only")
    if not interaction.permissions.manage_guild:
        raise Refusal("error.user_permissions", permissions=("manage_guild",))
    return interaction.guild_id
