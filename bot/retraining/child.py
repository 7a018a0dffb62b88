"""Inside the process of a training: holds the lock of its folder, writes down its number, hears the wish to stop.

python -m bot.retraining.child FOLDER -m train fit ...
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

from filelock import FileLock, Timeout

from generator.folders import write_file

LOCK, PROCESS, STOP = "process.lock", "process.json", "stop"
"""Files of the folder: what is locked as long as the process lives, its number, and what asks it to stop."""

LOCK_SECONDS = 1.0
"""How long to wait for the lock: the bot has it for an instant when it looks."""
LOOK_SECONDS = 0.2


def main(folder: Path, command: list[str]) -> None:
    """Be what Python would be with these arguments, `-m MODULE ...` or `FILE ...`, under the lock of the folder."""
    lock = FileLock(folder / LOCK, thread_local=False)  # it goes with the process, however that ends
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        sys.exit("Another process is training in this folder.")
    with contextlib.suppress(OSError):  # a full disk: who has started it knows the number
        write_file(folder / PROCESS, json.dumps({"pid": os.getpid()}).encode())
    threading.Thread(target=_hear, args=(folder / STOP,), daemon=True).start()
    if command[0] == "-m":
        sys.argv = command[1:]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = command
        runpy.run_path(command[0], run_name="__main__")


def _hear(stop: Path) -> None:
    """Raise SIGTERM once the file is there: between processes, not every system has that signal."""
    while not stop.exists():
        time.sleep(LOOK_SECONDS)
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
