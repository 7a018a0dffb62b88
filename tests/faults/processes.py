"""Trains in two processes, again and again, and counts how they end.

    python -m tests.faults.processes --times 10

Each time `torchrun` starts two processes that train for a few steps. The code is 1 when one of them did not end with
code 0, or left threads of torch behind, which may find no interpreter and abort.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from tests.conftest import draw_icon

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
FIT = ("-m", "tests.train.adversary.briefly", "fit", "--size", "32", "--width", "8", "--batch", "4", "--kimg", "0.02")


def main(times: Annotated[int, typer.Option(min=1, help="Trainings.")] = 10) -> None:
    """Train, and count."""
    ends = Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        icons, runs = Path(name) / "icons", Path(name) / "runs"
        icons.mkdir()
        for number in range(24):
            draw_icon(number, 32).save(icons / f"{number:02}.png")
        where = ("--icons", str(icons), "--runs", str(runs), "--device", "cpu", "--progress", "jsonl")
        for _ in track(range(times), "Training"):
            command, environment = [sys.executable, *TORCHRUN, *FIT, *where], {**os.environ, "OMP_NUM_THREADS": "1"}
            result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            left = "threads left" if "still running" in result.stderr else "nothing left"
            ends[f"code {result.returncode}, {left}"] += 1
    Console().print(dict(ends))
    sys.exit(set(ends) != {"code 0, nothing left"})


if __name__ == "__main__":
    typer.run(main)
