"""Stands in for `python -m train`: says what the real one says, as a file of the test tells it, without any training.

The plan is `plan.json` beside this process's first argument: `bundle` to hand out as the result, `fails` with a
sentence, `waits` until there is a file `go`, `deaf` to the wish to stop, `figures` of the "new" and the "old" model.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

LONGEST = 300.0
"""Seconds that it waits: it outlives the test that has started it, as a training outlives its bot."""


def say(event: str, **more: object) -> None:
    print(json.dumps({"event": event, **more}), flush=True)  # noqa: T201 - that is its trade


def option(arguments: list[str], name: str) -> str | None:
    return arguments[arguments.index(name) + 1] if name in arguments else None


def fit(arguments: list[str], plan: dict[str, Any], folder: Path) -> int:
    with (folder / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    resumed = option(arguments, "--resume")
    run = Path(resumed or f"{option(arguments, '--runs')}/0001-sagan-icons")
    if resumed is None:
        (run / "sheets").mkdir(parents=True)
        (run / "state").mkdir()

    def stop(_: int, __: FrameType | None) -> None:
        say("stopped", run=str(run), kimg=0.5)
        sys.exit(0)

    signal.signal(signal.SIGTERM, signal.SIG_IGN if plan.get("deaf") else stop)
    say("start", run=str(run), kimg=1.0, minutes=None)
    say("a line of a later version", kimg="?")
    say("tick", kimg=0.5, share=0.5, images_per_second=123.4, eta_seconds=60)
    shutil.copy(Path(plan["bundle"]) / "samples.png", run / "sheets" / "000.500-kimg.png")
    say("evaluation", kimg=0.5, metrics={}, sheet="sheets/000.500-kimg.png", best=True)
    over = time.monotonic() + LONGEST
    while plan.get("waits") and not (folder / "go").exists():
        if time.monotonic() > over:
            return 1
        time.sleep(0.01)
    if plan.get("fails") and resumed is None:
        print("Run folder: somewhere\n" + plan["fails"], file=sys.stderr)  # noqa: T201
        return 1
    shutil.copytree(plan["bundle"], run / "best")
    say("end", reason="goal", sentence="The goal is reached.", kimg=1.0)
    say("done", run=str(run), kimg=1.0)
    return 0


def evaluate(arguments: list[str], plan: dict[str, Any]) -> int:
    if "figures" not in plan or "--icons" not in arguments:
        print("Missing option '--icons'.", file=sys.stderr)  # noqa: T201
        return 2
    side = "new" if "jobs" in Path(arguments[1]).parts else "old"
    print(json.dumps({"figures": plan["figures"][side], "icons": 40}))  # noqa: T201
    return 0


def main() -> int:
    folder = Path(sys.argv[1])
    plan: dict[str, Any] = json.loads((folder / "plan.json").read_text())
    arguments = sys.argv[2:]
    return evaluate(arguments, plan) if arguments[0] == "evaluate" else fit(arguments, plan, folder)


if __name__ == "__main__":
    sys.exit(main())
