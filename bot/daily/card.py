"""The daily post as it stands in its channel, and the words for schedules: their times, weekdays, states and log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import discord

from bot.daily.posting import DailyPost
from bot.daily.schedules import PostView, ScheduleView
from bot.daily.times import WEEKDAYS, weekday_words
from bot.daily.zones import zone_name
from bot.db.schedules import PauseReason, PostContent, PostStatus
from bot.icons.card import icon_card
from bot.talk.delivery import Card
from bot.talk.fitting import fit
from bot.talk.texts import Texts
from bot.talk.words import code, link

_PAUSED = {
    PauseReason.ASKED: "daily.paused_asked",
    PauseReason.CHANNEL_GONE: "daily.paused_gone",
    PauseReason.FORBIDDEN: "daily.paused_forbidden",
}

_STATUS = {
    PostStatus.CLAIMED: "daily.status_claimed",
    PostStatus.SENT: "daily.status_sent",
    PostStatus.MISSED: "daily.status_missed",
    PostStatus.FAILED: "daily.status_failed",
    PostStatus.SKIPPED: "daily.status_skipped",
    PostStatus.UNKNOWN: "daily.status_unknown",
}


_TITLES = {
    (PostContent.FRESH, True): "daily.title",
    (PostContent.FRESH, False): "daily.title_sheet",
    (PostContent.TOP, True): "daily.title_top",
    (PostContent.TOP, False): "daily.title_top_sheet",
}
"""By what a schedule posts, and whether it is one icon."""


def daily_card(post: DailyPost, texts: Texts, locale: str, role_id: int | None = None) -> Card:
    """The card of an icon under a title with the date; a late post and a test say so.

    Above it stand the schedule's line and the role, where there is one (`role_id`).
    """
    title = texts.say(
        _TITLES[post.schedule.plan.content, len(post.sheet.icons) == 1],
        locale,
        date=_day(post.local_date, texts, locale),
    )
    note = None
    if post.test:
        note = texts.say("daily.test_note", locale)
    elif post.late:
        note = texts.say("daily.late_note", locale, due=stamp(post.due_at))
    lead = first_line(post.schedule.plan.text, role_id)
    return icon_card(post.sheet, texts, locale, lead=lead, title=f"### {title}", note=note)


def first_line(text: str | None, role_id: int | None) -> str | None:
    """The role to ping and the line above a post; None without both. No mention in the text is one."""
    parts = [f"<@&{role_id}>"] if role_id is not None else []
    if text is not None:
        parts.append(discord.utils.escape_mentions(text))
    return " ".join(parts) or None


def paused_sentence(schedule: ScheduleView, reason: PauseReason, texts: Texts, locale: str) -> str:
    """What somebody is told when a schedule comes to rest by itself."""
    channel, why = _channel(schedule), texts.say(_PAUSED[reason], locale)
    return texts.say("daily.paused_notice", locale, channel=channel, reason=why)


def schedule_line(schedule: ScheduleView, model: str | None, texts: Texts, locale: str) -> str:
    """A schedule in words: where, when, how many, by which model if one was named; its next run, or why it rests."""
    plan = schedule.plan
    text = texts.say(
        "daily.plan" if plan.content is PostContent.FRESH else "daily.plan_top",
        locale,
        channel=_channel(schedule),
        time=f"{plan.local_time:%H:%M}",
        zone=zone_name(plan.zone),
        days=weekday_words(plan.weekdays, texts, locale),
        count=plan.count,
        hours=plan.catch_up_hours,
    )
    if model is not None:
        text += " · " + texts.say("icon.model", locale, version=code(model))
    if schedule.paused is not None:
        text += "\n" + texts.say("daily.rests", locale, reason=texts.say(_PAUSED[schedule.paused], locale))
    elif schedule.next_run_at is not None:
        text += "\n" + texts.say("daily.next", locale, full=stamp(schedule.next_run_at), soon=ago(schedule.next_run_at))
    if schedule.failures:
        text += "\n" + texts.say("daily.failures", locale, count=schedule.failures)
    lead = first_line(plan.text, plan.role_id)
    return text if lead is None else f"{text}\n> {lead}"


def log_lines(schedule: ScheduleView, posts: Sequence[PostView], texts: Texts, locale: str) -> str:
    """The last runs, the newest first, each with its result and a link to its message."""
    lines = [texts.say("daily.log_title", locale, channel=_channel(schedule))]
    plan = schedule.plan
    for post in posts:
        seed = "" if post.seed is None else texts.say("daily.log_seed", locale, seed=code(post.seed))
        result = texts.say(_STATUS[post.status], locale)
        linked = link(result, plan.guild_id, plan.channel_id, post.message_id)
        line = texts.say("daily.log_line", locale, date=post.local_date.isoformat(), result=linked, seed=seed)
        if post.error is not None:
            line += " · " + code(fit(post.error, 100))
        lines.append(line)
    if not posts:
        lines.append(texts.say("daily.log_empty", locale))
    return "\n".join(lines)


def stamp(instant: datetime) -> str:
    """An instant that each reader sees in a time zone of their own."""
    return discord.utils.format_dt(instant, "F")


def ago(instant: datetime) -> str:
    """The same, as a distance from now."""
    return discord.utils.format_dt(instant, "R")


def _channel(schedule: ScheduleView) -> str:
    return f"<#{schedule.plan.channel_id}>"


def _day(day: date, texts: Texts, locale: str) -> str:
    return texts.say("daily.date", locale, weekday=texts.say(WEEKDAYS[day.weekday()], locale), date=day.isoformat())
