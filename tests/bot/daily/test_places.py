"""/daily in threads and announcement channels, after permissions have changed, and beside another process."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import pytest
import simcord
from simcord.backend.models import Overwrite
from simcord.enums import OverwriteType

from bot.app import open_services
from bot.daily.alarm import DailyAlarm
from bot.daily.posting import ChannelClosedError, NotTakenError, PostService
from bot.daily.schedules import Plan, ScheduleService
from bot.db.schedules import PauseReason
from tests.bot.daily.posts import schedule_row
from tests.bot.world import World, in_discord, private, settings_for

BEGIN = datetime(2026, 3, 27, 12, tzinfo=UTC)
NINE = "9:00"
TOMORROW = 21 * 3600
"""Seconds until an hour after nine o'clock in Berlin."""


def thread_of(world: World, owner: simcord.MemberActor) -> simcord.ChannelHandle:
    """A thread in the channel of the world."""
    world.env.backend.create_thread(world.channel.id, "one a day", owner.id)
    (thread,) = world.channel.threads
    return thread


def deny(world: World, channel: simcord.ChannelHandle, **permissions: bool) -> None:
    """A moderator takes permissions in a channel away from the bot."""
    assert world.guild.me is not None
    _, denied = discord.PermissionOverwrite(**permissions).pair()
    overwrite = Overwrite(target_id=world.guild.me.id, type=OverwriteType.MEMBER, allow=0, deny=denied.value)
    world.env.backend.set_overwrite(channel.id, overwrite)


async def set_daily(world: World, manager: simcord.MemberActor, channel: simcord.ChannelHandle) -> str:
    return private(await manager.slash(world.channel, "daily set", channel=channel, time=NINE, zone="Europe/Berlin"))


def cards(channel: simcord.ChannelHandle) -> int:
    """The daily posts that stand in a channel."""
    return sum(bool(message.components) for message in channel.history())


async def test_a_thread_has_a_daily_post(world: World, manager: simcord.MemberActor) -> None:
    thread = thread_of(world, manager)
    assert (await set_daily(world, manager, thread)).startswith(f"Done. <#{thread.id}> · 09:00")
    await world.env.advance_time(TOMORROW)
    assert (cards(thread), cards(world.channel)) == (1, 0)
    (choice,) = await manager.autocomplete(world.channel, "daily log", "channel", "one")
    assert choice["name"] == "#one a day · 09:00 Europe/Berlin"
    assert private(await manager.slash(thread, "daily pause")).startswith(f"Paused. <#{thread.id}>")
    assert private(await manager.slash(thread, "daily resume")).startswith(f"It goes on. <#{thread.id}>")


async def test_a_thread_in_which_the_bot_may_not_write_is_refused(world: World, manager: simcord.MemberActor) -> None:
    thread = thread_of(world, manager)
    deny(world, world.channel, send_messages_in_threads=False)
    answer = await set_daily(world, manager, thread)
    assert answer.endswith("Please ask a moderator to give me there: Send Messages in Threads, Attach Files.")


async def test_a_thread_that_is_gone_lets_its_schedule_rest(world: World, manager: simcord.MemberActor) -> None:
    thread = thread_of(world, manager)
    await set_daily(world, manager, thread)
    world.env.backend.delete_channel(thread.id)
    await world.env.advance_time(TOMORROW)
    assert (await schedule_row(world.services.database)).paused is PauseReason.CHANNEL_GONE
    assert len(manager.user.dm_channel.history()) == 1
    assert private(await manager.slash(world.channel, "daily resume")).startswith("I cannot post in that channel")


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (404, 10003, ChannelClosedError, PauseReason.CHANNEL_GONE),
        (403, 50013, ChannelClosedError, PauseReason.FORBIDDEN),
        (400, 160005, ChannelClosedError, PauseReason.FORBIDDEN),
        (400, 50083, ChannelClosedError, PauseReason.FORBIDDEN),
        (400, 50035, NotTakenError, None),
        (429, 0, NotTakenError, None),
        (500, 0, discord.HTTPException, None),
        (503, 0, discord.HTTPException, None),
    ],
)
async def test_what_discord_answers_says_whether_it_has_taken_a_post(
    world: World,
    manager: simcord.MemberActor,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: int,
    kind: type[Exception],
    reason: PauseReason | None,
) -> None:
    async def send(*_: Any, **__: Any) -> None:
        response: Any = SimpleNamespace(status=status, reason="")
        classes: dict[int, type[discord.HTTPException]] = {403: discord.Forbidden, 404: discord.NotFound}
        raise classes.get(status, discord.HTTPException)(response, {"code": code, "message": "no"})

    await set_daily(world, manager, world.channel)
    (schedule,) = await world.service(ScheduleService).of_guild(world.guild.id)
    monkeypatch.setattr(discord.PartialMessageable, "send", send)
    with pytest.raises(kind) as raised:
        await world.service(PostService).test(schedule, world.service(DailyAlarm).outlet, manager.id)
    assert type(raised.value) is kind
    assert getattr(raised.value, "reason", None) == reason


async def test_a_rate_limit_that_is_too_long_to_wait_for_is_a_refusal(
    world: World, manager: simcord.MemberActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(*_: Any, **__: Any) -> None:
        raise discord.RateLimited(60)

    await set_daily(world, manager, world.channel)
    monkeypatch.setattr(discord.PartialMessageable, "send", send)
    answer = private(await manager.slash(world.channel, "daily test"))
    assert answer.startswith("Discord had a problem just now (error ")


async def test_an_announcement_channel_has_a_daily_post(world: World, manager: simcord.MemberActor) -> None:
    news = world.guild.create_news_channel("news")
    await set_daily(world, manager, news)
    await world.env.advance_time(TOMORROW)
    assert cards(news) == 1


async def test_a_voice_channel_is_not_offered(world: World, manager: simcord.MemberActor) -> None:
    with pytest.raises(simcord.SetupError):
        await set_daily(world, manager, world.guild.create_voice_channel("talk"))


async def test_permissions_that_were_taken_away_since_it_was_set(world: World, manager: simcord.MemberActor) -> None:
    news = world.guild.create_text_channel("news")
    await set_daily(world, manager, news)
    deny(world, news, send_messages=False)
    await world.env.advance_time(TOMORROW + 2 * 86400)
    row = await schedule_row(world.services.database)
    assert (row.paused, row.next_run_at) == (PauseReason.FORBIDDEN, None)
    assert cards(news) == 0
    (told,) = manager.user.dm_channel.history()  # the channel takes nothing, and there is no system channel
    assert told.content.startswith(f"The daily post in <#{news.id}> rests now: I may not post there")
    refused = private(await manager.slash(world.channel, "daily resume"))
    assert (
        refused
        == f"I cannot post in <#{news.id}>. Please ask a moderator to give me there: Send Messages, Attach Files."
    )
    assert world.guild.me is not None
    world.env.backend.delete_overwrite(news.id, world.guild.me.id)
    assert private(await manager.slash(world.channel, "daily resume")).startswith("It goes on. ")
    await world.env.advance_time(86400)
    assert cards(news) == 1


async def test_what_another_process_has_set_is_posted_within_a_minute(tiny_bundle_path: Path, tmp_path: Path) -> None:
    """The other process dies right afterwards: nobody wakes this one."""
    settings = settings_for(tiny_bundle_path, tmp_path)
    every_minute = timedelta(minutes=1)
    async with open_services(settings) as services, in_discord(services, BEGIN, every_minute) as world:
        await world.env.advance_time(1)
        second = settings_for(tiny_bundle_path, tmp_path / "second", database_url=settings.database_url)
        async with open_services(second, now=world.env.now) as other:
            plan = Plan(world.guild.id, world.channel.id, world.asker.id, time(12, 2), "Etc/UTC", frozenset(range(7)))
            await other.get(ScheduleService).set(plan)
        await world.env.advance_time(118)
        assert cards(world.channel) == 0
        await world.env.advance_time(61)
        assert cards(world.channel) == 1
