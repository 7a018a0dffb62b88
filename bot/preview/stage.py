"""The simulated server of the preview: its channel, an admin and a guest. Imports SimCord, which is an extra."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import discord
import simcord
from discord import AppCommandOptionType, app_commands
from simcord.backend.cdn import CDN_BASE
from simcord.backend.serializers import member_payload

from bot.client import Mojigan

BOT, SERVER, CHANNEL = "Mojigan", "Icon lovers", "icons"
TOPIC = "Icons that nobody has drawn"
ADMIN, GUEST = "Ada", "Gil"
WELCOME = (
    "Welcome! Type `/icon seed:42` and press Enter: the same seed gives the same icon again. "
    "`/icon` alone, Enter, and the arrow on the right give a fresh one."
)


class Typist(simcord.MemberActor):
    """A member who can type a whole command, as in Discord: SimCord's composer would post `/icon seed:42` as words."""

    def __init__(self, env: simcord.Env, guild: simcord.GuildHandle, user: simcord.UserHandle) -> None:
        super().__init__(env, guild, user)
        self.env = env

    async def send(
        self,
        channel: simcord.ChannelHandle,
        content: str = "",
        *,
        reply_to: discord.Message | simcord.ResponseMessage | None = None,
        attachments: Sequence[tuple[str, bytes]] = (),
    ) -> discord.Message:
        """Run what is a command, post what is not."""
        client = self.env.bot
        typed = read_command(content, client.tree, self.guild.channels) if isinstance(client, Mojigan) else None
        if typed is not None and not attachments:
            name, options = typed
            try:
                result = await self.slash(channel, name, **options)
            except simcord.SetupError:  # Discord's composer would not send it either
                result = None
            if result is not None and result.response is not None:
                return result.response.message
        return await super().send(channel, content, reply_to=reply_to, attachments=attachments)


def read_command(
    text: str, tree: app_commands.CommandTree[Any], channels: Mapping[str, Any] | None = None
) -> tuple[str, dict[str, Any]] | None:
    """Read `/name option:value option:value` into the name and the options; None when that is no command here.

    A command of a group has two words, as in `/daily show`. `channels` are what `#name` can stand for.
    """
    match = re.fullmatch(r"/([\w-]+)(?:\s+(.*))?", text.strip(), re.DOTALL)
    command = tree.get_command(match[1]) if match else None
    rest = (match[2] or "") if match else ""
    if isinstance(command, app_commands.Group):
        name, _, rest = rest.partition(" ")
        command = command.get_command(name)
    if not isinstance(command, app_commands.Command):
        return None
    kinds = {parameter.display_name: parameter.type for parameter in command.parameters}
    names = "|".join(map(re.escape, kinds))
    lead, *parts = re.split(rf"(?:^|(?<=\s))({names}):", rest) if kinds else [rest]
    if lead.strip():
        return None
    options: dict[str, Any] = {}
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        if kinds[name] is AppCommandOptionType.integer and value.strip().isdecimal():
            options[name] = int(value)
        elif kinds[name] is AppCommandOptionType.number and re.fullmatch(r"\d+(\.\d+)?", value.strip()):
            options[name] = float(value)
        elif kinds[name] is AppCommandOptionType.channel:
            options[name] = (channels or {}).get(value.strip().removeprefix("#"), value)
        else:
            options[name] = value.strip()
    return command.qualified_name, options


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


async def furnish(env: simcord.Env, now: datetime, port: int) -> simcord.Preview:
    """Build the server, let the admin welcome who opens it, and prepare the page."""
    # SimCord's clock begins in a year of its own and stands still; messages should carry today's date.
    await env.advance_time(max(0.0, (now - env.now()).total_seconds()))
    if env.bot.user is not None:
        await env.bot.user.edit(username=BOT)
    guild = env.create_guild(SERVER)
    if isinstance(env.bot, Mojigan):
        services = env.bot.services
        services.settings = services.settings.model_copy(update={"retrain_guilds": frozenset({guild.id})})  # its admin
        let_it_change_its_picture(env, env.bot)
    channel = guild.create_text_channel(CHANNEL, topic=TOPIC)
    role = guild.create_role("Admin", permissions=discord.Permissions(administrator=True))
    members = []
    for name, roles in ((ADMIN, [role]), (GUEST, [])):
        user = env.create_user(name.lower(), global_name=name)
        guild.add_member(user, roles=roles)
        members.append(Typist(env, guild, user))
    await members[0].send(channel, WELCOME)
    return env.preview(channel, viewers=members, layout="channel", port=port)
