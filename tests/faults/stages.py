"""Ends a process at the n-th step by which it changes something outside of itself: for every n, one after the other.

A step is the opening of a file for writing, a flush to the disk, a rename, a folder made or taken away, a file taken
away, a process begun, and the commit of a transaction, before and after. Python tells of each of them (audit events,
see PEP 578); what SQLite does within a commit is its own, and `tests/faults/powerless.py` looks at that.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = {"os.rename": 2, "os.mkdir": 2, "os.remove": 1, "os.rmdir": 1}
"""Audit events of changes, and where among their details the open folder stands that a path begins in, if any."""


@dataclass(frozen=True)
class Step:
    """What is about to happen: the name of the audit event, or "fsync" or "commit"."""

    kind: str
    path: str = ""
    to: str = ""
    """Where a rename leads."""


def each_step(folder: Path, act: Callable[[Step], None]) -> None:
    """Tell `act` of each step in a folder, before it is taken. It may raise, or end the process.

    Python forgets no audit hook, so call this in a process of its own.
    """
    within = str(folder)

    def tell(step: Step) -> None:
        if step.path.startswith(within) or not step.path:
            act(step)

    def hear(name: str, details: tuple[Any, ...]) -> None:
        if name == "open" and isinstance(details[2], int) and details[2] & WRITING and isinstance(details[0], str):
            tell(Step(name, details[0]))
        elif name == "subprocess.Popen":
            act(Step(name))
        elif name in CHANGES:
            inside = details[CHANGES[name]]
            path = _absolute(details[0], inside)
            tell(Step(name, path, _absolute(details[1], details[3]) if name == "os.rename" else ""))

    flush = os.fsync

    def fsync(handle: int) -> None:
        tell(Step("fsync", str(Path(f"/proc/self/fd/{handle}").readlink())))
        flush(handle)

    sys.addaudithook(hear)
    os.fsync = fsync  # type: ignore[assignment]  # files are flushed by their number here
    event.listen(Engine, "commit", lambda _: act(Step("commit")))
    event.listen(Session, "after_commit", lambda _: act(Step("commit")))


def _absolute(path: Any, inside: int) -> str:
    """The whole path of one that may begin in an open folder, as `shutil.rmtree` names what it takes away."""
    text = os.fsdecode(path)
    return text if inside < 0 or text.startswith("/") else f"{Path(f'/proc/self/fd/{inside}').readlink()}/{text}"


def killed_at(step: int, folder: Path, work: Callable[[], None]) -> bool:
    """Do the work in a forked process that is killed (SIGKILL) at that step, from 1 on; False: it had ended before.

    Raises RuntimeError when the work itself fails.
    """
    child = os.fork()
    if not child:
        _die_at(step, folder, work)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    if status:
        raise RuntimeError(f"A process that was not killed has failed with {os.waitstatus_to_exitcode(status)}.")
    return False


def _die_at(step: int, folder: Path, work: Callable[[], None]) -> None:
    left = step

    def act(_: Step) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        each_step(folder, act)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def forked(work: Callable[[], None]) -> None:
    """Do something in a forked process, which leaves nothing in this one. Raises RuntimeError when it fails."""
    if killed_at(0, Path("/nowhere"), work):
        raise RuntimeError("Nobody should have killed that process.")
