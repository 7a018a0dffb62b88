"""`/help` and `/about`: what a person can do here, and what runs here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import discord
from discord import app_commands

from bot.db.models import GLOBAL_COMMANDS, CommandSync
from bot.models.library import ModelLibrary
from bot.talk.answering import answering, show
from bot.talk.buttons import layout
from bot.talk.guard import Audience, Command, Guard, audience_of
from bot.talk.interaction import Interaction, home
from bot.talk.operators import is_operator
from bot.talk.texts import Texts
from bot.talk.translator import CommandTranslator
from bot.talk.words import code, plain
from generator.version import own_version

AUDIENCE = Audience(blocked_too=True).extras

ORDER = ("icon", "mix", "morph", "gallery", "neighbors", "daily", "retrain", "model", "settings", "privacy")
"""The commands as /help lists them, what most people want first; others come after these."""


def help_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""

    @app_commands.command(name="help", description=texts.say("command.help.description"), extras=AUDIENCE)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def help_(interaction: Interaction) -> None:
        async with answering(interaction):
            commands, ids = list(usable(interaction)), await command_ids(interaction)
            view = layout(discord.ui.TextDisplay(help_text(commands, ids, texts, str(interaction.locale))))
            await show(interaction, view)

    return help_


def about_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""

    @app_commands.command(name="about", description=texts.say("command.about.description"), extras=AUDIENCE)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def about(interaction: Interaction) -> None:
        async with answering(interaction):
            view = layout(discord.ui.TextDisplay(await about_text(interaction)))
            await show(interaction, view)

    return about


def help_text(commands: list[Command], ids: Mapping[str, int], texts: Texts, locale: str) -> str:
    """A line for each command, with those of its group below it; then the entries in the menus of messages."""
    translator = CommandTranslator(texts)
    lines = [texts.say("help.title", locale)]
    for command in commands:
        if isinstance(command, app_commands.ContextMenu) or command.parent is not None:
            continue
        words = translator.say(command.description, locale)
        lines.append(texts.say("help.line", locale, command=mention(command, ids, translator, locale), text=words))
        children = [
            mention(each, ids, translator, locale) for each in commands if getattr(each, "parent", None) is command
        ]
        if children:
            lines.append("-# " + " · ".join(children))
    menus = [translator.say(each.name, locale) for each in commands if isinstance(each, app_commands.ContextMenu)]
    if menus:
        lines.append(texts.say("help.menus", locale, names=", ".join(menus)))
    return "\n".join(lines)


async def about_text(interaction: Interaction) -> str:
    """What runs here, since when, and what draws the icons."""
    client, locale = interaction.client, str(interaction.locale)
    model, say, source = client.service(ModelLibrary).active, client.texts.say, client.services.settings.source_url
    card, ids = model.bundle.card, await command_ids(interaction)
    lines = [
        say("about.title", locale, version=own_version()),
        say(
            "about.model",
            locale,
            version=code(model.version),
            architecture=plain(card.architecture),
            size=model.bundle.image_size,
            kimg=f"{card.kimg:.0f}",
            count=card.data.count,
            name=plain(card.data.name),
            license=plain(card.data.credit),
        ),
        say("about.uptime", locale, when=discord.utils.format_dt(client.started_at, "f")),
        say("about.license", locale),
    ]
    if source is not None:
        lines.append(say("about.source", locale, url=f"<{source}>"))
    links = {
        command.name: mention(command, ids, CommandTranslator(client.texts), locale)
        for command in client.tree.get_commands()
        if command.name in ("help", "privacy")
    }
    lines.append(say("about.more", locale, **links))
    return "\n".join(lines)


async def command_ids(interaction: Interaction) -> Mapping[str, int]:
    """The ids that Discord gave the commands, as the last sending stored them."""
    services = interaction.client.services
    key = (interaction.application_id, services.settings.development_guild or GLOBAL_COMMANDS)
    async with services.database.read() as session:
        row = await session.get(CommandSync, key)
    return {} if row is None else row.command_ids


def mention(command: Command, ids: Mapping[str, int], translator: CommandTranslator, locale: str) -> str:
    """A command to click on, whose name Discord translates itself.

    Just the name, as Discord shows it, for a group, which cannot be clicked, and where Discord's id is unknown.
    """
    name = command.qualified_name
    known = ids.get(name.partition(" ")[0])
    if known is None or isinstance(command, app_commands.Group):
        return f"`/{' '.join(translator.say(part, locale) for part in name.split())}`"
    return f"</{name}:{known}>"


def usable(interaction: Interaction) -> Iterator[Command]:
    """The commands that the person can use in this place, groups before theirs: by Discord's rules, the server's and
    the host's.
    """
    tree, operator = interaction.client.tree, is_operator(interaction)
    places = {name: place for place, name in enumerate(ORDER)}
    commands: list[Command] = sorted(
        tree.get_commands(), key=lambda each: (places.get(each.name, len(places)), each.name)
    )
    for command in commands:
        if not _is_shown(interaction, command) or not interaction.client.service(Guard).allows(interaction, command):
            continue
        family = [command, *(command.commands if isinstance(command, app_commands.Group) else ())]
        yield from (each for each in family if _suits(audience_of(each), interaction, operator=operator))


def _suits(audience: Audience, interaction: Interaction, *, operator: bool) -> bool:
    """Whether a person is one of those whom a command is for."""
    managing = interaction.guild_id is not None and interaction.permissions.manage_guild
    return (operator or not audience.operators_only) and (managing or not audience.managers_only)


def _is_shown(interaction: Interaction, command: Command) -> bool:
    """Whether Discord shows a command here, as far as the bot has asked for it."""
    contexts, installs, needed = command.allowed_contexts, command.allowed_installs, command.default_permissions
    if interaction.guild_id is None:
        group = isinstance(interaction.channel, discord.GroupChannel)
        return contexts is None or bool(contexts.private_channel if group else contexts.dm_channel)
    if home(interaction) is None and installs is not None and not installs.user:
        return False
    return needed is None or needed.is_subset(interaction.permissions)
