"""Presets side by side: what each is, what it reached in the same time, what that cost, and how soon it was good."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from generator.card import Figure
from generator.quality import SCORED, ratio, score
from train.metrics.membership import Membership
from train.report.charts import number, thousands
from train.report.history import FIGURES, History, duration

FACTORS = (4.0, 2.0, 1.5)
"""Multiples of the real figures: when a run first went below them is told."""
NEVER = "-"
"""What stands where there is no figure."""
REALS = "real icons"

HEADS = {
    "swd": "SWD",
    "swd_white": "SWD, white",
    "swd_dark": "SWD, dark",
    "kid": "KID",
    "form": "form",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "ms_ssim": "MS-SSIM",
    "nearest": "nearest",
    "nearest_low": "nearest 5 %",
    "copies": "copies",
}
"""The figures' names above narrow columns; others stand under their own."""


@dataclass(frozen=True)
class Anatomy:
    """What the networks of a preset are, trained or not."""

    generator: int
    """Parameters."""
    helper: int
    """Parameters of what it learns with and a bundle does not need: discriminator, guide, encoder."""
    gflop: float
    """Of drawing one icon; a multiplication and an addition count as two."""


@dataclass(frozen=True)
class Reached:
    """What a run has come to."""

    kimg: float
    seconds: float
    """Of training, and of the evaluations up to its last step."""
    images_per_second: float
    best_kimg: float
    """Where the state was taken that is shown and judged."""
    figures: Mapping[str, Figure]
    told_apart: Membership | None
    sooner: Mapping[str, Sequence[float | None]]
    """For each figure in SCORED the seconds until it was first below each of FACTORS, or None."""
    sheet: Image.Image
    """RGB, the same seeds for all."""
    note: str = ""
    """How the run ended, unless it was by reaching its goal."""


@dataclass(frozen=True)
class Entry:
    """One preset of a comparison."""

    label: str
    anatomy: Anatomy | None = None
    reached: Reached | None = None
    said: str = ""
    """Why it was not trained, or why there is nothing to show."""


@dataclass(frozen=True)
class Comparison:
    """All of it."""

    name: str
    facts: Sequence[str]
    """What is the same for all: short texts for one line."""
    entries: Sequence[Entry]
    reals: Image.Image
    """Training icons, as many as a sheet shows."""
    price: float | None
    """USD for an hour."""
    price_note: str
    """What that price stands for."""

    def cost(self, seconds: float) -> float | None:
        """USD for so many seconds."""
        return None if self.price is None else self.price * seconds / 3600


@dataclass(frozen=True)
class Line:
    """A row of a table: cells, or a sentence in their place."""

    label: str
    cells: Sequence[str] = ()
    said: str = ""
    is_best: bool = False


@dataclass(frozen=True)
class Table:
    """A table as page and poster show it; the first column holds the labels."""

    title: str
    note: str
    head: Sequence[str]
    lines: Sequence[Line]


def seconds_until(history: History) -> dict[str, list[float | None]]:
    """For each figure in SCORED that was taken, when a state was first below each of FACTORS times the real one."""
    found = {}
    for name in FIGURES:
        if name in SCORED and any(name in one.figures for one in history.evaluations):
            told = [
                (trained_seconds(history, one.kimg), Figure(value=one.figures[name][0], real=one.figures[name][1]))
                for one in history.evaluations
                if name in one.figures
            ]
            found[name] = [next((at for at, one in told if ratio(name, one) < factor), None) for factor in FACTORS]
    return found


def trained_seconds(history: History, kimg: float = math.inf) -> float:
    """Seconds until a run had come so far, or to its last step: what is measured and drawn of that state comes after.

    To a second, as runs tell it; one that was over before takes its first record from there on.
    """
    told = [tick["seconds"] for tick in history.ticks if tick["kimg"] <= kimg]
    return told[-1] if told else next((at for so_far, at in history.clock if so_far >= kimg), history.clock[-1][1])


def tables(comparison: Comparison) -> list[Table]:
    """The figures, what they cost, and when they were reached; where no preset has a model, what they would cost."""
    trained = [entry.reached for entry in comparison.entries if entry.reached is not None]
    if not trained:
        return [_costs(comparison)]
    return [_figures(comparison.entries, trained), _costs(comparison), _sooner(comparison.entries)]


def _figures(entries: Sequence[Entry], trained: Sequence[Reached]) -> Table:
    names = _names(trained)
    told_apart = next((one.told_apart for one in trained if one.told_apart), None)
    head = ["x real", *(HEADS.get(name, name) for name in names), *(["membership"] if told_apart else [])]
    reals = {name: one.figures[name].real for one in trained for name in one.figures}
    real = ["1", *(number(reals[name]) for name in names)]
    note = (
        "x real: form as a multiple of that of real icons. Lower is better of it, SWD, KID, form and copies; higher "
        "of precision, recall and coverage. MS-SSIM far above that of real icons: icons are all alike; "
        "nearest far below: copies."
    )
    if told_apart:
        low, high = told_apart.by_chance
        real.append(f"{number(told_apart.real)} ± {number(told_apart.spread)}")
        note += (
            f" Membership: how often a training icon is nearer to a sample than one of {told_apart.held_out} held out; "
            f"{low:.2f} to {high:.2f} is chance."
        )

    def cells(one: Reached) -> Iterator[str]:
        yield number(math.exp(score(one.figures)))
        yield from (number(one.figures[name].value) if name in one.figures else NEVER for name in names)
        if told_apart:
            yield number(one.told_apart.value) if one.told_apart else NEVER

    lowest = min(score(one.figures) for one in trained)
    lines = [
        Line(each.label, list(cells(each.reached)), is_best=score(each.reached.figures) == lowest)
        if each.reached
        else Line(each.label, said=each.said)
        for each in entries
    ]
    return Table("Figures", note, head, [Line(REALS, real), *lines])


def _names(trained: Sequence[Reached]) -> list[str]:
    """The figures of icons that nobody chose, the known ones first."""
    found = {name for one in trained for name in one.figures if not name.startswith("chosen_")}
    return [*(name for name in FIGURES if name in found), *sorted(found - FIGURES.keys())]


def _costs(comparison: Comparison) -> Table:
    head = ["generator", "beside it", "GFLOP an icon", "images/s", "seen", "time", "USD"]
    lines = []
    for entry in comparison.entries:
        if entry.anatomy is None:
            lines.append(Line(entry.label, said=entry.said))
            continue
        size = [_millions(entry.anatomy.generator), _millions(entry.anatomy.helper), number(entry.anatomy.gflop)]
        run = [NEVER] * 4
        if (reached := entry.reached) is not None:
            cost = comparison.cost(reached.seconds)
            run = [number(reached.images_per_second), thousands(reached.kimg), duration(reached.seconds)]
            run.append(NEVER if cost is None else number(cost))
        lines.append(Line(entry.label, [*size, *run]))
    note = (
        "Parameters of the networks; GFLOP of drawing one icon, where a multiplication and an addition count as two; "
        f"time up to the last step, with evaluations on the way. {comparison.price_note}"
    )
    return Table("What it takes", note, head, lines)


def _millions(parameters: int) -> str:
    return f"{number(parameters / 1e6)} M" if parameters else NEVER


def _sooner(entries: Sequence[Entry]) -> Table:
    names = [name for name in FIGURES if name in SCORED]
    head = [f"{HEADS[name]} < {factor:g}x" for name in names for factor in FACTORS]
    lines = []
    for entry in entries:
        if entry.reached is not None:
            times = [at for name in names for at in entry.reached.sooner.get(name, [None] * len(FACTORS))]
            lines.append(Line(entry.label, [NEVER if at is None else duration(at) for at in times]))
    note = "When a state of the run was first, by the fewer samples of its evaluations, below so many times real icons."
    return Table("How soon", note, head, lines)


def sheets(comparison: Comparison) -> Iterator[tuple[str, str, Image.Image]]:
    """Titles, notes and sheets, training icons first."""
    yield "Training icons", "what all were shown", comparison.reals
    for entry in comparison.entries:
        if entry.reached is not None:
            state = f"the best state, of {thousands(entry.reached.best_kimg)}"
            yield entry.label, f"{state}; {entry.reached.note}" if entry.reached.note else state, entry.reached.sheet
