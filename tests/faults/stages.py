"""Ends a process at the n-th step by which it changes something outside of itself: for every n, one after the other.

A step is the opening of a file for writing, a flush to the disk, a rename, a folder made or taken away, a file taken away, a
process begun, and the commit of a transaction, before and after. Python tells of each of them (audit events, see PEP
578); what SQLite does within a commit is its own, and `tests/faults/power.py` looks at that.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate"}


def each_step(folder: Path, act: Callable[[str, str], None]) -> None:
    """Tell `act` of each step in a folder, what and where, before it is taken. It may raise, or end the process.

    Python forgets no audit hook, so call this in a process of its own, which ends without cleaning up.
    """
    within = str(folder)

    def hear(name: str, details: tuple[Any, ...]) -> None:
        if name == "open":
            path, _, flags = details
            if isinstance(flags, int) and flags & WRITING and isinstance(path, str) and path.startswith(within):
                act(name, path)
        elif name == "subprocess.Popen":
            act(name, "")
        elif name in CHANGES and str(details[0]).startswith(within):
            act(name, str(details[0]))

    flush = os.fsync

    def fsync(handle: int) -> None:
        path = str(Path(f"/proc/self/fd/{handle}").readlink())
        if path.startswith(within):
            act("fsync", path)
        flush(handle)

    sys.addaudithook(hear)
    os.fsync = fsync  # type: ignore[assignment]  # files are flushed by their number here
    event.listen(Engine, "commit", lambda _: act("commit", "before"))
    event.listen(Session, "after_commit", lambda _: act("commit", "after"))


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

    def act(_: str, __: str) -> None:
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
