"""A power cut after every step of what writes bundles, states, copies of models and the files of retrainings.

    python -m tests.faults.power

`tests/faults/disks.py` says what is modeled. Each state that may be left is put into a folder, and read as the next
start reads it: it must be the old or the new one, and the new one once the writer says that it is done. `times`: how
many states are looked at for each, in hundreds. The database has its own experiment: `tests/faults/powerless.py`.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from bot.models.copies import keep_copy
from bot.retraining.files import JobFolder
from generator.checkpoint import Bundle, read_bundle
from generator.files import BundleError
from generator.folders import write_file
from tests.bundles import write_like
from tests.faults.disks import Disk, State, materialize
from tests.faults.findings import Finding, alone, among
from tests.faults.ground import tiny_bundle
from tests.faults.stages import Step, each_step
from train.run.folder import Progress, Run, RunError

LATER = "9.9.9"
"""The version that writes the new bundle."""

GIVEN = [("a.png", b"first"), ("b.png", b"second"), ("set.zip", b"third")]


@dataclass(frozen=True)
class Writer:
    """What is tried: what stands there before, what is written, and how the next start reads what is left."""

    what: str
    before: Callable[[Path], object]
    write: Callable[[Path], object]
    read: Callable[[Path], str]
    old: str


def experiment(times: int, seed: int) -> Iterator[Finding]:
    """Each writer once; of the states, so many hundreds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recorder = _Recorder(folder)
        for number, writer in enumerate(_writers(read_bundle(tiny_bundle(folder / "tiny")))):
            root = folder / f"disk-{number}"
            root.mkdir()
            writer.before(root)
            during, after = recorder.states(root, writer.write, random.Random(seed), 100 * times)  # noqa: S311
            place = folder / "found"
            yield among(f"{writer.what}: power cut after each step", _found(writer, during, place), (writer.old, "new"))
            yield among(f"{writer.what}: power cut once it is done", _found(writer, after, place), ("new",))


def _found(writer: Writer, states: list[State], place: Path) -> Counter[str]:
    ends = Counter[str]()
    for state in states:
        materialize(state, place)
        ends[writer.read(place)] += 1
    return ends


class _Recorder:
    """Hears the steps of one writer after the other, and says in which states they may leave a disk."""

    def __init__(self, folder: Path) -> None:
        self._disk: Disk | None = None
        self._take: Callable[[Disk], None] = lambda _: None
        each_step(folder, self._hear)

    def _hear(self, step: Step) -> None:
        disk = self._disk
        if disk is None or not step.path.startswith(str(disk.root)):
            return
        self._disk = None  # what looking does is no step
        self._take(disk)
        disk.follow(step)
        self._disk = disk

    def states(
        self, root: Path, write: Callable[[Path], object], chance: random.Random, most: int
    ) -> tuple[list[State], list[State]]:
        """What may be left while something is written, each state once and at most so many, and when it is done."""
        seen: dict[State, None] = {}
        disk = self._disk = Disk(root)
        self._take = lambda disk: seen.update(dict.fromkeys(disk.states(chance)))
        write(root)
        self._disk = None
        during = list(seen)
        return chance.sample(during, most) if len(during) > most else during, list(dict.fromkeys(disk.states(chance)))


def _writers(bundle: Bundle) -> Iterator[Writer]:
    def read(path: Path) -> str:
        try:
            return "new" if read_bundle(path).card.code_version == LATER else "old"
        except BundleError as error:
            return f"unreadable: {error}"

    yield Writer(
        "a bundle in the place of another one",
        lambda root: write_like(bundle, root / "best"),
        lambda root: _write(bundle, root / "best"),
        lambda root: read(root / "best"),
        "old",
    )
    yield Writer(
        "the first model in a new data folder",
        lambda _: None,
        lambda root: keep_copy(bundle, root / "data"),
        lambda root: _kept(bundle, root / "data"),
        "copied again",
    )
    yield Writer(
        "a file", lambda root: write_file(root / "a", b"old"), lambda root: write_file(root / "a", b"new"), _file, "old"
    )
    yield Writer("a run begins", lambda _: None, _begin, lambda root: _run(root, 0), "not begun")
    yield Writer("a state of training in the place of another one", _begin, _go_on, lambda root: _run(root, 1), "old")
    yield Writer(
        "the icons that people give to /retrain",
        lambda _: None,
        lambda root: JobFolder(root / "jobs" / "1").save(GIVEN),
        _given,
        "not all",
    )


def _write(bundle: Bundle, path: Path) -> None:
    card = bundle.card.model_copy(update={"code_version": LATER})
    write_like(replace(bundle, card=card), path)


def _kept(bundle: Bundle, data: Path) -> str:
    try:
        whole = read_bundle(data / "models" / bundle.digest[:12]).digest == bundle.digest
    except BundleError:
        whole = False
    if whole:
        return "new"
    return "copied again" if keep_copy(bundle, data).digest == bundle.digest else "another"


def _file(root: Path) -> str:
    return (root / "a").read_text()


def _begin(root: Path) -> None:
    with Run.create(root / "runs", "x", {}, np.zeros((1, 4, 4, 3), np.uint8)) as run:
        run.save_state({"a": torch.zeros(100)}, Progress(steps=0))


def _go_on(root: Path) -> None:
    with Run.open(root / "runs" / "0001-x") as run:
        run.save_state({"a": torch.ones(100)}, Progress(steps=1))


def _run(root: Path, steps: int) -> str:
    try:
        with Run.open(root / "runs" / "0001-x") as run:
            run.icons()
            found = run.load_state()
    except RunError as error:
        return "not begun" if "not a run folder" in str(error) else str(error)
    if found is None:
        return "not begun"
    if float(found[0]["a"][0]) != found[1].steps:
        return "mixed"
    return "new" if found[1].steps == steps else "old"


def _given(root: Path) -> str:
    folder = root / "jobs" / "1"
    found = sorted(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    return "new" if found == sorted(content for _, content in GIVEN) else "not all"


if __name__ == "__main__":
    alone("power", experiment, 3)
