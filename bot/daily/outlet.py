"""Discord as the way out for daily posts: sends them, and says which refusals will not pass by themselves."""

from __future__ import annotations

import logging

import discord

from bot.daily.card import daily_card, paused_sentence
from bot.daily.posting import ChannelClosedError, DailyPost, NotTakenError
from bot.daily.schedules import ScheduleView
from bot.db.schedules import PauseReason
from bot.talk.access import AccessService
from bot.talk.interaction import Bot
from bot.talk.reach import UNREACHABLE
from bot.talk.sight import open_to_readers

log = logging.getLogger(__name__)

SERVER_ERROR = 500
"""From here on, Discord's answers do not say that it has not done what it was asked to do."""

THREAD_ARCHIVED, THREAD_LOCKED = 50083, 160005
"""Discord's codes for a thread in which only moderators may write. One that merely sleeps is woken by a post."""


class DiscordOutlet:
    """Sends by channel id, without looking at what the client remembers of the server."""

    def __init__(self, client: Bot) -> None:
        self._client = client

    async def deliver(self, post: DailyPost) -> int:
        """Send a post with its nonce; discord.py asks Discord to enforce it. See `Outlet`."""
        plan = post.schedule.plan
        settings = await self._client.service(AccessService).settings(plan.guild_id)
        role_id = self._role(post.schedule)
        card = daily_card(post, self._client.texts, settings.language or self._locale(plan.guild_id), role_id)
        if settings.spoiler:
            card = card.hidden()
        channel = self._client.get_partial_messageable(plan.channel_id, guild_id=plan.guild_id)
        try:
            message: discord.Message = await channel.send(
                view=card.view,
                file=card.file(),
                nonce=post.nonce,
                allowed_mentions=pinging(None if post.test else role_id),
            )
        except discord.NotFound as error:
            raise ChannelClosedError(PauseReason.CHANNEL_GONE, f"the channel is gone ({error})") from error
        except discord.Forbidden as error:
            raise ChannelClosedError(PauseReason.FORBIDDEN, f"posting is forbidden ({error})") from error
        except discord.RateLimited as error:
            raise NotTakenError(str(error)) from error
        except discord.HTTPException as error:
            if error.status >= SERVER_ERROR:
                raise
            if error.code not in (THREAD_ARCHIVED, THREAD_LOCKED):
                raise NotTakenError(str(error)) from error
            raise ChannelClosedError(PauseReason.FORBIDDEN, f"the thread is locked ({error})") from error
        return message.id

    def visible(self, schedule: ScheduleView) -> frozenset[int]:
        """What was posted out of sight of some stays there. See `Outlet`."""
        return open_to_readers(self._client.get_guild(schedule.plan.guild_id), schedule.plan.channel_id)

    async def tell_paused(self, schedule: ScheduleView, reason: PauseReason) -> None:
        """Tell the channel, else the server's system channel, else whoever set the schedule: the first that hears."""
        plan, client = schedule.plan, self._client
        settings = await client.service(AccessService).settings(plan.guild_id)
        sentence = paused_sentence(schedule, reason, client.texts, settings.language or self._locale(plan.guild_id))
        guild = client.get_guild(plan.guild_id)
        channels = [plan.channel_id]
        if guild is not None and guild.system_channel is not None:
            channels.append(guild.system_channel.id)
        for channel_id in channels:
            try:
                await client.get_partial_messageable(channel_id, guild_id=plan.guild_id).send(sentence)
            except UNREACHABLE as error:
                log.info("channel %d cannot be told that schedule %d rests: %s", channel_id, schedule.id, error)
            else:
                return
        try:
            user = await client.fetch_user(plan.user_id)
            await user.send(sentence)
        except UNREACHABLE as error:
            log.warning("nobody could be told that schedule %d rests: %s", schedule.id, error)

    def _role(self, schedule: ScheduleView) -> int | None:
        """The role that a schedule pings; one that was deleted is left out."""
        role_id, guild = schedule.plan.role_id, self._client.get_guild(schedule.plan.guild_id)
        if role_id is not None and guild is not None and guild.get_role(role_id) is None:
            log.warning("schedule %d: the role %d was deleted, and is left out", schedule.id, role_id)
            return None
        return role_id

    def _locale(self, guild_id: int) -> str:
        guild = self._client.get_guild(guild_id)
        return "en" if guild is None else str(guild.preferred_locale)


def pinging(role_id: int | None) -> discord.AllowedMentions:
    """Exactly that role, or nobody."""
    return discord.AllowedMentions(
        everyone=False, users=False, roles=False if role_id is None else [discord.Object(role_id)], replied_user=False
    )
