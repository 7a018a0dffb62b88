"""A disk that is full: what was being written is named, and what stood there is still there."""

import errno
import os
from pathlib import Path

import pytest

from generator.folders import swap_in_folder, write_file, writing

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="this machine has no /dev/full")


def test_the_file_is_named_that_could_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as caught, writing(tmp_path / "x"), FULL.open("wb") as file:
        file.write(b"1")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "x"))


def test_what_stood_there_stays_and_nothing_is_left_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path / "file", b"old")
    swap_in_folder(tmp_path / "folder", {"a": b"old"})

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_file(tmp_path / "file", b"new")
    assert caught.value.filename == str(tmp_path / "file")
    with pytest.raises(OSError, match="No space left") as caught:
        swap_in_folder(tmp_path / "folder", {"a": b"new"})
    assert caught.value.filename == str(tmp_path / "folder" / "a")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]
    assert ((tmp_path / "file").read_bytes(), (tmp_path / "folder" / "a").read_bytes()) == (b"old", b"old")
