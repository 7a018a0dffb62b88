"""The simulated server of the preview: its channel, an admin and a guest. Imports SimCord, which is an extra."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import discord
import simcord
from discord import AppCommandOptionType, app_commands
from simcord.backend.cdn import CDN_BASE
from simcord.backend.serializers import member_payload, user_payload

from bot.client import Mojigan

BOT, SERVER, CHANNEL = "Mojigan", "Icon lovers", "icons"
TOPIC = "Icons that nobody has drawn"
ADMIN, GUEST, DISCORD = "Ada", "Gil", "Discord"
WELCOME = (
    "Welcome! Type `/icon seed:42` and press Enter: the same seed gives the same icon again. "
    "`/icon` alone, Enter, and the arrow on the right give a fresh one. `/help` lists what there is.\n"
    "What Discord has and this page has not: the menu of a message. Here, `/Icon info` and `/Is it a copy?` "
    "look at the message that you reply to, or else at the last one. To send a picture, type `/icon` alone, Enter, and "
    "choose `like`. Direct messages, other languages and the pictures of new emoji are left out."
)

_TRUTH = {"true": True, "false": False}
EPHEMERAL = 64
"""The flag of a message for one person alone."""


class UnsendableError(Exception):
    """What Discord's own composer would not send: a sentence that says why."""


@dataclass(frozen=True)
class Typed:
    """A command as somebody typed it: its name, and options by name; of a menu of messages, the name alone."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    menu: bool = False


class Typist(simcord.MemberActor):
    """A member who can type a whole command, as in Discord: SimCord's composer would post `/icon seed:42` as words."""

    def __init__(
        self, env: simcord.Env, guild: simcord.GuildHandle, user: simcord.UserHandle, discord_: simcord.UserHandle
    ) -> None:
        super().__init__(env, guild, user)
        self.env = env
        self.discord = discord_

    async def send(
        self,
        channel: simcord.ChannelHandle,
        content: str = "",
        *,
        reply_to: discord.Message | simcord.ResponseMessage | None = None,
        attachments: Sequence[tuple[str, bytes]] = (),
    ) -> discord.Message:
        """Run what begins as a command, or say why it cannot be sent; post what is no command."""
        client = self.env.bot
        if not isinstance(client, Mojigan) or not re.match(r"\s*/\w", content):
            return await super().send(channel, content, reply_to=reply_to, attachments=attachments)
        try:
            typed = read_command(content, client.tree, places_of(self.guild), attachments)
            result = await self._run(channel, typed, reply_to)
        except (UnsendableError, simcord.SetupError) as error:
            return self._refuse(channel, str(error).splitlines()[0])
        if result.response is not None:
            return result.response.message
        if result.followups:
            return result.followups[0].message
        return self._refuse(channel, "This command opened a form or said nothing.")

    async def _run(
        self, channel: simcord.ChannelHandle, typed: Typed, reply_to: discord.Message | simcord.ResponseMessage | None
    ) -> simcord.InteractionResult:
        if not typed.menu:
            if typed.name not in self.available_commands(channel):
                raise UnsendableError(f"You may not use /{typed.name} here; /help lists what you may.")
            return await self.slash(channel, typed.name, **typed.options)
        target = reply_to or channel.last_message
        if target is None:
            raise UnsendableError("There is no message yet.")
        return await self.context_menu(channel, typed.name, target)

    def _refuse(self, channel: simcord.ChannelHandle, sentence: str) -> discord.Message:
        """What Discord's composer says in red, as a message for this person alone."""
        message = self.env.backend.create_message(
            channel.id,
            self.discord.id,
            f"This is not sent. {sentence}",
            flags=EPHEMERAL,
            interaction_metadata={
                "id": str(self.env.backend.snowflake()),
                "type": discord.InteractionType.application_command.value,
                "user": dict(user_payload(self.env.backend.get_user(self.id))),
                "authorizing_integration_owners": {},
            },
        )
        return simcord.ResponseMessage(self.env, message).message


def read_command(
    text: str,
    tree: app_commands.CommandTree[Any],
    places: Mapping[str, Any] | None = None,
    attachments: Sequence[tuple[str, bytes]] = (),
) -> Typed:
    """Read `/name option:value option:value`. Raises UnsendableError.

    A command of a group has two words, as in `/daily show`; an entry in the menu of messages is its whole name.
    `places` are what `#name` and `@name` can stand for; files are given to the options that take some, in their order.
    """
    words = text.strip().removeprefix("/")
    menus = {each.name.casefold(): each.name for each in tree.get_commands(type=discord.AppCommandType.message)}
    if words.casefold() in menus:
        return Typed(menus[words.casefold()], menu=True)
    name, _, rest = words.partition(" ")
    command = tree.get_command(name)
    if isinstance(command, app_commands.Group):
        word, _, rest = rest.strip().partition(" ")
        found = command.get_command(word)
        if not isinstance(found, app_commands.Command):
            subcommands = ", ".join(f"/{each.qualified_name}" for each in command.commands)
            raise UnsendableError(f"Choose one of {subcommands}.")
        command = found
    if not isinstance(command, app_commands.Command):
        raise UnsendableError(f"There is no command /{name} here; /help lists them.")
    known = {parameter.display_name: parameter for parameter in command.parameters}
    names = "|".join(map(re.escape, known))
    lead, *parts = re.split(rf"(?:^|(?<=\s))({names}):", rest) if known else [rest]
    if lead.strip():
        has = f"Its options are {', '.join(known)}." if known else "It has no options."
        raise UnsendableError(f"/{command.qualified_name} does not take {lead.strip()!r}. {has}")
    options = {
        name: _value(known[name], value.strip(), places or {})
        for name, value in zip(parts[::2], parts[1::2], strict=True)
    }
    takes = [each.display_name for each in command.parameters if each.type is AppCommandOptionType.attachment]
    options |= dict(zip((name for name in takes if name not in options), attachments, strict=False))
    if len(attachments) > len(takes):
        raise UnsendableError(f"/{command.qualified_name} takes {len(takes) or 'no'} files.")
    missing = [name for name, each in known.items() if each.required and name not in options]
    if missing:
        raise UnsendableError(f"{missing[0]}: This option is required. Specify a value.")
    return Typed(command.qualified_name, options)


def places_of(guild: simcord.GuildHandle) -> dict[str, Any]:
    """The channels and roles of a server, as they are typed."""
    channels = {f"#{name}": channel for name, channel in guild.channels.items()}
    return channels | {f"@{name.removeprefix('@')}": role for name, role in guild.roles.items()}


def _value(parameter: app_commands.Parameter, typed: str, places: Mapping[str, Any]) -> Any:
    """What an option holds. Raises UnsendableError for what Discord's composer marks red."""
    name, kind = parameter.display_name, parameter.type
    if not typed:
        raise UnsendableError(f"{name}: This option is required. Specify a value.")
    if parameter.choices:
        for choice in parameter.choices:
            if typed.casefold() in (choice.name.casefold(), str(choice.value).casefold()):
                return choice.value
        listed = ", ".join(choice.name for choice in parameter.choices)
        raise UnsendableError(f"{name}: Invalid choice {typed!r}. Select one of {listed}.")
    if kind is AppCommandOptionType.boolean:
        if typed.casefold() not in _TRUTH:
            raise UnsendableError(f"{name}: Select True or False, not {typed!r}.")
        return _TRUTH[typed.casefold()]
    if kind in (AppCommandOptionType.integer, AppCommandOptionType.number):
        try:
            number = int(typed) if kind is AppCommandOptionType.integer else float(typed)
        except ValueError as error:
            raise UnsendableError(f"{name}: {typed!r} is no number.") from error
        least, most = parameter.min_value, parameter.max_value
        if (least is not None and number < least) or (most is not None and number > most):
            raise UnsendableError(f"{name}: The value must lie between {least} and {most}.")
        return number
    if kind in (AppCommandOptionType.channel, AppCommandOptionType.role):
        sign = "#" if kind is AppCommandOptionType.channel else "@"
        found = places.get(sign + typed.removeprefix(sign))
        if found is None:
            raise UnsendableError(f"{name}: There is no {kind.name} {typed!r} here.")
        return found
    if kind is AppCommandOptionType.attachment:
        raise UnsendableError(f"{name}: Choose a file: type the command alone, press Enter, and choose {name} there.")
    return typed


def let_it_change_its_picture(env: simcord.Env, bot: discord.Client) -> None:
    """SimCord knows no picture that a bot has in one server only: keep it where its page looks for it."""
    backend = env.backend

    async def edit_my_member(guild_id: str | int, *, reason: str | None = None, **fields: Any) -> Any:
        del reason  # for an audit log that the page does not show
        guild_id, avatar = int(guild_id), fields["avatar"]
        guild, user_id = backend.get_guild(guild_id), backend.bot_user.id
        member = guild.members[user_id]
        member.avatar = None
        if avatar is not None:
            picture = base64.b64decode(avatar.partition(",")[2])
            member.avatar = hashlib.sha256(picture).hexdigest()[:32]
            backend.cdn._blobs[f"{CDN_BASE}/guilds/{guild_id}/users/{user_id}/avatars/{member.avatar}.png"] = picture
        return member_payload(backend, guild, member)

    bot.http.edit_my_member = edit_my_member  # type: ignore[method-assign]  # the one request that is missing


def let_it_take_its_time(env: simcord.Env) -> None:
    """Nobody answers too late here: SimCord's timers, which acknowledge in time, wait for threads to end."""
    begin = env.backend.new_interaction

    def new_interaction(*of: Any, **named: Any) -> Any:
        interaction = begin(*of, **named)
        interaction.initial_response_deadline = None
        return interaction

    env.backend.new_interaction = new_interaction  # type: ignore[method-assign]


async def furnish(env: simcord.Env, now: Callable[[], datetime], port: int) -> simcord.Preview:
    """Build the server, let the admin welcome who opens it, and prepare the page."""
    # SimCord's clock begins in a year of its own and stands still; messages carry the machine's time.
    env.backend.clock.now = now  # type: ignore[method-assign]
    let_it_take_its_time(env)
    if env.bot.user is not None:
        await env.bot.user.edit(username=BOT)
    guild = env.create_guild(SERVER)
    if isinstance(env.bot, Mojigan):
        services = env.bot.services
        services.settings = services.settings.model_copy(update={"retrain_guilds": frozenset({guild.id})})  # its admin
        let_it_change_its_picture(env, env.bot)
    channel = guild.create_text_channel(CHANNEL, topic=TOPIC)
    role = guild.create_role("Admin", permissions=discord.Permissions(administrator=True))
    composer = env.create_user(DISCORD.lower(), global_name=DISCORD)
    guild.add_member(composer)
    members = []
    for name, roles in ((ADMIN, [role]), (GUEST, [])):
        user = env.create_user(name.lower(), global_name=name)
        guild.add_member(user, roles=roles)
        members.append(Typist(env, guild, user, composer))
    await members[0].send(channel, WELCOME)
    return env.preview(channel, viewers=members, layout="channel", port=port)
