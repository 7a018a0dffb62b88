"""Commands are sent to Discord once, and again only when they changed."""

from __future__ import annotations

import discord
import pytest
from discord import app_commands

from bot.db.models import GLOBAL_COMMANDS, CommandSync
from tests.bot.world import World, public, words


def sendings(world: World) -> list[str]:
    """The paths to which commands were sent."""
    return [entry.path for entry in world.env.http_requests if entry.method == "PUT" and "/commands" in entry.path]


async def synced(world: World, guild_id: int = GLOBAL_COMMANDS) -> CommandSync:
    """What the database knows of the last sending."""
    async with world.services.database.read() as session:
        row = await session.get(CommandSync, (world.client.application_id, guild_id))
    assert row is not None
    return row


async def test_they_are_sent_once(world: World) -> None:
    assert len(sendings(world)) == 1
    await world.restart()
    await world.restart()
    assert len(sendings(world)) == 1
    assert await world.icon(seed="42")
    row = await synced(world)
    commands = await world.client.tree.fetch_commands()
    assert row.command_ids == {command.name: command.id for command in commands}
    assert "icon" in row.command_ids


async def test_they_are_sent_again_when_one_changed(world: World) -> None:
    before = (await synced(world)).digest
    names = set((await synced(world)).command_ids)

    @app_commands.command(description="Another one")
    async def more(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("more")

    world.client.tree.add_command(more)
    assert await world.client.sync_commands()
    assert (await synced(world)).digest != before
    assert not await world.client.sync_commands()
    assert len(sendings(world)) == 2
    assert set((await synced(world)).command_ids) == {*names, "more"}


async def test_they_are_sent_unchanged_when_that_is_wanted(world: World) -> None:
    assert await world.client.sync_commands(force=True)
    assert len(sendings(world)) == 2


async def test_a_development_server_gets_its_own(world: World) -> None:
    services = world.client.services
    services.settings = services.settings.model_copy(update={"development_guild": world.guild.id})
    assert await world.client.sync_commands()
    assert not await world.client.sync_commands()
    assert sendings(world)[1:] == [f"/applications/{world.client.application_id}/guilds/{world.guild.id}/commands"]
    assert (await synced(world, world.guild.id)).digest == (await synced(world)).digest


async def test_a_discord_that_does_not_take_them_does_not_stop_the_bot(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with world.services.database.write() as session:
        await session.delete(await synced(world))
    world.env.inject_error("PUT", "/applications/*/commands", status=400, code=30034)
    await world.restart()
    assert "the commands could not be sent to Discord" in caplog.text
    assert words(public(await world.asker.slash(world.channel, "icon", seed="42"))).startswith("Seed `42`")
    await world.restart()
    assert len(sendings(world)) == 3
    assert await synced(world)


async def test_only_the_intent_for_servers_is_asked_for(world: World) -> None:
    assert world.client.intents == discord.Intents(guilds=True)
    assert world.client.allowed_mentions is not None
    assert not any((world.client.allowed_mentions.everyone, world.client.allowed_mentions.users))
