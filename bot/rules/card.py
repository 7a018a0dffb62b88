"""The card of /settings: all of a server's choices in words, and below them a menu with the control of one of them.

The controls keep nothing in memory: the card belongs to the server that it stands in, and the database is the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import discord

from bot.talk.access import FAMILIES, AccessService, ServerSettings
from bot.talk.acknowledging import Reply
from bot.talk.answering import show
from bot.talk.buttons import Pressed, layout
from bot.talk.guard import require_manager
from bot.talk.interaction import Interaction
from bot.talk.refusals import Refusal
from bot.talk.texts import Texts

QUOTAS = (3, 5, 10, 20, 30, 50, 100, 200, 500)
"""Icons per person and hour that can be chosen."""

COOLDOWNS = (5, 10, 30, 60, 300, 900)
"""Seconds between two answers to a person that can be chosen."""

PAGES = {
    "channels": "settings.channels",
    "language": "settings.language",
    "quota": "settings.quota",
    "cooldown": "settings.cooldown",
    "roles": "settings.roles",
    "spoiler": "settings.spoiler",
    "blocked": "settings.blocked",
}
"""What can be changed, and its name."""

_HINTS = {
    "channels": "settings.channels_hint",
    "language": "settings.language_hint",
    "quota": "settings.quota_hint",
    "cooldown": "settings.cooldown_hint",
    "roles": "settings.roles_hint",
    "spoiler": "settings.spoiler_hint",
    "blocked": "settings.blocked_hint",
}

MOST_CHOSEN = 25
"""Things that Discord lets people choose at once."""

SHOWN = 12
"""Things of a kind that the card names: a message takes 4000 characters."""

_NONE, _ON, _OFF = "none", "on", "off"

Control: TypeAlias = discord.ui.Item[discord.ui.LayoutView]


class SettingControl(Pressed[Control], template=r"mj:set:(?P<what>[a-z_]+)"):
    """A menu of the card: which page to show, or a choice to store."""

    reply = Reply.UPDATE

    async def act(self, interaction: Interaction) -> None:
        """Store what was chosen and show the card as it is then."""
        guild_id = require_manager(interaction)
        values: Sequence[Any] = getattr(self.item, "values", ())
        page = values[0] if self.match["what"] == "page" else await self._store(interaction, guild_id, values)
        await show(interaction, await settings_card(interaction, page))

    async def _store(self, interaction: Interaction, guild_id: int, values: Sequence[Any]) -> str:
        """Write a choice down; the page that it belongs to. Raises Refusal."""
        access, what = interaction.client.service(AccessService), self.match["what"]
        if what.startswith("roles_"):
            await access.set_roles(guild_id, what.removeprefix("roles_"), [role.id for role in values])
            return "roles"
        if what in ("block", "unblock"):
            if what == "unblock":
                await access.unblock(guild_id, [user.id for user in values])
            else:
                await access.block(guild_id, _blockable(interaction, values), by=interaction.user.id)
            return "blocked"
        if what == "channels":
            await access.change(guild_id, channels=[channel.id for channel in values])
        elif what == "language":
            await access.change(guild_id, language=None if values[0] == _NONE else values[0])
        elif what == "quota":
            await access.change(guild_id, quota=None if values[0] == _NONE else int(values[0]))
        elif what == "cooldown":
            await access.change(guild_id, cooldown=int(values[0]))
        elif what == "spoiler":
            await access.change(guild_id, spoiler=values[0] == _ON)
        return what


def _blockable(interaction: Interaction, chosen: Sequence[discord.Member | discord.User]) -> list[int]:
    """The people to block. Raises Refusal for somebody who may manage the server, also oneself."""
    for user in chosen:
        managing = isinstance(user, discord.Member) and user.guild_permissions.manage_guild
        if managing or user.id == interaction.user.id:
            raise Refusal("error.block_manager", user=user.mention)
    return [user.id for user in chosen if not user.bot]


async def settings_card(interaction: Interaction, page: str | None = None) -> discord.ui.LayoutView:
    """The card as it is now, in the language of who asks, opened at a page."""
    guild = interaction.guild
    assert guild is not None  # noqa: S101 - who may manage a server is in one
    texts, locale, access = interaction.client.texts, str(interaction.locale), interaction.client.service(AccessService)
    settings, blocked = await access.settings(guild.id), await access.blocked(guild.id)
    container = discord.ui.Container[discord.ui.LayoutView](
        discord.ui.TextDisplay(_summary(settings, blocked, guild, access.host_quota, texts, locale))
    )
    container.add_item(discord.ui.ActionRow(_menu(texts, locale, page)))
    if page in PAGES:
        container.add_item(discord.ui.TextDisplay(f"-# {texts.say(_HINTS[page], locale)}"))
        for control in _controls(page, settings, bool(blocked), guild, texts, locale):
            container.add_item(discord.ui.ActionRow(control))
    return layout(container)


def _summary(
    settings: ServerSettings,
    blocked: Sequence[int],
    guild: discord.Guild,
    host_quota: int | None,
    texts: Texts,
    locale: str,
) -> str:
    """All choices in words. What is left to Discord or to the host is told as it is in force."""
    say = texts.say
    quota = [_quota(settings.quota, texts, locale)] if settings.quota is not None or host_quota is None else []
    if host_quota is not None:
        quota.append(say("settings.host_quota", locale, count=host_quota))
    language = _language(settings.language, texts, locale)
    if settings.language is None:
        spoken = _language(str(guild.preferred_locale), texts, locale)
        language = say("settings.language_of", locale, language=spoken)
    roles = [
        say(
            "settings.roles_line",
            locale,
            family=say(f"name.{family}", locale),
            roles=_mentions("@&", settings.roles[family]),
        )
        for family in FAMILIES
        if settings.roles.get(family)
    ]
    values = {
        "channels": _mentions("#", settings.channels) or say("settings.everywhere", locale),
        "language": language,
        "quota": " · ".join(quota),
        "cooldown": _cooldown(settings.cooldown, texts, locale),
        "roles": " · ".join(roles) or say("settings.everyone", locale),
        "spoiler": say("settings.on" if settings.spoiler else "settings.off", locale),
        "blocked": _mentions("@", blocked) or say("settings.nobody", locale),
    }
    lines = [say("settings.line", locale, name=say(PAGES[page], locale), value=values[page]) for page in PAGES]
    return "\n".join([f"### {say('settings.title', locale)}", *lines])


def _menu(texts: Texts, locale: str, page: str | None) -> Control:
    options = [
        discord.SelectOption(label=texts.say(key, locale), value=each, default=each == page)
        for each, key in PAGES.items()
    ]
    return _select("page", options, texts.say("select.settings", locale))


def _controls(
    page: str, settings: ServerSettings, any_blocked: bool, guild: discord.Guild, texts: Texts, locale: str
) -> list[Control]:
    """The menus of a page, with what is chosen now."""
    say = texts.say
    if page == "channels":
        kinds = [discord.ChannelType.text, discord.ChannelType.news, discord.ChannelType.voice]
        kinds += [discord.ChannelType.category, discord.ChannelType.forum]
        channels = discord.ui.ChannelSelect[discord.ui.LayoutView](
            custom_id="mj:set:channels",
            channel_types=kinds,
            placeholder=say("settings.everywhere", locale),
            min_values=0,
            max_values=MOST_CHOSEN,
            default_values=[channel for each in settings.channels if (channel := guild.get_channel(each)) is not None],
        )
        return [channels]
    if page == "roles":
        return [_roles(family, settings.roles.get(family, ()), guild, texts, locale) for family in FAMILIES]
    if page == "blocked":
        block = [_people("block", say("select.block", locale))]
        return [*block, _people("unblock", say("select.unblock", locale))] if any_blocked else block
    if page == "language":
        choices = [(_NONE, None), *((each, each) for each in sorted(texts.languages))]
        shown = [(value, _language(each, texts, locale), each == settings.language) for value, each in choices]
    elif page == "quota":
        quotas = [(_NONE, None), *((str(each), each) for each in QUOTAS)]
        shown = [(value, _quota(each, texts, locale), each == settings.quota) for value, each in quotas]
    elif page == "cooldown":
        shown = [(str(each), _cooldown(each, texts, locale), each == settings.cooldown) for each in (0, *COOLDOWNS)]
    else:
        shown = [
            (_OFF, say("settings.off", locale), not settings.spoiler),
            (_ON, say("settings.on", locale), settings.spoiler),
        ]
    options = [discord.SelectOption(label=label, value=value, default=chosen) for value, label, chosen in shown]
    return [_select(page, options, say(PAGES[page], locale))]


def _select(what: str, options: list[discord.SelectOption], placeholder: str) -> Control:
    return discord.ui.Select(custom_id=f"mj:set:{what}", options=options, placeholder=placeholder)


def _roles(family: str, chosen: Sequence[int], guild: discord.Guild, texts: Texts, locale: str) -> Control:
    return discord.ui.RoleSelect(
        custom_id=f"mj:set:roles_{family}",
        placeholder=texts.say("select.roles", locale, family=texts.say(f"name.{family}", locale)),
        min_values=0,
        max_values=MOST_CHOSEN,
        default_values=[role for each in chosen if (role := guild.get_role(each)) is not None],
    )


def _people(what: str, placeholder: str) -> Control:
    return discord.ui.UserSelect(custom_id=f"mj:set:{what}", placeholder=placeholder, max_values=MOST_CHOSEN)


def _language(language: str | None, texts: Texts, locale: str) -> str:
    if language is None:
        return texts.say("settings.language_auto", locale)
    return texts.say("settings.language_name", language)


def _quota(quota: int | None, texts: Texts, locale: str) -> str:
    if quota is None:
        return texts.say("settings.no_limit", locale)
    return texts.say("settings.per_hour", locale, count=quota)


def _cooldown(seconds: int, texts: Texts, locale: str) -> str:
    if not seconds:
        return texts.say("settings.no_pause", locale)
    if seconds < 60:
        return texts.say("settings.seconds", locale, seconds=seconds)
    return texts.say("settings.minutes", locale, minutes=seconds // 60)


def _mentions(mark: str, ids: Sequence[int]) -> str:
    return ", ".join(f"<{mark}{each}>" for each in ids[:SHOWN]) + (" …" if len(ids) > SHOWN else "")
