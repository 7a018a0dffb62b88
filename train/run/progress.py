"""How a run's progress reaches people and programs: a bar in the terminal, or JSON lines on stdout.

The lines of `--progress jsonl`: one object each, flushed at once; `event` says what it is. Readers skip events and
fields that they do not know. Numbers are finite; `seconds` are of the run, over all its sittings.

    start       run: the run folder; kimg, minutes: the goal (both null: until patience ends it); held_out: icons
    tick        about once a second. seconds, kimg, share (0 to 1), images_per_second, eta_seconds (null: no end is
                set), loss_generator, loss_discriminator (not of an autoencoder, whose loss_generator is reconstruction)
    evaluation  seconds, kimg, metrics {name: {value, real}}, score (lower is better), sheet (a file in the run folder),
                best (whether best/ is this one), reconstruction (of an autoencoder: root mean square errors, 0 to 1, of
                icons in training and held_out), alarm (only if there is one), sentence (what the alarm saw)
    rollback    after an alarm, back to the best state: seconds, kimg, alarm (collapse, copying or divergence), to_kimg
                (where that state was taken), rate_scale (factor of the learning rates from here on), rollbacks (so
                far, of at most three), sentence
    end         seconds, kimg, reason (goal, stopped, patience or alarms), rollbacks, best_kimg, sentence
    done        the last line of a run that is over, whatever the reason: run, reason, steps, kimg, seconds, rollbacks.
                The exit code is 0 and best/ holds a bundle
    stopped     the last line of a run that was asked to stop and can go on: the same fields. The exit code is 0

A run that ends by an error says so in one sentence on stderr, and exits with 1 (training went wrong before there was
any bundle worth keeping) or 2 (options or files). The events from tick to end stand in `stats.jsonl`, too.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from generator.card import Figure
from generator.quality import deciding


class Reporter(Protocol):
    """Who is told of a run's progress; what the records hold stands above."""

    def tick(self, record: Mapping[str, Any]) -> None:
        """About once a second."""

    def evaluated(self, record: Mapping[str, Any]) -> None:
        """After an evaluation."""

    def busy(self, what: str) -> None:
        """Something other than training begins: "measuring", "writing"."""

    def told(self, event: str, record: Mapping[str, Any]) -> None:
        """At a rollback, a note and the end: the record has a sentence."""


class JsonLines:
    """One JSON object a line on stdout, for the program that started the training."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def tick(self, record: Mapping[str, Any]) -> None:
        """About once a second."""
        self.write("tick", record)

    def evaluated(self, record: Mapping[str, Any]) -> None:
        """After an evaluation."""
        self.write("evaluation", record)

    def busy(self, what: str) -> None:
        """What is done between ticks is seen by the lines that follow it."""

    def told(self, event: str, record: Mapping[str, Any]) -> None:
        """At a rollback, a note and the end."""
        self.write(event, record)

    def write(self, event: str, record: Mapping[str, Any]) -> None:
        """Write one event at once."""
        try:
            sys.stdout.write(json.dumps({"event": event, **record}) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # Who started us is gone. The training is worth more than its listener: go on, and say it to nobody.
            sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # open to the end of the process


class _Remaining(ProgressColumn):
    """The time that is left, as the run itself reckons it."""

    def render(self, task: Task) -> Text:
        seconds = task.fields["eta_seconds"]
        if seconds is None:
            return Text("-:--", style="cyan")
        return Text(f"{seconds // 60}:{seconds % 60:02d} left", style="cyan")


class Bar:
    """A rich progress bar with kimg, images/s, time left and losses; evaluations stay above it as lines."""

    def __init__(self, console: Console, goal: str) -> None:
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("{task.fields[kimg]:.1f} kimg"),
            TextColumn("{task.fields[speed]:.0f} images/s"),
            _Remaining(Column(no_wrap=True)),
            TextColumn("[dim]{task.fields[losses]}"),
            console=console,
        )
        self._goal = goal
        self._task = self._progress.add_task(goal, total=1.0, kimg=0.0, speed=0.0, losses="", eta_seconds=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def tick(self, record: Mapping[str, Any]) -> None:
        """Move the bar."""
        sides = {"G": record["loss_generator"], "D": record.get("loss_discriminator")}
        self._progress.update(
            self._task,
            description=self._goal,
            completed=record["share"],
            kimg=record["kimg"],
            speed=record["images_per_second"],
            eta_seconds=record["eta_seconds"],
            losses=" ".join(("loss", *(f"{side} {loss:.2f}" for side, loss in sides.items() if loss is not None))),
        )

    def evaluated(self, record: Mapping[str, Any]) -> None:
        """Leave a line above the bar; the ratio is the score."""
        figures = {name: Figure(**figure) for name, figure in record["metrics"].items()}
        best = " [green]best so far[/]" if record["best"] else ""
        by = ", ".join(deciding(figures)) or "figures"
        ratio = f"{by} {math.exp(record['score']):.1f} times those of real icons"
        self._progress.console.print(
            f"{record['kimg']:>8.1f} kimg  {ratio}{best}  [dim]{_in_words(figures)}", highlight=False
        )

    def busy(self, what: str) -> None:
        """Say what is done instead of training, until the next tick."""
        # Without the losses, so that it fits into a terminal of 80 columns.
        self._progress.update(self._task, description=f"{self._goal}: {what}", losses="", refresh=True)

    def told(self, event: str, record: Mapping[str, Any]) -> None:
        """Leave the sentence of a rollback or a note above the bar; how it ended is said below."""
        if event in ("rollback", "note"):
            self._progress.console.print(Text(record["sentence"], style="yellow" if event == "rollback" else "dim"))


def _in_words(metrics: Mapping[str, Figure]) -> str:
    """Figures for a line of text, each beside its real-against-real."""
    return " · ".join(f"{name} {figure.value:.3g} (real {figure.real:.3g})" for name, figure in metrics.items())
