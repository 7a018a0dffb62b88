"""How a run's progress reaches people and programs: a bar in the terminal, or JSON lines on stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from generator.checkpoint import Figure
from train.fit import figures_in_words


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
            _Remaining(),
            TextColumn("[dim]loss G {task.fields[generator]:.2f} D {task.fields[discriminator]:.2f}"),
            console=console,
        )
        self._task = self._progress.add_task(
            goal, total=1.0, kimg=0.0, speed=0.0, generator=0.0, discriminator=0.0, eta_seconds=None
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def tick(self, record: Mapping[str, Any]) -> None:
        """Move the bar."""
        self._progress.update(
            self._task,
            completed=record["share"],
            kimg=record["kimg"],
            speed=record["images_per_second"],
            eta_seconds=record["eta_seconds"],
            generator=record["loss_generator"],
            discriminator=record["loss_discriminator"],
        )

    def evaluated(self, record: Mapping[str, Any]) -> None:
        """Leave a line above the bar."""
        figures = figures_in_words({name: Figure(**figure) for name, figure in record["metrics"].items()})
        best = " [green]best so far[/]" if record["best"] else ""
        self._progress.console.print(f"{record['kimg']:>8.1f} kimg  {figures}{best}", highlight=False)
