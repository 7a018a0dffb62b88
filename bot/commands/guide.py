"""`/help` and `/about`: what a person can do here, and what runs here."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import discord
from discord import app_commands

from bot.access import has_role
from bot.cards.words import code, plain
from bot.db.models import GLOBAL_COMMANDS, CommandSync
from bot.errors import answering, mark_answered
from bot.services.access import FAMILIES
from bot.translator import CommandTranslator

if TYPE_CHECKING:
    from bot.client import Mojigan
    from bot.errors import Interaction
    from bot.texts import Texts

Slash: TypeAlias = "app_commands.Command[Any, ..., Any] | app_commands.Group"


def help_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""
    translator = CommandTranslator(texts)

    @app_commands.command(name="help", description=texts.say("command.help.description"))
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def help_(interaction: discord.Interaction[Mojigan]) -> None:
        async with answering(interaction):
            ids, locale = await command_ids(interaction), str(interaction.locale)
            lines = [texts.say("help.title", locale)]
            for command in usable(interaction, interaction.client.tree.get_commands()):
                if isinstance(command, app_commands.ContextMenu):
                    continue
                name = texts.say("help.line", locale, command=mention(command.name, ids), text="{text}")
                children = command.commands if isinstance(command, app_commands.Group) else ()
                words = translator.say(command.description, locale)
                lines.append(name.replace("{text}", words))
                if children:
                    lines.append("-# " + " · ".join(mention(child.qualified_name, ids) for child in children))
            menus = interaction.client.tree.get_commands(type=discord.AppCommandType.message)
            names = ", ".join(translator.say(menu.name, locale) for menu in usable(interaction, menus))
            lines.append(texts.say("help.menus", locale, names=names))
            await interaction.response.send_message("\n".join(lines), ephemeral=True)
            mark_answered(interaction)

    return help_


def about_command(texts: Texts) -> app_commands.Command[Any, ..., None]:
    """Build the command with its texts."""

    @app_commands.command(name="about", description=texts.say("command.about.description"))
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def about(interaction: discord.Interaction[Mojigan]) -> None:
        async with answering(interaction):
            ids, locale, client = await command_ids(interaction), str(interaction.locale), interaction.client
            model = client.parts.library.active
            card, data = model.bundle.card, model.bundle.card.data
            lines = [
                texts.say("about.title", locale, version=importlib.metadata.version("mojigan")),
                texts.say(
                    "about.model",
                    locale,
                    version=code(model.version),
                    architecture=plain(card.architecture),
                    size=model.bundle.image_size,
                    kimg=f"{card.kimg:g}",
                    count=data.count,
                    name=plain(data.name),
                    license=plain(data.license),
                ),
                texts.say("about.uptime", locale, when=discord.utils.format_dt(client.started_at, "R")),
            ]
            source = client.parts.source_url
            lines.append(texts.say("about.license", locale))
            if source is not None:
                lines.append(texts.say("about.source", locale, url=f"<{source}>"))
            commands = {name: mention(name, ids) for name in ("help", "privacy")}
            lines.append(texts.say("about.more", locale, **commands))
            await interaction.response.send_message("\n".join(lines), ephemeral=True)
            mark_answered(interaction)

    return about


async def command_ids(interaction: Interaction) -> Mapping[str, int]:
    """The ids that Discord gave the commands, as the last sending stored them."""
    parts = interaction.client.parts
    key = (interaction.application_id, parts.development_guild or GLOBAL_COMMANDS)
    async with parts.database.read() as session:
        row = await session.get(CommandSync, key)
    return {} if row is None else row.command_ids


def mention(name: str, ids: Mapping[str, int]) -> str:
    """A command to click on, by its name with those of its groups; its bare name when Discord's id is not known."""
    known = ids.get(name.partition(" ")[0])
    return f"`/{name}`" if known is None else f"</{name}:{known}>"


def usable(interaction: Interaction, commands: Iterable[Any]) -> Iterator[Any]:
    """Those commands that the person can use in this place, by Discord's rules and the server's."""
    in_guild = interaction.guild_id is not None
    for command in sorted(commands, key=lambda each: str(each.name)):
        needed = command.default_permissions
        contexts = command.allowed_contexts
        if not in_guild and contexts is not None and not contexts.dm_channel:
            continue
        if in_guild and needed is not None and not needed.is_subset(interaction.permissions):
            continue
        if (
            command.name in FAMILIES
            and not interaction.permissions.manage_guild
            and not has_role(interaction, command.name)
        ):
            continue
        yield command
