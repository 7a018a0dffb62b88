"""A disk that is full: what was being written is named, and what stood there is still there."""

import errno
import os
from pathlib import Path

import pytest

from generator.checkpoint import read_bundle
from generator.commands.shared import UsageError, write
from generator.exports import MANIFEST, export
from generator.folders import swap_in_folder, write_file, writing
from generator.studio import Studio

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="this machine has no /dev/full")


def test_the_file_is_named_that_could_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as caught, writing(tmp_path / "x"), FULL.open("wb") as file:
        file.write(b"1")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "x"))


def full(_: int) -> None:
    """Flushing to a disk that is full."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_pictures_and_manifests_are_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_bundle_path: Path
) -> None:
    write(b"old", tmp_path / "sheet.png", "a sheet")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        write(b"new", tmp_path / "sheet.png", "a sheet")
    assert (tmp_path / "sheet.png").read_bytes() == b"old"
    with pytest.raises(OSError, match="No space left") as caught:
        export(Studio(read_bundle(tiny_bundle_path), "cpu"), tmp_path / "out", 1, 1, 1.0)
    assert caught.value.filename == str(tmp_path / "out" / MANIFEST)
    assert not (tmp_path / "out" / MANIFEST).exists()


def test_what_stood_there_stays_and_nothing_is_left_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path / "file", b"old")
    swap_in_folder(tmp_path / "folder", {"a": b"old"})

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_file(tmp_path / "file", b"new")
    assert caught.value.filename == str(tmp_path / "file")
    with pytest.raises(OSError, match="No space left") as caught:
        swap_in_folder(tmp_path / "folder", {"a": b"new"})
    assert caught.value.filename == str(tmp_path / "folder" / "a")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]
    assert ((tmp_path / "file").read_bytes(), (tmp_path / "folder" / "a").read_bytes()) == (b"old", b"old")
