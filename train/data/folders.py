"""The files below a folder: linked folders are entered once, hidden ones are named and left alone."""

import os
from collections.abc import Iterator
from pathlib import Path

from train.data.names import decoded, printable
from train.data.reading import Broken, Reading, Why


def walk(path: Path, reading: Reading) -> Iterator[Path]:
    """The files below a folder and below the folders it links to, sorted by their path.

    A folder is entered once, by its own way before any link, and never one that holds the source.
    """
    entered: set[tuple[int, int]] = set()
    found, links = _enter(path, path, entered, reading)
    while links:
        link = links.pop(0)
        if path.resolve().is_relative_to(link.resolve()) or _identity(link) in entered:
            reading.leave_out(Why.LINK, shown_name(link, path) + "/")
            continue
        files, more = _enter(link, path, entered, reading)
        found += files
        links += more
    yield from sorted(found, key=lambda file: file.relative_to(path).as_posix())


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one that people do not see."""
    return name.startswith(".") or name == "__MACOSX"


def shown_name(file: Path, folder: Path) -> str:
    """The name of a file below a folder, as it is told."""
    return printable(decoded(file.relative_to(folder).as_posix()))


def _enter(start: Path, path: Path, entered: set[tuple[int, int]], reading: Reading) -> tuple[list[Path], list[Path]]:
    """The files below a folder, and the links to folders, which are not followed here."""

    def note(error: OSError) -> None:
        name = shown_name(Path(error.filename), path)
        reading.broken.append(Broken(name, f"cannot be opened ({error.strerror})"))

    files: list[Path] = []
    links: list[Path] = []
    for folder, subfolders, names in os.walk(start, onerror=note):
        entered.add(_identity(Path(folder)))
        names_below = sorted(subfolders)
        subfolders.clear()
        for name in names_below:
            subfolder = Path(folder, name)
            if is_hidden(name):
                reading.leave_out(Why.CONCEALED, shown_name(subfolder, path) + "/")
            elif subfolder.is_symlink():
                links.append(subfolder)
            elif _identity(subfolder) not in entered:
                subfolders.append(name)
        for name in names:
            if is_hidden(name):
                reading.leave_out(Why.CONCEALED, shown_name(Path(folder, name), path))
            else:
                files.append(Path(folder, name))
    return files, links


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
