"""Folders that are swapped in, and processes that are killed in the middle of that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from generator.checkpoint import read_bundle
from generator.files import BundleError
from generator.folders import restore_folder, swap_in_folder
from tests.house import ROOT

KILLED_BETWEEN = """
import os, signal, sys
from pathlib import Path
from generator.folders import swap_in_folder

rename, renames = Path.rename, []
def kill(path, target):
    if renames:
        os.kill(os.getpid(), signal.SIGKILL)
    renames.append(target)
    return rename(path, target)
Path.rename = kill
swap_in_folder(Path(sys.argv[1]), {"card.json": b"{}"})
"""


def kill_between(path: Path) -> None:
    """A process that swaps something in at `path` is killed between its two renames."""
    killed = subprocess.run([sys.executable, "-c", KILLED_BETWEEN, path], cwd=ROOT, check=False)
    assert killed.returncode == -9


def test_a_kill_between_the_renames_leaves_a_bundle_that_is_found(tiny_bundle_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "best"
    shutil.copytree(tiny_bundle_path, path)
    for found in (path, tmp_path):  # also by the folder of its run
        kill_between(path)
        assert not path.exists()
        assert read_bundle(found).digest == read_bundle(tiny_bundle_path).digest
        assert read_bundle(found).path == path
    swap_in_folder(path, {"a": b"1"})  # and the next swap goes on from there
    assert [file.name for file in path.iterdir()] == ["a"]


def test_what_was_retired_long_ago_does_not_come_back(tmp_path: Path) -> None:
    """A folder that stands there, or a place where nothing ever stood, is left as it is."""
    path = tmp_path / "best"
    restore_folder(path)
    restore_folder(tmp_path / "nowhere" / "best")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BundleError, match="no bundle folder here"):
        read_bundle(path)
    swap_in_folder(path, {"a": b"1"})
    (tmp_path / ".best-x-retired").mkdir()
    restore_folder(path)
    assert [file.name for file in path.iterdir()] == ["a"]


def test_new_folders_are_flushed_to_the_disk_as_what_is_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut may take a new folder away, and with it the bundle that was flushed in it."""
    flushed: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(Path(f"/proc/self/fd/{handle}").readlink()))
    swap_in_folder(tmp_path / "a" / "b" / "c", {"x": b"1"})
    assert {tmp_path, tmp_path / "a", tmp_path / "a" / "b"} <= set(flushed)
