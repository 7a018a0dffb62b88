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
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import draw_icon
from tests.faults.findings import Finding, alone, among

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
FIT = ("-m", "tests.train.adversary.briefly", "fit", "--size", "32", "--width", "8", "--batch", "4", "--kimg", "0.02")


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """Train, and count."""
    del seed
    ends = Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        icons, runs = Path(name) / "icons", Path(name) / "runs"
        icons.mkdir()
        for number in range(24):
            draw_icon(number, 32).save(icons / f"{number:02}.png")
        where = ("--icons", str(icons), "--runs", str(runs), "--device", "cpu", "--progress", "jsonl")
        for _ in range(times):
            command, environment = [sys.executable, *TORCHRUN, *FIT, *where], {**os.environ, "OMP_NUM_THREADS": "1"}
            result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            left = "threads left" if "still running" in result.stderr else "nothing left"
            ends[f"code {result.returncode}, {left}"] += 1
    yield among("a training in two processes by torchrun", ends, ("code 0, nothing left",))


if __name__ == "__main__":
    alone("processes", experiment, 3)
