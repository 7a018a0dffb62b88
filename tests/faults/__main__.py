"""Breaks things on purpose, and says which promises hold: a table, and JSON for programs.

    make faults                                            all of it, about a quarter of an hour
    python -m tests.faults --only full --json f.json       some experiments
    python -m tests.faults.full --times 4                  one alone, as often as you like

Two experiments go on at a time, each in a process of its own, and those that measure time after them, alone. The code
is 1 when something does not hold.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tests.faults.findings import Finding, table


class Name(StrEnum):
    """The experiments, each a file beside this one, those that take longest first."""

    KILLS = "kills"
    FULL = "full"
    OUTAGES = "outages"
    COMMANDS = "commands"
    RIGHTS = "rights"
    FILES = "files"
    RESUMING = "resuming"
    AGAIN = "again"
    DATABASE = "database"
    POSTING = "posting"
    PROCESSES = "processes"
    POWERLESS = "powerless"
    POWER = "power"
    PICTURES = "pictures"


TIMED = {Name.PICTURES}
"""With a bar of seconds that others must not spoil."""


def main(
    only: Annotated[list[Name] | None, typer.Option(help="Try this one; may be given again.")] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Write the findings to this file.")] = None,
    at_once: Annotated[int, typer.Option(min=1, help="Experiments at a time.")] = 2,
) -> None:
    """Try, show, and write down."""
    console, began, names = Console(), time.monotonic(), only or list(Name)
    found: dict[str, list[Finding]] = {}
    with console.status("Trying"):
        for timed, workers in ((False, at_once), (True, 1)):
            chosen = [name for name in names if (name in TIMED) is timed]
            with ThreadPoolExecutor(workers) as pool:
                for name, (findings, seconds) in zip(chosen, pool.map(_apart, chosen), strict=True):
                    found[name] = findings
                    console.print(table(f"{name}, {seconds:.0f} s", findings))
    if out is not None:
        document = {name: [dataclasses.asdict(each) for each in findings] for name, findings in found.items()}
        machine = {"machine": platform.platform(), "python": platform.python_version()}
        out.write_text(json.dumps({**machine, **document}, indent=2) + "\n")
    broken = sum(not each.holds for findings in found.values() for each in findings)
    console.print(f"{time.monotonic() - began:.0f} s. " + (f"Broken: {broken}." if broken else "Everything holds."))
    raise typer.Exit(bool(broken))


def _apart(name: str) -> tuple[list[Finding], float]:
    """The findings of one experiment in a process of its own, and its seconds."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "findings.json"
        command = [sys.executable, "-m", f"tests.faults.{name}", "--json", str(out)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if out.exists():
            return [Finding(**each) for each in json.loads(out.read_text())], time.monotonic() - began
    said = (ended.stderr.strip().splitlines() or ["nothing"])[-1]
    return [Finding("the experiment itself", 1, f"ended with code {ended.returncode}: {said}", holds=False)], (
        time.monotonic() - began
    )


if __name__ == "__main__":
    typer.run(main)
