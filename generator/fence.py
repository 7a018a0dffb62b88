"""A process of its own for files from strangers, within limits that the system holds.

What decodes a picture or draws an SVG cannot be interrupted, may take all memory and may crash, so it does that where
nothing else is lost. The process runs a module of ours that calls `serve`; its limits are of processor time, of memory
and, `without_files`, of what it can open: no file and no connection. On Windows, which has none of these limits, only
WALL_SECONDS ends a request, and who asks for `without_files` is refused.

A request is a length, then so many bytes. An answer is whether it is good and a length, then so many bytes.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

if sys.platform != "win32":
    import resource

REQUEST, ANSWER = struct.Struct(">I"), struct.Struct(">?I")

WALL_SECONDS = 60
"""Longest wait for an answer, also on a machine that is busy with other things."""
ANSWER_LIMIT = 2**28
"""Bytes of an answer; more than any picture of ours has."""

_ROOT = Path(__file__).resolve().parents[1]
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What such a process gets of the environment, beside where this code lies."""
_OPEN_FILES = 3
"""Standard input, output and errors."""


@dataclass(frozen=True)
class Limits:
    """Of one process: `seconds` of processor time for one request, `memory` in bytes that it can address."""

    seconds: int
    memory: int


class RefusedError(Exception):
    """What a request cannot be answered with, said inside the process and raised again outside of it."""


class EndedError(Exception):
    """The process has ended instead of answering. `slow`: by its limit of time; otherwise it crashed."""

    def __init__(self, *, slow: bool) -> None:
        super().__init__("takes too long" if slow else "the process has ended")
        self.slow = slow


class Fence:
    """Runs a module while entered. The process starts with the first request, and anew after one that ended it."""

    def __init__(self, module: str) -> None:
        self._command = (sys.executable, "-P", "-m", module)
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The number of the process, None while none runs."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the process. A request that waits meanwhile raises EndedError; a later one would start it again."""
        process = self._process
        if process is not None:
            process.kill()
        with self._turn:
            if self._process is not None and self._process is process:
                self._end(self._process)

    def ask(self, request: bytes) -> bytes:
        """The answer to a request, which waits for its turn. Blocking. Raises RefusedError and EndedError."""
        with self._turn:
            process = self._process = self._process or self._start()
            expired = threading.Event()

            def expire() -> None:
                expired.set()
                process.kill()

            watch = threading.Timer(WALL_SECONDS, expire)
            watch.daemon = True
            watch.start()
            try:
                good, answer = _exchange(process, request)
            except (OSError, EOFError):
                process.kill()
                self._end(process)
                raise EndedError(slow=_is_out_of_time(process.returncode) or expired.is_set()) from None
            finally:
                watch.cancel()
        if not good:
            raise RefusedError(answer.decode("utf-8", "replace"))
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return subprocess.Popen(  # noqa: S603 - our own command
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # One thread for each library: those of more take memory that the limit counts.
            env={**kept, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C in our terminal does not reach it: it ends when its input does
        )

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for a process that ends, and close what led to it."""
        self._process = None
        with suppress(BrokenPipeError), process:  # what it has not read of a request is lost
            pass


def _exchange(process: subprocess.Popen[bytes], request: bytes) -> tuple[bool, bytes]:
    """Raises EOFError and OSError when the process is gone, or says what no process of ours says."""
    assert process.stdin is not None  # noqa: S101 - for the type checker: pipes were asked for
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(REQUEST.pack(len(request)))
    process.stdin.write(request)
    process.stdin.flush()
    head = process.stdout.read(ANSWER.size)
    if len(head) < ANSWER.size:
        raise EOFError
    good, length = ANSWER.unpack(head)
    if length > ANSWER_LIMIT:
        raise EOFError
    answer = process.stdout.read(length)
    if len(answer) < length:
        raise EOFError
    return good, answer


def serve(answer: Callable[[bytes], bytes], limits: Limits) -> None:
    """Inside the process: answer requests until there are no more. `answer` raises RefusedError with its reason."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    if sys.platform != "win32":
        with suppress(OSError):
            os.nice(10)  # whoever waits for a chat's answer goes first
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_AS, limits.memory)
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        if sys.platform != "win32":
            used = resource.getrusage(resource.RUSAGE_SELF)
            _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + limits.seconds)
        try:
            good, content = True, answer(requests.read(*REQUEST.unpack(head)))
        except RefusedError as error:
            good, content = False, str(error).encode("utf-8", "replace")
        except BaseException as error:  # a panic of the SVG renderer is no Exception
            good, content = False, f"cannot be read ({type(error).__name__})".encode()
        answers.write(ANSWER.pack(good, len(content)))
        answers.write(content)
        answers.flush()


@contextmanager
def without_files() -> Iterator[None]:
    """Nothing can be opened while entered: the three files that are open are as many as there may be."""
    if sys.platform != "win32":
        before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))
    else:
        raise RefusedError("needs limits that this system does not have")


def _limit(kind: int, value: int) -> None:
    if sys.platform != "win32":
        with suppress(ValueError, OSError):  # a system without this limit, or with a lower one
            resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))


def _is_out_of_time(code: int | None) -> bool:
    """Whether a process has ended with this code at its limit of processor time."""
    return sys.platform != "win32" and code == -signal.SIGXCPU
