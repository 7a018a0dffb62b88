"""The card of a retraining, drawn from a state by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.db.models import NOBODY
from bot.db.retraining import IconSource, JobState
from bot.retraining.card import BAD, GOOD, MOST_FIGURES, _figures, bar, retrain_card
from bot.retraining.desk import JobStatus, Phase
from bot.retraining.gate import Verdict
from bot.retraining.jobs import JobView, Order
from bot.retraining.process import Progress
from bot.talk.delivery import ACCENT
from bot.talk.texts import Texts
from generator.card import Figure
from tests.bot.world import BUTTON, MEDIA_GALLERY, TEXT, walk

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = Order(1, 2, 3, "en-US", IconSource.CURRENT, added=False, kimg=None, minutes=30.0)
JOB = JobView(
    *(1, ORDER, 5, None, JobState.WAITING, None, None, {}, None),
    baseline="m1-aaaa",
    model=None,
    model_id=None,
    place=None,
)
TRAINING = JobStatus(
    replace(JOB, state=JobState.RUNNING), Phase.TRAINING, Progress(run=Path("run"), kimg=0.5), None, resumable=False
)


def drawn(status: JobStatus) -> list[dict[str, Any]]:
    """The components of a card, the container first."""
    return list(walk(shown(status)[0].to_components()))


def shown(status: JobStatus) -> tuple[Any, list[discord.File]]:
    return retrain_card(status, Texts.load(), "en-US", NOW)


def text_of(status: JobStatus) -> str:
    return "\n".join(each["content"] for each in drawn(status) if each["type"] == TEXT)


def over(**changes: Any) -> JobStatus:
    """A job that no longer trains."""
    return JobStatus(replace(JOB, **changes), None, Progress(), None, resumable=False)


@pytest.mark.parametrize("state", JobState)
def test_its_color_says_how_it_ended(state: JobState) -> None:
    ended = {JobState.ADOPTED: GOOD, JobState.DISCARDED: BAD, JobState.CANCELLED: BAD, JobState.FAILED: BAD}
    assert drawn(over(state=state))[0]["accent_color"] == ended.get(state, ACCENT).value


@pytest.mark.parametrize(
    ("verdict", "sentence", "style"),
    [
        (Verdict.BETTER, "It is closer to the icons than `m1-aaaa`.", discord.ButtonStyle.success),
        (Verdict.NOT_WORSE, "It is as close to the icons as `m1-aaaa`.", discord.ButtonStyle.success),
        (Verdict.UNKNOWN, "It could not be measured beside `m1-aaaa`.", discord.ButtonStyle.success),
        (Verdict.WORSE, "It is farther from the icons than `m1-aaaa`.", discord.ButtonStyle.secondary),
        (Verdict.COLLAPSED, "It draws nearly the same icon again and again.", discord.ButtonStyle.secondary),
        (Verdict.COPIES, "It copies its training icons.", discord.ButtonStyle.secondary),
    ],
)
def test_adopt_is_green_where_no_verdict_speaks_against_it(
    verdict: Verdict, sentence: str, style: discord.ButtonStyle
) -> None:
    status = over(verdict=verdict, metrics={"new": {"swd": Figure(value=2.0, real=1.0)}})
    assert f"{sentence} Look at both sheets" in text_of(status)
    buttons = [(each["label"], each["style"]) for each in drawn(status) if each["type"] == BUTTON]
    gray, red = discord.ButtonStyle.secondary.value, discord.ButtonStyle.danger.value
    assert buttons == [("Adopt", style.value), ("Discard", red), ("Figures", gray)]


def test_who_wished_to_be_forgotten_is_not_named() -> None:
    assert "<@3>" in text_of(TRAINING)
    forgotten = replace(TRAINING, job=replace(TRAINING.job, order=replace(ORDER, user_id=NOBODY)))
    assert "for somebody who wished to be forgotten" in text_of(forgotten)


def test_what_a_running_one_does() -> None:
    assert "Reading the icons …" in text_of(replace(TRAINING, phase=Phase.READING))
    assert "Measuring it beside" in text_of(replace(TRAINING, phase=Phase.MEASURING))
    timed = replace(TRAINING, progress=replace(TRAINING.progress, eta_seconds=60.0))
    assert text_of(timed).endswith(f"0.5 thousand pictures seen · done <t:{int(NOW.timestamp()) + 60}:R>")
    noted = replace(TRAINING, progress=replace(TRAINING.progress, note="*Back* to the best state. " + "x" * 900))
    *_, note = text_of(noted).splitlines()
    assert note.startswith("-# `*Back* to the best state. xxx")
    assert len(note) < 320


def test_a_picture_has_another_name_in_each_state() -> None:
    """Clients keep a picture that they know by its name."""
    later = replace(TRAINING, progress=replace(TRAINING.progress, kimg=1.5))
    compared = over(verdict=Verdict.WORSE)
    names, texts = set(), []
    for status in (TRAINING, later, compared):
        view, (file,) = shown(replace(status, picture=b"png"))
        (item,) = [
            item for each in walk(view.to_components()) if each["type"] == MEDIA_GALLERY for item in each["items"]
        ]
        assert item["media"]["url"] == f"attachment://{file.filename}"
        assert item["description"] == file.description
        names.add(file.filename)
        texts.append(str(file.description))
    assert len(names) == 3
    assert texts[0] == "Icons of fixed seeds, drawn by the model in training after 0.5 thousand pictures"
    assert texts[2].startswith("Icons of the same fixed seeds, drawn by m1-aaaa and by the new model")


def test_figures_that_only_the_new_model_has() -> None:
    new = {name: Figure(value=2.0, real=1.0) for name in ("swd", *"abcdefgh")}
    lines = _figures(new, {"swd": Figure(value=3.0, real=1.0)}, Texts.load(), "en-US")
    assert lines[:2] == ["`swd`: 2, running model 3, real icons 1", "`a`: 2, running model -, real icons 1"]
    assert len(lines) == MOST_FIGURES


@pytest.mark.parametrize(("share", "full"), [(0, 0), (0.04, 0), (0.06, 1), (0.5, 5), (0.94, 9), (0.96, 10), (1, 10)])
def test_a_bar_is_as_full_as_the_nearest_tenth(share: float, full: int) -> None:
    drawn = bar(share, 10)
    assert len(drawn) == 10
    assert drawn.count(bar(1, 1)) == full
