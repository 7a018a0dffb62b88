"""`/daily`: the daily posts of a server, for those who may manage it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

import discord
from discord import app_commands

from bot.daily.alarm import DailyAlarm
from bot.daily.card import log_lines, schedule_line
from bot.daily.posting import PostService
from bot.daily.schedules import LONGEST_CATCH_UP, NoScheduleError, Plan, ScheduleService, ScheduleView
from bot.daily.times import read_time, read_weekdays, suggest_weekdays
from bot.daily.zones import read_zone, suggest, zone_name
from bot.db.schedules import LONGEST_LINE, PauseReason, PostContent
from bot.models.command import LONGEST_MODEL, find_model, offer_models
from bot.models.versions import VersionService
from bot.talk.acknowledging import acknowledge
from bot.talk.answering import answering, tell, tell_all
from bot.talk.choices import offer
from bot.talk.fitting import CHOICES, LABEL, fit
from bot.talk.guard import Guard, require_manager
from bot.talk.interaction import Interaction
from bot.talk.refusals import Refusal
from bot.talk.texts import Texts
from bot.talk.words import link

Target: TypeAlias = discord.TextChannel | discord.Thread
"""Where a schedule may post: text and announcement channels, and threads, those of forums among them."""


SUNDAY = frozenset({6})

USUAL_COUNT = {PostContent.FRESH: 1, PostContent.TOP: 9}
"""Icons in a post."""


def daily_group(texts: Texts) -> app_commands.Group:
    """Build the commands with their texts."""
    say = texts.say
    group = app_commands.Group(
        name="daily",
        description=say("command.daily.description"),
        default_permissions=discord.Permissions(manage_guild=True),
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )

    def add(callback: Any, name: str, description: str) -> None:
        group.add_command(app_commands.Command(name=name, description=description, callback=callback))

    app_commands.describe(
        channel=say("command.daily.set_channel"),
        time=say("command.daily.set_time"),
        zone=say("command.daily.set_zone"),
        weekdays=say("command.daily.set_weekdays"),
        count=say("command.daily.set_count"),
        catch_up=say("command.daily.set_catch_up"),
        what=say("command.daily.set_what"),
        text=say("command.daily.set_text"),
        role=say("command.daily.set_role"),
        model=say("command.icon.model"),
    )(set_schedule)
    app_commands.choices(
        what=[
            app_commands.Choice(name=say("choice.fresh"), value=PostContent.FRESH.value),
            app_commands.Choice(name=say("choice.top"), value=PostContent.TOP.value),
        ]
    )(set_schedule)
    app_commands.autocomplete(zone=_zones, weekdays=_weekdays, model=offer_models)(set_schedule)
    add(set_schedule, "set", say("command.daily.set"))
    add(show, "show", say("command.daily.show"))
    for callback, name, description in (
        (pause, "pause", say("command.daily.pause")),
        (resume, "resume", say("command.daily.resume")),
        (post_test, "test", say("command.daily.test")),
        (show_log, "log", say("command.daily.log")),
        (remove, "remove", say("command.daily.remove")),
    ):
        app_commands.describe(channel=say("command.daily.which"))(callback)
        app_commands.autocomplete(channel=_schedules)(callback)
        add(callback, name, description)
    return group


async def set_schedule(
    interaction: Interaction,
    channel: Target,
    time: app_commands.Range[str, 1, 20],
    zone: app_commands.Range[str, 1, 60],
    weekdays: app_commands.Range[str, 1, 100] | None = None,
    count: Literal[1, 4, 9] | None = None,
    catch_up: app_commands.Range[int, 1, LONGEST_CATCH_UP] = 6,
    what: str = PostContent.FRESH.value,
    text: app_commands.Range[str, 1, LONGEST_LINE] | None = None,
    role: discord.Role | None = None,
    model: app_commands.Range[str, 1, LONGEST_MODEL] | None = None,
) -> None:
    """`/daily set`. What is left out depends on what is posted: one fresh icon a day, or the top nine on Sundays."""
    async with answering(interaction):
        guild_id = require_manager(interaction)
        texts, locale = interaction.client.texts, str(interaction.locale)
        content = PostContent(what)
        local_time, days = read_time(time, texts, locale), read_weekdays(weekdays, texts, locale)
        if content is PostContent.TOP and weekdays is None:
            days = SUNDAY
        name = await asyncio.to_thread(read_zone, zone)
        if content is PostContent.TOP and model is not None:
            raise Refusal("error.daily_top_model")
        model_id = await find_model(interaction, model)
        _check_channel(channel)
        if role is not None:
            _check_role(interaction, role, channel)
        await acknowledge(interaction)
        where, many = (guild_id, channel.id, interaction.user.id), count or USUAL_COUNT[content]
        line, role_id = (text or "").strip() or None, None if role is None else role.id
        plan = Plan(*where, local_time, name, days, many, catch_up, content, line, role_id, model_id)
        service = interaction.client.service(ScheduleService)
        before = {each.plan.channel_id for each in await service.of_guild(guild_id)}
        schedule = await service.set(plan)
        interaction.client.service(DailyAlarm).wake()
        key = "daily.replaced" if channel.id in before else "daily.set_done"
        await tell(interaction, texts.say(key, locale, schedule=await _line(interaction, schedule)))


async def show(interaction: Interaction) -> None:
    """`/daily show`."""
    async with answering(interaction):
        guild_id = require_manager(interaction)
        texts, locale = interaction.client.texts, str(interaction.locale)
        await acknowledge(interaction)
        found = await interaction.client.service(ScheduleService).of_guild(guild_id)
        lines = [await _line(interaction, each) for each in found] or [texts.say("daily.none", locale)]
        await tell_all(interaction, lines)


async def pause(interaction: Interaction, channel: str | None = None) -> None:
    """`/daily pause`."""

    async def act(schedule: ScheduleView) -> str:
        await interaction.client.service(ScheduleService).pause(schedule.id)
        return await _with_line(interaction, "daily.paused_done", schedule.id)

    await _with_schedule(interaction, channel, act)


async def resume(interaction: Interaction, channel: str | None = None) -> None:
    """`/daily resume`."""

    async def act(schedule: ScheduleView) -> str:
        if interaction.guild is not None:
            _check_channel(await _target(interaction.guild, schedule.plan.channel_id))
        await interaction.client.service(ScheduleService).resume(schedule.id)
        interaction.client.service(DailyAlarm).wake()
        return await _with_line(interaction, "daily.resumed", schedule.id)

    await _with_schedule(interaction, channel, act)


async def post_test(interaction: Interaction, channel: str | None = None) -> None:
    """`/daily test`."""

    async def act(schedule: ScheduleView) -> str:
        client, locale = interaction.client, str(interaction.locale)
        await client.service(Guard).take(interaction, schedule.plan.count)
        message_id = await client.service(PostService).test(
            schedule, client.service(DailyAlarm).outlet, interaction.user.id
        )
        name = client.texts.say("daily.test_link", locale)
        linked = link(name, schedule.plan.guild_id, schedule.plan.channel_id, message_id)
        key = "daily.test_done" if schedule.paused is None else "daily.test_done_paused"
        return client.texts.say(key, locale, message=linked)

    await _with_schedule(interaction, channel, act)


async def show_log(interaction: Interaction, channel: str | None = None) -> None:
    """`/daily log`."""

    async def act(schedule: ScheduleView) -> str:
        posts = await interaction.client.service(ScheduleService).log(schedule.id)
        return log_lines(schedule, posts, interaction.client.texts, str(interaction.locale))

    await _with_schedule(interaction, channel, act)


async def remove(interaction: Interaction, channel: str | None = None) -> None:
    """`/daily remove`."""

    async def act(schedule: ScheduleView) -> str:
        await interaction.client.service(ScheduleService).remove(schedule.id)
        where = f"<#{schedule.plan.channel_id}>"
        return interaction.client.texts.say("daily.removed", str(interaction.locale), channel=where)

    await _with_schedule(interaction, channel, act)


async def _with_schedule(
    interaction: Interaction, channel: str | None, act: Callable[[ScheduleView], Awaitable[str]]
) -> None:
    """Find the schedule that is meant, do something with it, and tell the person what `act` says."""
    async with answering(interaction):
        guild_id = require_manager(interaction)
        await acknowledge(interaction)
        await tell_all(interaction, [await act(await _find(interaction, guild_id, channel))])


async def _find(interaction: Interaction, guild_id: int, typed: str | None) -> ScheduleView:
    """The schedule of the channel that was chosen or typed (`#name`, a mention, an id), or the only one.

    Raises NoScheduleError, and Refusal when several can be meant.
    """
    found = await interaction.client.service(ScheduleService).of_guild(guild_id)
    if typed is None:
        here = [each for each in found if each.plan.channel_id == interaction.channel_id]
        if len(found) > 1 and not here:
            channels = ", ".join(f"<#{each.plan.channel_id}>" for each in found[:CHOICES])
            raise Refusal("error.which_schedule", channels=channels)
        found = here or found
    else:
        wanted = typed.strip().strip("<#>")
        found = [each for each in found if wanted in (str(each.plan.channel_id), _name(interaction, each))]
    if not found:
        raise NoScheduleError("there is no schedule for that channel")
    return found[0]


async def _with_line(interaction: Interaction, key: str, schedule_id: int) -> str:
    """A sentence about a schedule as it stands now."""
    texts, locale = interaction.client.texts, str(interaction.locale)
    assert interaction.guild_id is not None  # noqa: S101 - `require_manager` has seen to it
    for each in await interaction.client.service(ScheduleService).of_guild(interaction.guild_id):
        if each.id == schedule_id:
            return texts.say(key, locale, schedule=await _line(interaction, each))
    raise NoScheduleError("it was removed meanwhile")


async def _line(interaction: Interaction, schedule: ScheduleView) -> str:
    """A schedule in words."""
    model_id = schedule.plan.model_id
    model = None if model_id is None else await interaction.client.service(VersionService).name_of(model_id)
    return schedule_line(schedule, model, interaction.client.texts, str(interaction.locale))


async def _target(guild: discord.Guild, channel_id: int) -> Target:
    """The channel of a schedule, also a thread that sleeps and is not remembered. Raises Refusal when it is gone."""
    try:
        channel = guild.get_channel_or_thread(channel_id) or await guild.fetch_channel(channel_id)
    except (discord.NotFound, discord.Forbidden) as error:
        raise Refusal("error.channel_closed") from error
    if not isinstance(channel, Target):
        raise Refusal("error.channel_closed")
    return channel


def _check_channel(channel: Target) -> None:
    """Refuse a channel in which the bot may not post."""
    permissions = channel.permissions_for(channel.guild.me)
    needed = ["read_messages", "send_messages", "attach_files"]
    if isinstance(channel, discord.Thread):
        needed[1] = "send_messages_in_threads"
        if channel.locked:
            needed.append("manage_threads")
    missing = tuple(name for name in needed if not getattr(permissions, name))
    if missing:
        raise Refusal("error.channel_permissions", channel=channel.mention, permissions=missing)


def _check_role(interaction: Interaction, role: discord.Role, channel: Target) -> None:
    """Refuse a role that the person, or the bot, may not ping there; Discord asks both for the same permission."""
    if role.is_default():
        raise Refusal("error.daily_everyone")
    if role.mentionable:
        return
    user = interaction.user
    words: dict[str, Any] = {"role": role.mention, "channel": channel.mention, "permissions": ("mention_everyone",)}
    if not isinstance(user, discord.Member) or not channel.permissions_for(user).mention_everyone:
        raise Refusal("error.daily_role", **words)
    if not channel.permissions_for(channel.guild.me).mention_everyone:
        raise Refusal("error.daily_role_mine", **words)


def _name(interaction: Interaction, schedule: ScheduleView) -> str | None:
    channel = interaction.guild and interaction.guild.get_channel_or_thread(schedule.plan.channel_id)
    return channel.name if channel else None


async def _zones(_: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    found = await asyncio.to_thread(suggest, typed, CHOICES)
    return [app_commands.Choice(name=fit(one.label, LABEL), value=zone_name(one.zone)) for one in found]


async def _weekdays(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    found = suggest_weekdays(typed, interaction.client.texts, str(interaction.locale))
    return offer("", ((words, fit(words, LABEL)) for words in found))


async def _schedules(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    if interaction.guild_id is None or not interaction.permissions.manage_guild:
        return []
    found = await interaction.client.service(ScheduleService).of_guild(interaction.guild_id)
    return offer(typed.strip().lstrip("#"), ((_label(interaction, each), str(each.plan.channel_id)) for each in found))


def _label(interaction: Interaction, schedule: ScheduleView) -> str:
    """A schedule as it is offered."""
    name, plan = _name(interaction, schedule), schedule.plan
    return interaction.client.texts.say(
        "daily.choice_gone" if name is None and schedule.paused is PauseReason.CHANNEL_GONE else "daily.choice",
        str(interaction.locale),
        channel=name or plan.channel_id,
        time=f"{plan.local_time:%H:%M}",
        zone=zone_name(plan.zone),
    )
