"""A run on disk: a numbered folder that describes itself and holds all that is needed to go on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from generator.folders import make_folder, recover_folder, swap_in_folder, write_file, writing
from train.data.names import slug
from train.run.guard import Watch

OPTIONS, STATS, ICONS, LOCK = "options.json", "stats.jsonl", "icons.safetensors", "run.lock"
START = "start.safetensors"
RECONSTRUCTIONS = "reconstructions.png"
STATE, BEST_STATE, LATEST, BEST, SHEETS = "state", "best-state", "latest", "best", "sheets"
STATE_TENSORS, STATE_RECORD = "state.safetensors", "state.json"
RUN_FORMAT = 1


class RunError(Exception):
    """A run folder that cannot be used: one sentence."""


@dataclass(frozen=True)
class Progress:
    """How far a run is, kept beside its state."""

    steps: int = 0
    kimg: float = 0.0
    seconds: float = 0.0
    """Wall-clock seconds of training and evaluation, over all sittings."""
    next_evaluation: int = 0
    """The step at which the next evaluation is due: decided by the last one, so that no stop moves it."""
    watch: Watch = field(default_factory=Watch)


class Run:
    """An open run folder, locked against a second process."""

    def __init__(self, path: Path, options: dict[str, Any]) -> None:
        self.path = path
        self.options = options
        self._lock = _lock(path)

    @classmethod
    def create(
        cls,
        root: Path,
        name: str,
        options: Mapping[str, Any],
        icons: NDArray[np.uint8],
        start: Mapping[str, torch.Tensor] | None = None,
    ) -> Run:
        """Make the next numbered folder, `0007-sagan-faces`, with its options, its icons and what it starts from.

        Raises RunError.
        """
        document = {"run_format": RUN_FORMAT, **options}
        try:
            make_folder(root)
            with FileLock(root / LOCK):  # two runs that start together get two numbers
                numbers = [int(found[0]) for folder in root.iterdir() if (found := re.match(r"\d+", folder.name))]
                path = root / f"{max(numbers, default=0) + 1:04d}-{slug(name)}"
                make_folder(path)
            (path / SHEETS).mkdir()
            write_file(path / ICONS, save_tensors({"icons": torch.from_numpy(icons)}))
            if start is not None:
                write_file(path / START, save_tensors(dict(start)))
            write_file(path / OPTIONS, _json(document))
        except OSError as error:
            reason = (
                f"the run folder cannot be written ({error.strerror}); nothing was begun, the icons are as they were"
            )
            raise RunError(f"{error.filename or root}: {reason}.") from error
        return cls(path, document)

    @classmethod
    def open(cls, path: Path) -> Run:
        """Open a run folder to go on. Raises RunError, with a sentence, when it is none or when it is in use."""
        try:
            options = json.loads((path / OPTIONS).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: this is not a run folder (no readable {OPTIONS}).") from error
        if not isinstance(options, dict) or options.get("run_format") != RUN_FORMAT:
            raise RunError(f"{path}: the run was written by another version of Mojigan and cannot go on here.")
        run = cls(path, options)
        for name in (STATE, BEST_STATE, LATEST, BEST):
            recover_folder(path / name)
        return run

    def change_options(self, changes: Mapping[str, Any]) -> None:
        """Put changed options in the place of the old ones, for this sitting and all that follow."""
        self.options |= changes
        write_file(self.path / OPTIONS, _json(self.options))

    def icons(self) -> NDArray[np.uint8]:
        """All icons, those held out among them, as the run began with them: `(N, size, size, channels)` uint8."""
        try:
            pixels: NDArray[np.uint8] = load_tensors((self.path / ICONS).read_bytes())["icons"].numpy()
        except (OSError, KeyError, SafetensorError) as error:
            raise RunError(f"{self.path / ICONS}: the run's icons cannot be read.") from error
        return pixels

    def start(self) -> dict[str, torch.Tensor] | None:
        """The generator's weights that the run started from, or None when it began with fresh ones."""
        if not (self.path / START).exists():
            return None
        try:
            return load_tensors((self.path / START).read_bytes())
        except (OSError, SafetensorError) as error:
            raise RunError(f"{self.path / START}: the weights that the run starts from cannot be read.") from error

    def save_state(self, tensors: Mapping[str, torch.Tensor], progress: Progress, name: str = STATE) -> None:
        """Write the state, or BEST_STATE, beside the old one, flush it, swap: a crash leaves one of the two."""
        content = save_tensors(dict(tensors))
        record = {"sha256": hashlib.sha256(content).hexdigest(), **asdict(progress)}
        try:
            swap_in_folder(self.path / name, {STATE_TENSORS: content, STATE_RECORD: _json(record)})
        except OSError as error:
            raise RunError(
                f"{self.path / name}: the state cannot be saved ({error.strerror}); {self.safe()}."
            ) from error

    def safe(self) -> str:
        """What is left when the run cannot be written any more, and what to do."""
        if not (self.path / STATE).exists():
            return "nothing was saved yet: make room, then begin anew"
        return f"what was saved before is safe: make room, then go on with python -m train fit --resume {self.path}"

    def load_state(self, name: str = STATE) -> tuple[dict[str, torch.Tensor], Progress] | None:
        """The state, or BEST_STATE, or None when the run ended before the first. Raises RunError for a damaged one."""
        folder = self.path / name
        if not folder.exists():
            return None
        try:
            record = json.loads((folder / STATE_RECORD).read_text(encoding="utf-8"))
            content = (folder / STATE_TENSORS).read_bytes()
            if hashlib.sha256(content).hexdigest() != record.pop("sha256"):
                raise RunError(f"{folder}: the state is damaged: its SHA-256 is not the recorded one.")
            watch = Watch(**record.pop("watch", {}))
            return load_tensors(content), Progress(**record, watch=watch)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise RunError(f"{folder}: the state cannot be read.") from error

    def append_stats(self, record: Mapping[str, Any]) -> None:
        """Add one line to `stats.jsonl`, after one that a crash cut short, if there is such a line."""
        with writing(self.path / STATS), (self.path / STATS).open("ab+") as file:
            file.seek(max(file.tell() - 1, 0))
            torn = file.read() not in (b"", b"\n")
            file.write((torn * "\n" + json.dumps(record) + "\n").encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the lock."""
        self._lock.release()


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _lock(path: Path) -> FileLock:
    lock = FileLock(path / LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunError(f"{path}: another process is training this run.") from error
    return lock
