"""A disk that forgets at a power cut: from the steps of a program, the states that it may be left in.

What is modeled: a file's content is certain once it was flushed, until then it may be missing, half there, zeros, or
whole. What happens in a folder (a file made, renamed, taken away, a folder made) is certain once the folder was
flushed; until then any number of its changes may be lost, the later ones first. Folders forget independently of each
other, so a new folder may be gone, with all that was flushed in it, until the one above it was flushed. A rename is
whole or not.
What is not: changes of one folder that come to the disk out of order, and disks that lie about a flush.
"""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tests.faults.stages import Step

MOST_STATES = 256
"""That are looked at after one step; more are drawn by lot."""

State: TypeAlias = tuple[tuple[str, bytes | None], ...]
"""The paths that are there, in order, and what is in each; None: a folder."""


@dataclass(eq=False)
class File:
    """A file: what is certain, and what a program has in it."""

    certain: bytes = b""
    path: Path | None = None
    """Where it can be read; None: flushed, and not opened since."""

    def contents(self) -> list[bytes]:
        """All that may be found after a power cut."""
        if self.path is None:
            return [self.certain]
        live = self.path.read_bytes() if self.path.is_file() else self.certain
        return list(dict.fromkeys([self.certain, live[: len(live) // 2], bytes(len(live)), live]))


@dataclass(eq=False)
class Folder:
    """A folder: what is certain, and changes since then, each of names to what they stand for from then on."""

    certain: dict[str, File | Folder] = field(default_factory=dict)
    changes: list[dict[str, File | Folder | None]] = field(default_factory=list)

    def entries(self, count: int | None = None) -> dict[str, File | Folder]:
        """What stands in it after so many of its changes."""
        found: dict[str, File | Folder | None] = dict(self.certain)
        for change in self.changes[:count]:
            found |= change
        return {name: entry for name, entry in found.items() if entry is not None}


class Disk:
    """Follows a program in a folder, whose present state is certain."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.top = _read(root)

    def follow(self, step: Step) -> None:
        """Note what is about to happen. A step that will fail, or change nothing, is none."""
        path = Path(step.path)
        if step.kind == "fsync":
            self._flush(path)
            return
        if path == self.root or not path.parent.is_dir():
            return
        folder = self._folder(path.parent)
        entry = folder.entries().get(path.name)
        if step.kind == "open":
            if not isinstance(entry, File):
                entry = File()
                folder.changes.append({path.name: entry})
            entry.path = path
        elif step.kind == "os.mkdir" and entry is None:
            folder.changes.append({path.name: Folder()})
        elif step.kind in ("os.remove", "os.rmdir") and entry is not None:
            folder.changes.append({path.name: None})
        elif step.kind == "os.rename" and entry is not None:
            target = Path(step.to)
            if target.parent != path.parent:
                raise NotImplementedError("A rename from one folder to another is not modeled.")
            if isinstance(entry, File) and entry.path is not None:
                entry.certain, entry.path = entry.path.read_bytes(), None  # no program here renames what is not flushed
            folder.changes.append({path.name: None, target.name: entry})

    def _flush(self, path: Path) -> None:
        if path.is_dir():
            folder = self._folder(path)
            folder.certain, folder.changes = folder.entries(), []
            return
        entry = self._folder(path.parent).entries()[path.name]
        if isinstance(entry, File):
            entry.certain, entry.path = path.read_bytes(), None

    def _folder(self, path: Path) -> Folder:
        found: File | Folder = self.top
        for part in path.relative_to(self.root).parts:
            assert isinstance(found, Folder)
            found = found.entries()[part]
        assert isinstance(found, Folder)
        return found

    def states(self, chance: random.Random) -> Iterator[State]:
        """All states that a power cut now may leave, or MOST_STATES of them."""
        folders = [each for each in _all(self.top) if each.changes]
        counts = [range(len(each.changes) + 1) for each in folders]
        ways = list(itertools.islice(itertools.product(*counts), 100_000))
        for way in ways if len(ways) <= MOST_STATES else chance.sample(ways, MOST_STATES):
            yield from _written(self.top, dict(zip(map(id, folders), way, strict=True)))


def materialize(state: State, place: Path) -> None:
    """Put a state into a folder, in the place of what is there."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name, content in state:
        if content is None:
            (place / name).mkdir()
        else:
            (place / name).write_bytes(content)


def _read(path: Path) -> Folder:
    return Folder({each.name: _read(each) if each.is_dir() else File(each.read_bytes()) for each in path.iterdir()})


def _all(folder: Folder) -> Iterator[Folder]:
    """All folders that there may be, also those that were taken away since."""
    yield folder
    for entry in {id(each): each for each in (*folder.certain.values(), *_changed(folder))}.values():
        if isinstance(entry, Folder):
            yield from _all(entry)


def _changed(folder: Folder) -> Iterator[File | Folder]:
    for change in folder.changes:
        yield from (each for each in change.values() if each is not None)


def _written(folder: Folder, counts: dict[int, int], prefix: str = "") -> Iterator[State]:
    """The states of a folder in which so many changes of each folder came to the disk."""
    parts: list[list[State]] = []
    for name, entry in sorted(folder.entries(counts.get(id(folder), 0)).items()):
        path = f"{prefix}{name}"
        if isinstance(entry, File):
            parts.append([((path, content),) for content in entry.contents()])
        else:
            parts.append([((path, None), *rest) for rest in _written(entry, counts, f"{path}/")])
    for chosen in itertools.product(*parts):
        yield tuple(itertools.chain.from_iterable(chosen))
