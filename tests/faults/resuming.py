"""SIGKILL at random moments of `python -m train fit`, each time gone on with, against the run that was never stopped.

    python -m tests.faults.resuming --times 20

A real process trains a small network and is killed at a random moment, then another one resumes, and is killed again,
until the goal is reached. Weights, figures and best bundles must be the same, bit for bit. `times`: kills.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch

from generator.checkpoint import read_bundle
from tests.conftest import draw_icon
from tests.faults.findings import Finding, alone
from tests.house import ROOT
from train.run.folder import BEST, LATEST, Run

TINY = ("--batch", "4", "--width", "8", "--size", "32", "--device", "cpu", "--progress", "jsonl", "--hold-out", "0.2")
GOAL = ("--kimg", "0.4", "--evaluate-every", "0.1")
MOST_LINES, LONGEST = 8, 0.5
"""Lines that it says before the kill, and seconds after the last of them."""

CODE = """
import sys, torch
torch.set_num_threads(1)
from train.run import sitting
from train.doors import fit
sitting.SAVE_SECONDS, sitting.SAMPLES, fit.write_run_report = 0.1, 16, lambda _: None
from train.__main__ import app
app(sys.argv[1:])
"""
"""`python -m train`, which saves often, and measures little."""


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """Runs with kills, until there were so many, each against the same run without one."""
    chance, kills, ends = random.Random(seed), Counter[str](), Counter[str]()  # noqa: S311
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "icons").mkdir()
        for number in range(20):
            draw_icon(number, 32).save(folder / "icons" / f"{number:02}.png")
        begin = ["fit", "--icons", str(folder / "icons"), *GOAL, *TINY, "--runs"]
        _train([*begin, str(folder / "whole")])
        whole = _run_of(folder / "whole")
        for number in range(1, times + 1):
            if kills.total() >= times:
                break
            runs = folder / f"killed-{number}"
            while True:
                found = [*runs.glob("0*/options.json")]
                arguments = (
                    ["fit", "--resume", str(found[0].parent), "--progress", "jsonl"] if found else [*begin, str(runs)]
                )
                end = _train(arguments, chance if kills.total() < times else None)
                if end == "done":
                    break
                kills[end] += 1
            ends[_compare(whole, _run_of(runs))] += 1
    told = ", ".join(f"{many} {end}" for end, many in sorted((kills + ends).items()))
    yield Finding(
        "train fit, killed and resumed",
        kills.total(),
        told,
        kills.total() >= times and set(ends) == {"the same, bit for bit"},
    )


def _train(arguments: list[str], chance: random.Random | None = None) -> str:
    """Train to the end, or to a kill at a moment by chance. Raises RuntimeError when it fails by itself."""
    with subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if chance is not None:
            lines = [process.stdout.readline() for _ in range(chance.randint(1, MOST_LINES))]
            time.sleep(chance.uniform(0, LONGEST))
            process.send_signal(signal.SIGKILL)
            rest, _ = process.communicate()
            if process.returncode == -signal.SIGKILL:
                last = ("".join(lines) + rest).rpartition('"event": "')[2].partition('"')[0]
                return f"killed after {last or 'nothing'}"
        _, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(errors.strip().splitlines()[-1])
    return "done"


def _run_of(runs: Path) -> Path:
    (run,) = (each.parent for each in runs.glob("0*/options.json"))
    return run


def _compare(whole: Path, killed: Path) -> str:
    """What differs between two runs: weights, figures, which bundle is the best, and all that goes on from there."""
    for name in (BEST, LATEST):
        expected, got = read_bundle(whole / name), read_bundle(killed / name)
        if got.card.kimg != expected.card.kimg or got.card.metrics != expected.card.metrics:
            return f"{name}: another card"
        if not all(torch.equal(got.generator[key], value) for key, value in expected.generator.items()):
            return f"{name}: other weights"
    with Run.open(whole) as first, Run.open(killed) as second:
        states = first.load_state(), second.load_state()
    if any(state is None for state in states):
        return "no state"
    (one, _), (other, _) = (state for state in states if state is not None)
    same = one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
    return "the same, bit for bit" if same else "another state"


if __name__ == "__main__":
    alone("resuming", experiment, 6)
