"""What an experiment finds: what was tried, how often, what came out, and whether the promise holds; and its door."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Finding:
    """One line of the table."""

    what: str
    times: int
    came_out: str
    holds: bool


Experiment: TypeAlias = Callable[[int, int], Iterable[Finding]]
"""Told how often, and with which seed of chance; hands its findings out one by one."""


def among(what: str, ends: Counter[str], good: Iterable[str], *, needed: str | None = None) -> Finding:
    """A finding that holds where every end begins as a good one does, and there is one that is `needed`."""
    beginnings = tuple(good)
    told = ", ".join(f"{many:,} {end}" for end, many in sorted(ends.items())) or "nothing"
    holds = bool(ends) and all(end.startswith(beginnings) for end in ends) and (needed is None or ends[needed] > 0)
    return Finding(what, ends.total(), told, holds)


def table(title: str, findings: Iterable[Finding]) -> Table:
    """The findings for people."""
    shown = Table(title=title, title_justify="left", box=None, padding=(0, 3, 0, 0), header_style="bold")
    shown.add_column("", overflow="fold", max_width=64)
    shown.add_column("times", justify="right")
    shown.add_column("what came out", overflow="fold")
    shown.add_column("")
    for each in findings:
        shown.add_row(each.what, f"{each.times:,}", each.came_out, "holds" if each.holds else "[bold red]BROKEN")
    return shown


def alone(name: str, experiment: Experiment, times: int) -> None:
    """The door of one experiment; the code is 1 when something does not hold."""
    usual = times

    def main(
        times: Annotated[int, typer.Option(min=1, help="How often; the file says what is counted.")] = usual,
        seed: Annotated[int, typer.Option(help="What chance begins with.")] = 0,
        out: Annotated[Path | None, typer.Option("--json", help="Write the findings to this file.")] = None,
    ) -> None:
        logging.disable(logging.CRITICAL)  # what the bot says of faults is looked at where it matters
        console, began, found = Console(), time.monotonic(), list[Finding]()
        with console.status(f"Trying: {name}"):
            found.extend(experiment(times, seed))
        if out is not None:
            out.write_text(json.dumps([dataclasses.asdict(each) for each in found]))
        console.print(table(f"{name}, {time.monotonic() - began:.0f} s", found))
        raise typer.Exit(not all(each.holds for each in found))

    main.__doc__ = f"Try: {name}."
    typer.run(main)
