"""The daily posts themselves: each run is claimed, drawn, sent once and written down.

The claim is committed before anything is drawn. Before sending, the claim's holder writes down which icons go out; a
process that has lost its claim meanwhile does not pass that gate. Past it, sending again carries the same icons and
the same nonce, so that Discord itself returns the first message instead of posting a second one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar, Protocol

from bot.daily.runs import Claim, RunBook
from bot.daily.schedules import NoScheduleError, ScheduleService, ScheduleView
from bot.daily.zones import load_zone
from bot.db.models import GenerationKind
from bot.db.schedules import PauseReason, PostContent
from bot.icons.favorites import WEEK, FavoriteService
from bot.icons.rows import Origin
from bot.icons.service import IconService
from bot.icons.sheets import Sheet
from bot.talk.refusals import ServiceError

log = logging.getLogger(__name__)

LATE_AFTER = timedelta(minutes=5)
"""A post that is later than this says so."""

SEND_LIMIT = 60.0
"""Seconds that Discord has to take a post."""

AT_ONCE = 4
"""Posts in hand at the same time: the studio's batches are full, and Discord's limits are far."""

PAUSE_AFTER_ERROR = timedelta(seconds=30)
"""Until the next look at what could not even be claimed."""


class NotTakenError(ServiceError):
    """Discord has refused a post, which certainly does not stand there. No parameters but an error's id."""

    key: ClassVar[str] = "error.discord"


class ChannelClosedError(NotTakenError):
    """Discord does not take posts in that channel: it is gone, or the bot may not. No parameters."""

    key: ClassVar[str] = "error.channel_closed"

    def __init__(self, reason: PauseReason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class NothingToPostError(ServiceError):
    """No icon of the server got a vote in the week before. No parameters."""

    key = "error.nothing_to_post"


@dataclass(frozen=True)
class DailyPost:
    """What goes out."""

    schedule: ScheduleView
    sheet: Sheet
    local_date: date
    due_at: datetime
    nonce: str
    """At most 25 characters, the same for the same run."""
    late: bool = False
    test: bool = False


class Outlet(Protocol):
    """The way out of the house: Discord implements it, and so do tests."""

    async def deliver(self, post: DailyPost) -> int:
        """Send a post: its message's id. Raises ChannelClosedError, and NotTakenError for what may pass.

        After any other error the post may stand there all the same.
        """

    def visible(self, schedule: ScheduleView) -> Collection[int]:
        """The channels that everybody can see who can see the schedule's own, which is among them."""

    async def tell_paused(self, schedule: ScheduleView, reason: PauseReason) -> None:
        """Tell somebody of the server that a schedule rests now, and why."""


def nonce_of(schedule_id: int, local_date: date) -> str:
    """The same for the same run in all processes: at most 1 + 16 + 8 characters."""
    return f"d{schedule_id:x}{local_date:%Y%m%d}"


class PostService:
    """Posts what is due. Any number of processes may do so on one database."""

    def __init__(
        self,
        icons: IconService,
        favorites: FavoriteService,
        schedules: ScheduleService,
        runs: RunBook,
        clock: Callable[[], datetime],
    ) -> None:
        self._icons = icons
        self._favorites = favorites
        self._schedules = schedules
        self._runs = runs
        self._clock = clock

    async def run_due(self, outlet: Outlet, go_on: Callable[[], bool] = lambda: True) -> datetime | None:
        """Post what is due, go on with what was left behind; the instant of the next look, None for none.

        Once `go_on` says no, nothing more is claimed. Cancelled, it gives back what was claimed and is not posted.

        What goes wrong with one schedule is logged and does not touch the others. Raises only when the database
        cannot be reached.
        """
        stale, due = await self._runs.stale(), await self._runs.due()
        places = asyncio.Semaphore(AT_ONCE)

        async def handle(take: Callable[[int], Awaitable[Claim | None]], row_id: int) -> None:
            async with places:  # claimed no sooner than it is worked on
                if not go_on():
                    return
                try:
                    claim = await take(row_id)
                    if claim is not None:
                        await self._post(claim, outlet)
                except Exception:
                    log.exception("a daily post could not be handled")

        async with asyncio.TaskGroup() as group:
            for post_id in stale:
                group.create_task(handle(self._runs.take_over, post_id))
            for schedule_id in due:
                group.create_task(handle(self._runs.claim, schedule_id))
        wake, now = await self._runs.next_wake(), self._clock()
        if wake is not None and wake <= now and not set(await self._runs.due()) - set(due):
            return now + PAUSE_AFTER_ERROR  # nothing has come meanwhile: this is what could not be handled
        return wake

    async def _post(self, claim: Claim, outlet: Outlet) -> None:
        schedule = claim.schedule
        try:
            if claim.generation_id is None:
                sheet = await self._draw(schedule, outlet)
            else:
                sheet = await self._icons.redraw(claim.generation_id)
            sheet = await self._credited(schedule, sheet, outlet)
            if not await self._runs.pass_gate(claim, sheet.icons[0].id):
                log.info("schedule %d, %s: another process goes on with it", schedule.id, claim.local_date)
                return
            post = DailyPost(
                schedule=schedule,
                sheet=sheet,
                local_date=claim.local_date,
                due_at=claim.due_at,
                late=self._clock() - claim.due_at > LATE_AFTER,
                nonce=nonce_of(schedule.id, claim.local_date),
            )
            async with asyncio.timeout(SEND_LIMIT):
                message_id = await outlet.deliver(post)
        except asyncio.CancelledError:
            await self._runs.release(claim)
            raise
        except NothingToPostError:
            await self._runs.skip(claim)
            log.info("schedule %d, %s: nothing to post", schedule.id, claim.local_date)
        except ChannelClosedError as error:
            await self._close(claim, error, outlet)
        except Exception as error:
            refused = isinstance(error, NotTakenError)
            over = await self._runs.went_wrong(claim, f"{type(error).__name__}: {error}", refused=refused)
            outcome = "given up" if over else "tried once more soon"
            log.warning("schedule %d, %s: %s, %r", schedule.id, claim.local_date, outcome, error)
        else:
            await _to_its_end(self._write_down(claim, sheet, message_id))

    async def _write_down(self, claim: Claim, sheet: Sheet, message_id: int) -> None:
        await self._runs.sent(claim, message_id)
        await self._icons.posted(sheet, message_id)
        log.info("schedule %d, %s: posted", claim.schedule.id, claim.local_date)

    async def _close(self, claim: Claim, error: ChannelClosedError, outlet: Outlet) -> None:
        """Let the schedule rest, and tell somebody, once."""
        await self._runs.went_wrong(claim, str(error), refused=True, final=True)
        try:
            told = not await self._schedules.pause(claim.schedule.id, error.reason)
        except NoScheduleError:
            return
        log.warning("schedule %d rests: %s", claim.schedule.id, error)
        if not told:
            await outlet.tell_paused(claim.schedule, error.reason)

    async def test(self, schedule: ScheduleView, outlet: Outlet, user_id: int) -> int:
        """Post now what the schedule would post, beside its runs: the message's id.

        Raises ChannelClosedError, NothingToPostError, BusyError and what the outlet raises; a test pauses nothing.
        """
        zone = await asyncio.to_thread(load_zone, schedule.plan.zone)
        sheet = await self._draw(schedule, outlet, user_id)
        now = self._clock()
        nonce = f"t{sheet.icons[0].id:x}"
        shown = await self._credited(schedule, sheet, outlet)
        post = DailyPost(schedule, shown, now.astimezone(zone).date(), now, nonce, test=True)
        message_id = await outlet.deliver(post)
        await self._icons.posted(sheet, message_id)
        return message_id

    async def _draw(self, schedule: ScheduleView, outlet: Outlet, user_id: int | None = None) -> Sheet:
        plan = schedule.plan
        where = Origin(plan.guild_id, plan.channel_id, plan.user_id if user_id is None else user_id)
        if plan.content is PostContent.TOP:
            best = await self._favorites.top(plan.guild_id, plan.count, outlet.visible(schedule))
            sheet = await self._icons.repost(best, where)
            if sheet is None:
                raise NothingToPostError(f"No icon of server {plan.guild_id} got a vote in the last seven days.")
            return sheet
        return await self._icons.draw(None, plan.count, where=where, kind=GenerationKind.DAILY, model_id=plan.model_id)

    async def _credited(self, schedule: ScheduleView, sheet: Sheet, outlet: Outlet) -> Sheet:
        """The sheet with the votes of the week, and who found each icon."""
        if schedule.plan.content is not PostContent.TOP:
            return sheet
        where = Origin(schedule.plan.guild_id, schedule.plan.channel_id, schedule.plan.user_id)
        visible = outlet.visible(schedule)
        return await self._favorites.credit(sheet, where, visible=visible, since=self._clock() - WEEK)


async def _to_its_end(work: Coroutine[object, object, None]) -> None:
    """Await short work that a cancellation must not cut in two; the cancellation comes through afterwards."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
