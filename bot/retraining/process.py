"""`python -m train` as a process of its own: started, followed by the file that it writes, stopped, found again.

The process outlives the bot. It locks a file (`child.py`), so whether it still runs is never guessed from its number;
what it says goes into files of the job's folder, which can be read again from the beginning at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

import generator
from bot.retraining import child
from bot.retraining.child import LOCK, PROCESS, STOP

COMMAND = ("-m", "train")
"""What Python runs."""
PROGRESS, ERRORS = "progress.jsonl", "errors.txt"
DEATH_SECONDS = 10.0
"""How long a process that was killed may take to be gone: a moment, but on a busy machine."""
LOOK_SECONDS = 0.02
NICENESS = 10
"""Added to the process's priority number: the bot's own work goes first."""

if sys.platform == "win32":
    APART = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.BELOW_NORMAL_PRIORITY_CLASS
else:
    APART = 0  # start_new_session and NICENESS do it
"""Ctrl-C in the bot's terminal, and the bot's end, do not reach a process."""

NEEDED = frozenset(("PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD", "VIRTUAL_ENV"))
NEEDED_PREFIXES = (
    *("LC_", "XDG_", "PYTHON", "OMP_", "MKL_", "KMP_", "GOMP_", "OPENBLAS_"),
    *("TORCH_", "PYTORCH_", "CUDA_", "CUBLAS_", "NVIDIA_", "NCCL_", "ROCR_", "HIP_", "HSA_"),
)
"""Variables that a training is given: of the system, of Python, and of what computes. Nothing else leaves the bot."""

_BEGIN = 'printf "%s" "$$" > "$0" && exec "$@"'
"""For a shell: it writes down its number, which is the training's, before that begins. The bot might die in between."""

NOT_A_REASON = ("Run folder:",)
"""Beginnings of lines on stderr that say nothing of what went wrong."""

_PROJECT = Path(generator.__file__).parents[1]


class TrainerError(Exception):
    """A process that could not be started, or that failed: one sentence."""


class Event(BaseModel):
    """One line of the progress, as far as it is used here; `train/run/progress.py` says what the lines hold."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    event: str
    run: str | None = None
    kimg: float | None = None
    share: float | None = None
    images_per_second: float | None = None
    eta_seconds: float | None = None
    sheet: str | None = None
    sentence: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a training is, from the lines read so far."""

    run: Path | None = None
    """The run folder, once the icons are read."""
    kimg: float = 0.0
    share: float = 0.0
    """0 to 1."""
    images_per_second: float | None = None
    eta_seconds: float | None = None
    sheet: Path | None = None
    """The newest picture of the fixed seeds."""
    note: str | None = None
    """What the last alarm, or the end, says of itself."""
    finished: bool = False
    """Training is over: there is a result."""

    def after(self, event: Event) -> Progress:
        """The progress with one more line; events that are unknown change nothing."""
        match event.event:
            case "start":  # its kimg is the goal
                return replace(self, run=Path(event.run) if event.run else self.run, finished=False)
            case "tick":
                return replace(
                    self._at(event), images_per_second=event.images_per_second, eta_seconds=event.eta_seconds
                )
            case "evaluation":
                return replace(
                    self._at(event), sheet=self.run / event.sheet if self.run and event.sheet else self.sheet
                )
            case "rollback" | "end":
                return replace(self, note=event.sentence or self.note)
            case "done":
                return replace(self._at(event), finished=True)
            case "stopped":
                return self._at(event)
        return self

    def _at(self, event: Event) -> Progress:
        share = self.share if event.share is None else min(max(event.share, 0.0), 1.0)
        return replace(self, kimg=self.kimg if event.kimg is None else event.kimg, share=share)


class Training:
    """The training of one job folder. Its methods are short and blocking, except where they are coroutines."""

    def __init__(self, folder: Path, command: Sequence[str] = COMMAND) -> None:
        self.folder = folder
        self.progress = Progress()
        self._command = command
        self._offset = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, arguments: Sequence[str]) -> None:
        """Start the process. Raises TrainerError."""
        try:
            (self.folder / STOP).unlink(missing_ok=True)
            with self._append(PROGRESS) as progress, self._append(ERRORS) as errors:
                self._process = subprocess.Popen(  # noqa: S603 - our own command, and options from an enumeration
                    [sys.executable, "-m", child.__name__, self.folder.absolute(), *self._command, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=progress,
                    stderr=errors,
                    env=_environment(),
                    start_new_session=True,
                    creationflags=APART,
                )
        except OSError as error:
            raise TrainerError(f"The training could not be started ({error.strerror or error}).") from error
        _be_nice(self._process.pid)

    def forget(self) -> None:
        """Know no longer of a process that has ended: the next one is about to begin."""
        (self.folder / PROCESS).unlink(missing_ok=True)

    def has_begun(self) -> bool:
        """Whether there is, or was, a process: the bot may have died after it took the job, and before that.

        One that has not come to its lock yet is not seen; a second one then finds the lock taken, and ends.
        """
        return self.is_alive() or (self.folder / PROCESS).exists()

    def is_alive(self) -> bool:
        """Whether the process runs, also one that an earlier bot has started."""
        if self._child() is not None:  # also before it has come to lock the file
            return True
        if not self.folder.is_dir():  # the lock would make it
            return False
        try:
            with FileLock(self.folder / LOCK, timeout=0):
                return False
        except Timeout:
            return True

    def read(self) -> Progress:
        """Read the lines that are new."""
        try:
            with (self.folder / PROGRESS).open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            return self.progress
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            with contextlib.suppress(ValidationError):  # a line that a crash cut off
                self.progress = self.progress.after(Event.model_validate_json(line))
        return self.progress

    def stop(self) -> None:
        """Ask it to save and end. Nothing happens when it no longer runs."""
        with contextlib.suppress(OSError):
            (self.folder / STOP).touch()

    def kill(self) -> None:
        """End it at once, with all that it has started, and see it gone. Nothing happens when it no longer runs."""
        if not self.is_alive():
            return
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            own = self._child()
            pid = own.pid if own is not None else int(json.loads((self.folder / PROCESS).read_text())["pid"])
            if sys.platform == "win32":
                os.kill(pid, signal.SIGTERM)  # what ends a process there, whatever it does
            else:
                os.killpg(pid, signal.SIGKILL)
            end = time.monotonic() + DEATH_SECONDS
            while self.is_alive() and time.monotonic() < end:  # the next one in this folder needs its lock
                time.sleep(LOOK_SECONDS)

    def reason(self) -> str | None:
        """Why it ended, as it said itself in the last line on stderr; None when it said nothing of use."""
        if self._process is not None and (self._process.poll() or 0) < 0:
            return None  # killed: its last line is about something else
        try:
            lines = (self.folder / ERRORS).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            return None
        last = lines[-1].strip() if lines else ""
        return None if not last or last.startswith(NOT_A_REASON) else last.replace(f"{self.folder.absolute()}/", "")

    def leave(self) -> None:
        """Let the process go on without this bot."""
        if self._process is not None and self._process.poll() is None:
            threading.Thread(target=self._process.wait, daemon=True).start()  # as no zombie, when it ends

    def _append(self, name: str) -> IO[bytes]:
        return (self.folder / name).open("ab")

    def _child(self) -> subprocess.Popen[bytes] | None:
        """The process, if this bot has started it and it runs. A child that nobody asks after stays a zombie."""
        return self._process if self._process is not None and self._process.poll() is None else None


async def run_command(arguments: Sequence[str], command: Sequence[str] = COMMAND) -> str:
    """Run `python -m train ...` to its end and give back what it printed. Raises TrainerError with its last line."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(),
            start_new_session=True,
            creationflags=APART,
        )
    except OSError as error:
        raise TrainerError(f"{sys.executable} could not be started ({error.strerror or error}).") from error
    _be_nice(process.pid)
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise TrainerError(lines[-1].strip() if lines else f"It ended with code {process.returncode}.")
    return output.decode(errors="replace")


def _be_nice(pid: int) -> None:
    with contextlib.suppress(OSError):  # it may be over already
        if sys.platform != "win32":  # which has APART for that
            os.setpriority(os.PRIO_PGRP, pid, NICENESS)


def _environment() -> dict[str, str]:
    """What a training needs of the environment, which holds secrets, and this code in reach from any folder."""
    kept = {name: value for name, value in os.environ.items() if name in NEEDED or name.startswith(NEEDED_PREFIXES)}
    path = [str(_PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(path)}
