"""The card of a retraining: how far it is, what it draws, what became of it; and its buttons, which outlive the bot."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import discord

from bot.db.models import NOBODY
from bot.db.retraining import IconSource, JobState
from bot.retraining.desk import JobStatus, Phase
from bot.retraining.gate import Verdict
from bot.retraining.service import RetrainService
from bot.talk.acknowledging import Reply, acknowledge
from bot.talk.answering import tell, tell_all
from bot.talk.buttons import ROW, Button, Pressed, button, layout
from bot.talk.delivery import ACCENT, picture
from bot.talk.fitting import fit
from bot.talk.interaction import Interaction
from bot.talk.operators import is_operator, require_operator
from bot.talk.refusals import Refusal
from bot.talk.texts import Texts
from bot.talk.words import base36, code
from generator.card import Figure

GOOD, BAD = discord.Color(0x3BA55D), discord.Color(0x747F8D)
BAR_LENGTH, MOST_FIGURES = 20, 6

_SOURCES = {
    IconSource.CURRENT: ("retrain.current", "retrain.current"),
    IconSource.SERVER: ("retrain.server", "retrain.server_added"),
    IconSource.FILES: ("retrain.files", "retrain.files_added"),
}
"""What a job trains on, instead of the current set and added to it."""

_TITLES = {
    JobState.QUEUED: "retrain.title_queued",
    JobState.RUNNING: "retrain.title_running",
    JobState.WAITING: "retrain.title_waiting",
    JobState.ADOPTED: "retrain.title_adopted",
    JobState.DISCARDED: "retrain.title_discarded",
    JobState.CANCELLED: "retrain.title_cancelled",
    JobState.FAILED: "retrain.title_failed",
}

_COLORS = {JobState.ADOPTED: GOOD, JobState.DISCARDED: BAD, JobState.CANCELLED: BAD, JobState.FAILED: BAD}

_VERDICTS = {
    Verdict.BETTER: "retrain.verdict_better",
    Verdict.NOT_WORSE: "retrain.verdict_not_worse",
    Verdict.WORSE: "retrain.verdict_worse",
    Verdict.COLLAPSED: "retrain.verdict_collapsed",
    Verdict.COPIES: "retrain.verdict_copies",
    Verdict.UNKNOWN: "retrain.verdict_unknown",
}


_AGAINST = {Verdict.WORSE, Verdict.COLLAPSED, Verdict.COPIES}
"""Verdicts that speak against a model."""


class Action(StrEnum):
    """What a button of the card does."""

    CANCEL = "cancel"
    ADOPT = "adopt"
    DISCARD = "discard"
    RESUME = "resume"
    FIGURES = "figures"


_LABELS = {
    Action.CANCEL: ("button.retrain_cancel", discord.ButtonStyle.secondary),
    Action.ADOPT: ("button.retrain_adopt", discord.ButtonStyle.success),
    Action.DISCARD: ("button.retrain_discard", discord.ButtonStyle.danger),
    Action.RESUME: ("button.retrain_resume", discord.ButtonStyle.primary),
    Action.FIGURES: ("button.figures", discord.ButtonStyle.secondary),
}

_BUTTONS: Mapping[JobState, tuple[Action, ...]] = {
    JobState.QUEUED: (Action.CANCEL,),
    JobState.RUNNING: (Action.CANCEL,),
    JobState.WAITING: (Action.ADOPT, Action.DISCARD),
}


class JobButton(Pressed[Button], template=rf"mj:job:(?P<action>cancel|adopt|discard|resume|figures):{ROW}"):
    """A button of a retraining's card."""

    def __init__(self, item: Button, match: re.Match[str]) -> None:
        super().__init__(item, match)
        self.reply = Reply.PRIVATE if match["action"] == Action.FIGURES else Reply.UPDATE

    async def act(self, interaction: Interaction) -> None:
        """Do what the button says, and show what has become of the job."""
        service = interaction.client.service(RetrainService)
        action, job_id = Action(self.match["action"]), int(self.match["row"], 36)
        if action is Action.FIGURES:
            await acknowledge(interaction)
            job = (await service.desk.status(job_id)).job
            new, old = job.metrics.get("new", {}), job.metrics.get("old", {})
            lines = _figures(new, old, interaction.client.texts, str(interaction.locale))
            await tell_all(interaction, lines, between="\n")
            return
        if action is Action.CANCEL:
            job = (await service.desk.status(job_id)).job
            if job.order.user_id != interaction.user.id and not is_operator(interaction):
                raise Refusal("error.retrain_cancel")
        else:
            require_operator(interaction)
        await acknowledge(interaction)
        match action:
            case Action.CANCEL:
                await service.cancel(job_id, interaction.user.id)
            case Action.ADOPT:
                version = await service.adopt(job_id)
                await self._tell(interaction, "retrain.adopted", version=code(version))
            case Action.DISCARD:
                await service.discard(job_id)
                await self._tell(interaction, "retrain.title_discarded", id=job_id)
            case Action.RESUME:
                await service.resume(job_id)

    async def _tell(self, interaction: Interaction, key: str, **parameters: str | int) -> None:
        """Tell who pressed what has become of it: the card may be shown later."""
        await tell(interaction, interaction.client.texts.say(key, str(interaction.locale), **parameters))


def retrain_card(
    status: JobStatus, texts: Texts, locale: str, now: datetime
) -> tuple[discord.ui.LayoutView, list[discord.File]]:
    """The layout of a job, and the picture that it names, if there is one."""
    job, say = status.job, texts.say
    title = say(_TITLES[job.state], locale, id=job.id)
    text = f"### {title}\n{_order(status, texts, locale)}\n{_state(status, texts, locale, now)}"
    container = discord.ui.Container[discord.ui.LayoutView](
        discord.ui.TextDisplay(text), accent_color=_COLORS.get(job.state, ACCENT)
    )
    files = []
    if status.picture is not None:
        key = "retrain.alt_compared" if job.verdict else "retrain.alt"
        alt = say(key, locale, kimg=f"{status.progress.kimg:.1f}", version=job.baseline or "")
        # A name of its own for each state: clients keep a picture that they know by its name.
        name = f"mojigan-retraining-{job.id}-{job.state}-{status.progress.kimg:.0f}.png"
        files.append(discord.File(io.BytesIO(status.picture), name, description=alt))
        container.add_item(picture(name, alt))
    actions = (Action.RESUME,) if status.resumable else _BUTTONS.get(job.state, ())
    if job.state is JobState.RUNNING and job.cancelled_by is not None:
        actions = ()
    row = [_button(action, job.id, texts, locale, urged=job.verdict not in _AGAINST) for action in actions]
    if job.metrics.get("new"):
        row.append(_button(Action.FIGURES, job.id, texts, locale))
    if row:
        container.add_item(discord.ui.ActionRow(*row))
    return layout(container), files


def _button(action: Action, job_id: int, texts: Texts, locale: str, *, urged: bool = True) -> Button:
    """A button; one that would adopt a model against the verdict is not `urged`, and gray."""
    key, style = _LABELS[action]
    if action is Action.ADOPT and not urged:
        style = discord.ButtonStyle.secondary
    return button(texts.say(key, locale), "job", action, base36(job_id), style=style)


def bar(share: float, length: int = BAR_LENGTH) -> str:
    """A share of 0 to 1 as a bar of characters."""
    full = round(share * length)
    return "▰" * full + "▱" * (length - full)


def _order(status: JobStatus, texts: Texts, locale: str) -> str:
    order = status.job.order
    icons = texts.say(_SOURCES[order.source][order.added], locale)
    if order.kimg is not None:
        goal = texts.say("retrain.goal_kimg", locale, kimg=f"{order.kimg:g}")
    else:
        goal = texts.say("retrain.goal_minutes", locale, minutes=f"{order.minutes:g}")
    user = texts.say("privacy.somebody", locale) if order.user_id == NOBODY else f"<@{order.user_id}>"
    return texts.say("retrain.order", locale, icons=icons, goal=goal, user=user)


def _state(status: JobStatus, texts: Texts, locale: str, now: datetime) -> str:
    job, progress, say = status.job, status.progress, texts.say
    verdict = say(_VERDICTS[job.verdict], locale, version=code(job.baseline or "?")) if job.verdict else ""
    match job.state:
        case JobState.QUEUED:
            return say("retrain.place", locale, place=job.place) if job.place else say("retrain.next", locale)
        case JobState.RUNNING if job.cancelled_by is not None:
            return say("retrain.stopping", locale)
        case JobState.RUNNING:
            return _progress(status, texts, locale, now)
        case JobState.WAITING:
            return f"{verdict} {say('retrain.waiting', locale)}"
        case JobState.ADOPTED:
            return f"{say('retrain.adopted', locale, version=code(job.model or '?'))} {verdict}"
        case JobState.FAILED:
            reason = code(job.error) if job.error else say("retrain.died", locale)
            lines = [reason, say("retrain.unchanged", locale)]
            if status.resumable:
                lines.append(say("retrain.resumable", locale, kimg=f"{progress.kimg:.1f}"))
            return "\n".join(lines)
        case _:
            return say("retrain.unchanged", locale)


def _progress(status: JobStatus, texts: Texts, locale: str, now: datetime) -> str:
    progress, say = status.progress, texts.say
    if status.phase is Phase.READING:
        return say("retrain.reading", locale)
    if status.phase is Phase.MEASURING:
        return say("retrain.measuring", locale)
    lines = [f"{bar(progress.share)} **{progress.share:.0%}**".replace("%", " %")]
    figures = [say("retrain.kimg", locale, kimg=f"{progress.kimg:.1f}")]
    if progress.images_per_second is not None:
        figures.append(say("retrain.speed", locale, speed=f"{progress.images_per_second:.0f}"))
    if progress.eta_seconds is not None:
        end = discord.utils.format_dt(now + timedelta(seconds=progress.eta_seconds), "R")
        figures.append(say("retrain.eta", locale, end=end))
    lines.append(" · ".join(figures))
    if progress.note:
        lines.append(f"-# {code(fit(progress.note, 300))}")
    return "\n".join(lines)


def _figures(new: Mapping[str, Figure], old: Mapping[str, Figure], texts: Texts, locale: str) -> list[str]:
    """A line for each figure of the new model, with that of the running one and of real icons."""
    lines = []
    for name, figure in list(new.items())[:MOST_FIGURES]:
        before = f"{old[name].value:.3g}" if name in old else "-"
        now, real = f"{figure.value:.3g}", f"{figure.real:.3g}"
        lines.append(texts.say("retrain.figure", locale, name=code(name), new=now, old=before, real=real))
    return lines
