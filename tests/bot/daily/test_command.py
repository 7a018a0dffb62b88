"""/daily, as people use it, and its posts, while time goes by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from sqlalchemy import select

from bot.app import open_services
from bot.daily.alarm import DailyAlarm
from bot.daily.posting import PostService
from bot.db.models import Generation, GenerationKind
from bot.db.schedules import PauseReason, PostStatus
from tests.bot.daily.posts import schedule_row, statuses
from tests.bot.world import World, in_discord, labels, private, settings_for, words

SUMMER, WINTER = datetime(2026, 3, 27, 12, tzinfo=UTC), datetime(2026, 10, 23, 12, tzinfo=UTC)


async def set_daily(world: World, manager: simcord.MemberActor, **options: Any) -> str:
    """The manager types /daily set."""
    given: dict[str, Any] = {"channel": world.channel, "time": "9:00", "zone": "Europe/Berlin", **options}
    return private(await manager.slash(world.channel, "daily set", **given))


async def until_time(world: World, text: str) -> None:
    """Let time pass until an instant in UTC."""
    await world.env.advance_time((datetime.fromisoformat(text).replace(tzinfo=UTC) - world.env.now()).total_seconds())


def posts(channel: simcord.ChannelHandle) -> list[tuple[str, str]]:
    """The daily posts of a channel: when they went out (UTC) and their title."""
    found = []
    for message in channel.history():
        if message.components:
            title = words(
                simcord.ResponseMessage(channel._env, channel._env.backend.get_message(channel.id, message.id))
            )
            found.append((message.created_at.strftime("%m-%d %H:%M"), title.split("\n")[0]))
    return found


async def test_setting_says_when_the_next_post_comes(world: World, manager: simcord.MemberActor) -> None:
    answer = await set_daily(world, manager)
    at = int(datetime(2026, 3, 28, 8, tzinfo=UTC).timestamp())
    assert answer == (
        f"Done. <#{world.channel.id}> · 09:00 Europe/Berlin · every day · icons per post: 1 · up to 6 h late\n"
        f"Next post: <t:{at}:F> (<t:{at}:R>)"
    )
    assert private(await manager.slash(world.channel, "daily show")) == answer.removeprefix("Done. ")


async def test_the_post_goes_out_at_its_time_over_the_change_to_summer_time(
    world: World, manager: simcord.MemberActor
) -> None:
    await set_daily(world, manager, time="2:30")
    await until_time(world, "2026-03-31T12:00")
    assert posts(world.channel) == [
        ("03-28 01:30", "### Icon of the day · Saturday, 2026-03-28"),
        ("03-29 01:00", "### Icon of the day · Sunday, 2026-03-29"),  # 2:30 does not exist: 3:00 summer time
        ("03-30 00:30", "### Icon of the day · Monday, 2026-03-30"),
        ("03-31 00:30", "### Icon of the day · Tuesday, 2026-03-31"),
    ]


@pytest.mark.parametrize(
    ("begin", "zone", "time", "end", "expected"),
    [
        (WINTER, "Berlin", "2:30", "2026-10-26T12:00", ["10-24 00:30", "10-25 00:30", "10-26 01:30"]),
        (
            datetime(2026, 10, 30, 12, tzinfo=UTC),
            "New York",
            "1:30",
            "2026-11-02T12:00",
            ["10-31 05:30", "11-01 05:30", "11-02 06:30"],
        ),
        (
            datetime(2026, 3, 6, 12, tzinfo=UTC),
            "America/New_York",
            "2:30 am",
            "2026-03-09T12:00",
            ["03-07 07:30", "03-08 07:00", "03-09 06:30"],
        ),
    ],
)
async def test_changes_of_the_clocks_with_a_restart_each_night(
    world: World, manager: simcord.MemberActor, zone: str, time: str, end: str, expected: list[str]
) -> None:
    await set_daily(world, manager, zone=zone, time=time)
    last = datetime.fromisoformat(end).replace(tzinfo=UTC)
    while world.env.now() < last:
        await world.env.advance_time(12 * 3600)
        await world.restart()
    assert [at for at, _ in posts(world.channel)] == expected
    assert {status for _, status in await statuses(world.services.database)} == {PostStatus.SENT}


async def test_the_post_is_a_card_with_buttons_and_a_nonce(world: World, manager: simcord.MemberActor) -> None:
    await set_daily(world, manager, count=4)
    await until_time(world, "2026-03-28T09:00")
    message = world.channel.last_message
    assert message is not None
    card = simcord.ResponseMessage(world.env, world.env.backend.get_message(world.channel.id, message.id))
    assert words(card).startswith("### Icons of the day · Saturday, 2026-03-28\nSeeds ")
    assert labels(card) == ["Another sheet", "Delete"]
    (sent,) = [entry.json for entry in world.env.http_requests if entry.path.endswith(f"/{world.channel.id}/messages")]
    assert sent is not None
    assert (sent["nonce"], sent["enforce_nonce"]) == ("d120260328", True)
    rows = await world.rows()
    assert [(row.kind, row.message_id, row.user_id) for row in rows] == [
        (GenerationKind.DAILY, message.id, manager.id)
    ] * 4
    fresh = await world.other.click(card, label="Another sheet")
    assert fresh.response is not None


async def test_weekdays_are_kept(world: World, manager: simcord.MemberActor) -> None:
    assert "· weekdays ·" in await set_daily(world, manager, weekdays="Mon-Fri")
    await until_time(world, "2026-03-31T12:00")
    assert [at for at, _ in posts(world.channel)] == ["03-30 07:00", "03-31 07:00"]


async def test_what_was_missed_while_the_bot_was_away(tiny_bundle_path: Path, tmp_path: Path) -> None:
    settings = settings_for(tiny_bundle_path, tmp_path)
    async with open_services(settings) as services, in_discord(services, SUMMER) as world:
        role = world.guild.create_role("Manager", permissions=discord.Permissions(manage_guild=True))
        manager = world.guild.add_member(world.env.create_user("manager"), roles=[role])
        await set_daily(world, manager)
        await world.client.finish_answers(10)  # away from here on
        await until_time(world, "2026-03-30T10:00")
        assert posts(world.channel) == []
        await world.restart()
        await world.env.settle()
        ((at, title),) = posts(world.channel)
        assert (at, title) == ("03-30 10:00", "### Icon of the day · Monday, 2026-03-30")
        message = world.channel.last_message
        assert message is not None
        card = simcord.ResponseMessage(world.env, world.env.backend.get_message(world.channel.id, message.id))
        due = int(datetime(2026, 3, 30, 7, tzinfo=UTC).timestamp())
        assert words(card).endswith(f"-# Late: this post was due <t:{due}:F>.")
        log = private(await manager.slash(world.channel, "daily log"))
        (row,) = await world.rows()
        address = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{message.id}"
        assert log == (
            f"The last posts in <#{world.channel.id}>:\n"
            f"2026-03-30 · [posted]({address}) · seed `{row.seed_text}`\n"
            "2026-03-29 · missed: I was not there, and it was too late afterwards\n"
            "2026-03-28 · missed: I was not there, and it was too late afterwards"
        )


async def test_a_deleted_channel_pauses_the_schedule_and_its_owner_is_told_once(
    world: World, manager: simcord.MemberActor
) -> None:
    news = world.guild.create_text_channel("news")
    await set_daily(world, manager, channel=news)
    world.env.backend.delete_channel(news.id)
    await until_time(world, "2026-03-31T12:00")
    (told,) = manager.user.dm_channel.history()
    assert told.content == (
        f"The daily post in <#{news.id}> rests now: the channel is gone. When that is put right, /daily resume lets it "
        "go on; /daily remove removes it."
    )
    shown = private(await manager.slash(world.channel, "daily show"))
    assert "Paused: the channel is gone. /daily resume lets it go on." in shown
    assert await statuses(world.services.database) == [("2026-03-28", PostStatus.FAILED)]
    refused = private(await manager.slash(world.channel, "daily resume"))
    assert refused.startswith("I cannot post in that channel: it is gone")
    assert private(await manager.slash(world.channel, "daily remove")).startswith("Removed: ")


async def test_a_lost_permission_pauses_the_schedule_and_the_channel_is_told(
    world: World, manager: simcord.MemberActor
) -> None:
    await set_daily(world, manager)
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=403, code=50013)
    await until_time(world, "2026-03-30T12:00")
    (told,) = world.channel.history()
    assert told.content.startswith(f"The daily post in <#{world.channel.id}> rests now: I may not post there")
    assert (await schedule_row(world.services.database)).paused is PauseReason.FORBIDDEN
    assert private(await manager.slash(world.channel, "daily resume")).startswith("It goes on. ")
    await until_time(world, "2026-03-31T12:00")
    assert [at for at, _ in posts(world.channel)] == ["03-31 07:00"]


async def test_a_channel_in_which_the_bot_may_not_post_is_refused(world: World, manager: simcord.MemberActor) -> None:
    me = world.guild.me
    assert me is not None
    quiet = world.guild.create_text_channel("quiet", overwrites={me: discord.PermissionOverwrite(attach_files=False)})
    answer = await set_daily(world, manager, channel=quiet)
    assert answer == f"I cannot post in <#{quiet.id}>. Please ask a moderator to give me there: Attach Files."
    assert private(await manager.slash(world.channel, "daily show")).startswith("There is no daily post")


async def test_pause_and_resume(world: World, manager: simcord.MemberActor) -> None:
    await set_daily(world, manager)
    paused = private(await manager.slash(world.channel, "daily pause"))
    assert paused.endswith("Paused: somebody here asked for it. /daily resume lets it go on.")
    await until_time(world, "2026-03-29T12:00")
    assert posts(world.channel) == []
    assert "Next post: <t:" in private(await manager.slash(world.channel, "daily resume"))
    await until_time(world, "2026-03-30T12:00")
    assert [at for at, _ in posts(world.channel)] == ["03-30 07:00"]


async def test_a_test_post_comes_beside_the_plan(world: World, manager: simcord.MemberActor) -> None:
    await set_daily(world, manager)
    answer = private(await manager.slash(world.channel, "daily test"))
    message = world.channel.last_message
    assert message is not None
    address = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{message.id}"
    assert answer == f"Posted [a test]({address}). The daily post comes as planned."
    assert private(await manager.slash(world.channel, "daily log")).endswith("None yet.")
    await until_time(world, "2026-03-28T12:00")
    assert [at for at, _ in posts(world.channel)] == ["03-27 12:00", "03-28 08:00"]


async def test_removing_ends_it(world: World, manager: simcord.MemberActor) -> None:
    await set_daily(world, manager)
    answer = private(await manager.slash(world.channel, "daily remove"))
    assert answer == f"Removed: the daily post in <#{world.channel.id}>, and its log. The messages stay."
    await until_time(world, "2026-03-29T12:00")
    assert posts(world.channel) == []
    nothing = "There is no such daily post here. /daily show lists them, /daily set makes one."
    for name in ("pause", "resume", "test", "log", "remove"):
        assert private(await manager.slash(world.channel, f"daily {name}")) == nothing


async def test_among_several_the_channel_is_named(world: World, manager: simcord.MemberActor) -> None:
    news, fun = world.guild.create_text_channel("news"), world.guild.create_text_channel("fun")
    await set_daily(world, manager, channel=news)
    await set_daily(world, manager, channel=fun, time="21:00", zone="Tokyo")
    asked = private(await manager.slash(world.channel, "daily pause"))
    assert asked == f"There are several daily posts here: name the channel (<#{news.id}>, <#{fun.id}>)."
    choices = await manager.autocomplete(world.channel, "daily pause", "channel", "")
    assert [choice["name"] for choice in choices] == ["#news · 09:00 Europe/Berlin", "#fun · 21:00 Asia/Tokyo"]
    (choice,) = await manager.autocomplete(world.channel, "daily pause", "channel", "#Fu")
    for typed in (choice["value"], "#fun", f"<#{fun.id}>"):
        paused = private(await manager.slash(world.channel, "daily pause", channel=typed))
        assert paused.startswith(f"Paused. <#{fun.id}>")
    assert private(await manager.slash(news, "daily pause")).startswith(
        f"Paused. <#{news.id}>"
    )  # the one of this channel
    assert private(await manager.slash(world.channel, "daily log", channel="#other")).startswith("There is no such")


async def test_zones_are_found_by_their_cities(world: World, manager: simcord.MemberActor) -> None:
    async def offered(typed: str) -> list[str]:
        choices = await manager.autocomplete(
            world.channel, "daily set", "zone", typed, channel=world.channel, time="9:00"
        )
        return [choice["value"] for choice in choices]

    assert (await offered("berl"))[0] == "Europe/Berlin"
    assert (await offered("new y"))[0] == "America/New_York"
    assert len(await offered("")) == 25
    assert await offered("xyzzy") == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"time": "25:00"}, "I do not understand the time `25:00`. Type it as 9:00, 18:30 or 6:30 pm."),
        ({"zone": "Berlxin"}, "I know no time zone Berlxin. Type a city or a name such as "),
        (
            {"weekdays": "someday"},
            "I do not understand the days `someday`. Type them as mon-fri, sat sun or every day.",
        ),
    ],
)
async def test_what_cannot_be_read_is_named(
    world: World, manager: simcord.MemberActor, wrong: dict[str, Any], sentence: str
) -> None:
    assert (await set_daily(world, manager, **wrong)).startswith(sentence)


async def test_a_guest_neither_sees_nor_may_use_it(world: World) -> None:
    with pytest.raises(simcord.SetupError):
        await world.asker.slash(world.channel, "daily show")
    commands = world.asker.available_commands(world.channel)
    assert "icon" in commands
    assert not any(command.startswith("daily") for command in commands)


async def test_who_is_let_through_by_a_setting_of_the_server_is_refused_all_the_same(world: World) -> None:
    root = world.env.backend.visible_commands(user_id=world.guild.owner.id, channel_id=world.channel.id)
    assert {"icon", "daily"} <= {command["name"] for command in root}
    (daily,) = [command for command in await world.client.tree.fetch_commands() if command.name == "daily"]
    world.guild.set_command_permissions(daily, {world.guild.default_role: True})
    for name in ("show", "pause", "resume", "test", "log", "remove"):
        answer = private(await world.asker.slash(world.channel, f"daily {name}"))
        assert answer == "For this you need: Manage Server."
    assert await set_daily(world, world.asker) == "For this you need: Manage Server."
    assert await world.asker.autocomplete(world.channel, "daily pause", "channel", "") == []


async def test_the_seed_was_never_used_in_that_server(world: World, manager: simcord.MemberActor) -> None:
    await set_daily(world, manager)
    await until_time(world, "2026-04-02T12:00")
    async with world.services.database.read() as session:
        seeds = list(await session.scalars(select(Generation.seed)))
    assert len(seeds) == len(set(seeds)) == 6


async def test_two_bots_on_one_database_post_once(
    world: World, manager: simcord.MemberActor, tiny_bundle_path: Path, tmp_path: Path
) -> None:
    """A second process looks at every hour, and finds nothing left to do."""
    await set_daily(world, manager)
    settings = settings_for(tiny_bundle_path, tmp_path / "other", database_url=world.services.settings.database_url)
    async with open_services(settings, now=world.env.now) as other:
        for _ in range(48):
            await world.env.advance_time(3600)
            await other.get(PostService).run_due(world.service(DailyAlarm).outlet)
    assert [at for at, _ in posts(world.channel)] == ["03-28 08:00", "03-29 07:00"]
    assert world.env.now() - SUMMER == timedelta(hours=48)
