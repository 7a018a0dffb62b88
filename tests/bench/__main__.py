"""Measures the bot under load, and says which bars hold: a table, and JSON for programs.

    make bench                                          all of it, some minutes
    python -m tests.bench --only answering --json b.json one part

Compare figures within one run only: machines differ, and so do their days. The code is 1 when a bar is missed.
"""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from tests.bench import answering, drawing, searching, starting
from tests.bench.figures import Figure


class Part(StrEnum):
    """What can be measured alone."""

    DRAWING = "drawing"
    ANSWERING = "answering"
    SEARCHING = "searching"
    STARTING = "starting"


def main(
    only: Annotated[list[Part] | None, typer.Option(help="Measure this part; may be given again.")] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    icons: Annotated[int, typer.Option(min=640, help="Icons that are drawn while memory is watched.")] = 10_000,
) -> None:
    """Measure, show, and write down."""
    console = Console()
    parts: dict[Part, Callable[[], list[Figure]]] = {
        Part.DRAWING: drawing.measure,
        Part.ANSWERING: lambda: answering.measure(icons),
        Part.SEARCHING: searching.measure,
        Part.STARTING: starting.measure,
    }
    found: dict[str, list[Figure]] = {}
    for part in only or Part:
        with console.status(f"Measuring: {part}"):
            found[part] = parts[part]()
        console.print(_table(part, found[part]))
    if out is not None:
        document = {part: [dataclasses.asdict(each) for each in figures] for part, figures in found.items()}
        machine = {"machine": platform.platform(), "python": platform.python_version(), "torch": torch.__version__}
        out.write_text(json.dumps({**machine, **document}, indent=2) + "\n")
    missed = [each for figures in found.values() for each in figures if not each.holds]
    console.print(f"{len(missed)} bars are missed." if missed else "All bars hold.")
    raise typer.Exit(bool(missed))


def _table(part: str, figures: list[Figure]) -> Table:
    table = Table(title=part, title_justify="left", box=None, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("")  # this one alone folds in a narrow terminal
    table.add_column("figure", justify="right", no_wrap=True)
    for name in ("", "bar", ""):
        table.add_column(name, no_wrap=True)
    for each in figures:
        verdict = "" if not each.bar else "holds" if each.holds else "missed"
        table.add_row(
            each.what, f"{each.value:,.3g}" if each.value < 100 else f"{each.value:,.0f}", each.unit, each.bar, verdict
        )
    return table


if __name__ == "__main__":
    typer.run(main)
