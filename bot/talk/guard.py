"""The one place that decides, before anything is done, whether a person may: blocks, roles, channels, cooldown, quota.

A server's settings hold where the bot is a member of it; in direct messages and elsewhere only the host's quota does.
Whoever may manage the server is never shut out, but counts toward cooldown and quota as all do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import discord
from discord import app_commands

from bot.talk.access import FAMILIES, AccessService, Charge, ServerSettings
from bot.talk.answering import Refusal
from bot.talk.texts import Texts

if TYPE_CHECKING:
    from bot.talk.answering import Interaction
    from bot.talk.brakes import Cooldown

Command: TypeAlias = "app_commands.Command[Any, ..., Any] | app_commands.Group | app_commands.ContextMenu"

BUTTONS: dict[str, str | None] = {
    "another": "icon",
    "vary": "icon",
    "open": "icon",
    "near": "neighbors",
    "favorite": "gallery",
    "page": "gallery",
    "pick": "gallery",
    "delete": None,
    "use": None,
    "job": None,
    "set": None,
    "mine": None,
}
"""The family of each button (`mj:NAME:...`); None: free for everyone."""

FOR_EVERYONE = {"help", "about", "privacy", "mine", "delete"}
"""Commands and buttons that also a blocked person may use: their data is theirs, and so are their icons."""

_RULES, _BLOCKED, _CHARGE = "rules", "blocked", "charge"
"""What is noted in an interaction's extras."""


class Guard:
    """Admits interactions, counts what they draw, and gives back what was not delivered."""

    def __init__(self, access: AccessService, cooldown: Cooldown, texts: Texts) -> None:
        self._access = access
        self._cooldown = cooldown
        self._menus = {texts.say("menu.neighbors"): "neighbors"}

    async def admit(self, interaction: Interaction) -> None:
        """Look the server's rules up. Raises Refusal for a blocked person, or without a role that is needed."""
        guild_id = _server(interaction)
        if guild_id is None:
            return
        settings, blocked = await self._access.rules(guild_id, interaction.user.id)
        interaction.extras[_RULES], interaction.extras[_BLOCKED] = settings, blocked
        if interaction.command is not None:
            refusal = self._refusal(interaction, *self._family(interaction.command))
        else:
            data: Any = interaction.data or {}
            name = str(data.get("custom_id", "")).removeprefix("mj:").partition(":")[0]
            refusal = self._refusal(interaction, name, BUTTONS.get(name))
        if refusal is not None:
            raise refusal

    def allows(self, interaction: Interaction, command: Command) -> bool:
        """Whether the server's rules let a person who was admitted use a command."""
        return self._refusal(interaction, *self._family(command)) is None

    async def take(self, interaction: Interaction, icons: int = 1) -> None:
        """Count an answer that draws `icons` (0: it shows icons that exist), before it is announced.

        Raises Refusal and QuotaError.
        """
        user_id, guild_id = interaction.user.id, _server(interaction)
        settings = rules_of(interaction)
        interaction.client.burst.take(user_id)
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

    def _family(self, command: Command) -> tuple[str, str | None]:
        """The name of a command, or of its group, and the family that it belongs to."""
        if isinstance(command, app_commands.ContextMenu):
            return command.name, self._menus.get(command.name)
        name = (command.root_parent or command).name
        return name, name if name in FAMILIES else None

    @staticmethod
    def _refusal(interaction: Interaction, name: str, family: str | None) -> Refusal | None:
        if interaction.permissions.manage_guild or name in FOR_EVERYONE:
            return None
        if interaction.extras.get(_BLOCKED):
            return Refusal("error.blocked")
        roles = () if family is None else rules_of(interaction).roles.get(family, ())
        user = interaction.user
        if not roles or (isinstance(user, discord.Member) and any(user.get_role(role) for role in roles)):
            return None
        return Refusal("error.role_needed", roles=", ".join(f"<@&{role}>" for role in roles))


def rules_of(interaction: Interaction) -> ServerSettings:
    """The settings that hold for an admitted interaction."""
    found = interaction.extras.get(_RULES)
    return found if isinstance(found, ServerSettings) else ServerSettings()


def check_channel(interaction: Interaction) -> None:
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


def require_manager(interaction: Interaction) -> int:
    """The server's id, for somebody who may manage it: Discord's own check can be changed by administrators."""
    if interaction.guild_id is None:
        raise Refusal("error.guild_only")
    if not interaction.permissions.manage_guild:
        raise Refusal("error.user_permissions", permissions=("manage_guild",))
    return interaction.guild_id


def _server(interaction: Interaction) -> int | None:
    """The server whose settings hold; None where the bot is no member."""
    guild_id = interaction.guild_id
    return guild_id if guild_id is not None and interaction.client.get_guild(guild_id) is not None else None
