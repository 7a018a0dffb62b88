"""Runs tests that are experiments themselves again and again, each time in another order.

    python -m tests.faults.again --times 20

Clocks that jump, zones whose rules change, crashes at each stage, databases that hang or go, memory that is too small,
training that diverges: what they try, `docs/reliability.md` says. `times`: rounds of all of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

from tests.faults.findings import Finding, alone, among
from tests.house import ROOT

SUITES = {
    "clocks that jump, zones that change their rules": ("tests/bot/daily/test_clocks.py",),
    "each date in each zone there is": ("tests/bot/daily/test_calendar.py",),
    "crashes at each stage of a post, two processes": ("tests/bot/daily/test_crashes.py",),
    "adopting while models are deleted, or another process adopts": ("tests/bot/models/test_adopting.py",),
    "memory that is too small, weights that are no numbers": (
        *("tests/generator/test_studio.py", "tests/train/run/test_fit.py", "tests/train/run/test_stopping.py"),
        *("-k", "memory or room or diverge or divergence or not_taken_for_that"),
    ),
}


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """Each suite, `times` times."""
    for what, chosen in SUITES.items():
        ends, tests = Counter[str](), 0
        for order in range(seed, seed + times):
            command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.faults.shuffle", *chosen]
            environment = {**os.environ, "TEST_ORDER": str(order)}
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
            passed = re.search(r"(\d+) passed", done.stdout)
            tests = int(passed[1]) if passed else tests
            failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
            ends[f"all {tests} pass" if not done.returncode else f"order {order}: {' '.join(failed)}"] += 1
        yield among(what, ends, (f"all {tests} pass",))


if __name__ == "__main__":
    alone("again", experiment, 1)
