"""The folder of a retraining: the icons to train on, what the process writes, and what is left of it afterwards."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from bot.retraining.process import ERRORS, PROGRESS
from generator.files import SAMPLES
from generator.folders import make_folder, write_file
from generator.pictures import png, stacked

ICONS, RUNS, SOURCES = "icons", "runs", "sources.json"
SHEET, COMPARISON = "sheet.png", "comparison.png"
REST = frozenset((PROGRESS, ERRORS, SHEET, COMPARISON))
"""What stays of a folder when its job is over."""

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".ttf", ".otf")
"""Endings of files that are sources by themselves; everything else is taken for an icon."""


class JobFolder:
    """`jobs/<id>` in the data folder. All methods are blocking."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def save(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Write what people gave: archives beside each other, single icons into one folder. Raises OSError."""
        make_folder(self.path)
        for number, (name, content) in enumerate(files, start=1):
            ending = next((each for each in ARCHIVES if name.lower().endswith(each)), None)
            if ending is not None:
                write_file(self.path / f"{number:03}-{_plain(name[: -len(ending)])}{ending}", content)
                continue
            folder = self.path / ICONS
            make_folder(folder)
            stem, _, suffix = name.rpartition(".")
            write_file(folder / f"{number:03}-{_plain(stem or name)}.{_plain(suffix)}", content)

    def given(self) -> list[Path]:
        """The sources that were saved."""
        archives = sorted(file for file in self.path.iterdir() if file.name.endswith(ARCHIVES))
        icons = self.path / ICONS
        return [*([icons] if icons.is_dir() else []), *archives]

    def write_sources(self, sources: Sequence[Path]) -> None:
        """Keep what the training is about to read, for the measuring at its end."""
        (self.path / SOURCES).write_text(json.dumps([str(each) for each in sources]))

    def read_sources(self) -> list[Path]:
        """What the training has read."""
        return [Path(each) for each in json.loads((self.path / SOURCES).read_text())]

    def saved_run(self) -> Path | None:
        """The run folder that a training can go on with; None when there is none with a saved state."""
        runs = sorted((self.path / RUNS).glob("[0-9]*"))
        return next((run for run in reversed(runs) if (run / "state").is_dir()), None)

    def picture(self) -> bytes | None:
        """What is shown of a job that is over: the comparison, or the last sheet."""
        for name in (COMPARISON, SHEET):
            if (self.path / name).is_file():
                return (self.path / name).read_bytes()
        return None

    def compare(self, old: tuple[str, Path], new: tuple[str, Path]) -> None:
        """Draw the sheets of two bundles, each with a caption, into one picture."""
        sheets = []
        for caption, bundle in (old, new):
            with Image.open(bundle / SAMPLES) as sheet:
                sheets.append((sheet.copy(), caption))
        (self.path / COMPARISON).write_bytes(png(stacked(sheets)))

    def strip(self) -> None:
        """Delete everything but a small rest, the newest sheet among it."""
        sheets = sorted((self.path / RUNS).glob("*/sheets/*.png"))
        if sheets:
            shutil.copyfile(sheets[-1], self.path / SHEET)
        for entry in self.path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name not in REST:
                entry.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.path, ignore_errors=True)


def _plain(name: str) -> str:
    """A name as a part of a file name: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "icon"
