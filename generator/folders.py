"""Folders that are swapped in whole. After a crash one of the two is there, or `recover_folder` finds it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

SWAP_LOCK = ".swap.lock"
"""The file beside a folder that is swapped, locked meanwhile."""


def require_empty(folder: Path) -> None:
    """Raise FileExistsError, whose parts make a sentence, unless the folder is empty or does not exist yet."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        reason = "there is something here already; name a folder that is new or empty"
        raise FileExistsError(errno.EEXIST, reason, str(folder))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file in the OSError of a write: the system names it at opening only, and not where the disk is full."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it that lack, flushed to the disk: after a power cut they are there with it."""
    new = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in new:
        _sync_folder(each.parent)


def swap_in_folder(path: Path, contents: Mapping[str, bytes]) -> None:
    """Write files into a new folder, flush them to the disk, and put it in the place of the folder at `path`.

    Two renames do it, so that for a moment nothing stands there: who reads meanwhile has to look twice.
    """
    make_folder(path.parent)
    fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        for name, content in contents.items():
            with writing(path / name), (fresh / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        fresh.chmod(0o755)  # mkdtemp makes folders that only their owner can read
        _sync_folder(fresh)
        retired = fresh.with_name(fresh.name + "-retired")
        with _alone_in(path.parent):
            if path.exists():
                path.rename(retired)
            fresh.rename(path)
        _sync_folder(path.parent)
        shutil.rmtree(retired, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def write_file(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it to the disk, and put it there: a crash leaves one of the two."""
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with writing(path), fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    _sync_folder(path.parent)


def recover_folder(path: Path) -> None:
    """Clear up after a swap that a crash cut short: bring the retired folder back when nothing stands at `path`."""
    restore_folder(path)
    for folder in path.parent.glob(f".{path.name}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def restore_folder(path: Path) -> None:
    """Bring back what stood at `path` where a kill came between the two renames of a swap. Anybody may call it."""
    with contextlib.suppress(OSError):  # nothing to be found here, or nothing to be changed
        if path.exists():
            return
        if not _retired(path):
            return
        with _alone_in(path.parent):  # not while a swap goes on
            if not path.exists():
                _retired(path)[-1].rename(path)


def _retired(path: Path) -> list[Path]:
    """What stood at `path` before swaps that were cut short, the newest last."""
    return sorted(path.parent.glob(f".{path.name}-*-retired"), key=lambda folder: folder.stat().st_mtime)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until nobody else renames in this folder; the lock goes with the process that holds it."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # a file system without locks
            stack.enter_context(FileLock(folder / SWAP_LOCK))
            stack.callback(_remove, folder / SWAP_LOCK)
        yield


def _remove(lock: Path) -> None:
    """Leave no lock beside the folder. Who waits for it notices that the file has gone, and locks a new one."""
    with contextlib.suppress(OSError):  # Windows removes none that is open
        lock.unlink()


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":  # which opens no folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
