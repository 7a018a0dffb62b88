"""Run folders: numbered, locked, and whole after a crash."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from train.run.folder import ICONS, OPTIONS, STATE, STATE_RECORD, STATE_TENSORS, STATS, Progress, Run, RunError


@pytest.fixture
def run(tmp_path: Path, drawn_icons: NDArray[np.uint8]) -> Iterator[Run]:
    with Run.create(tmp_path / "runs", "sagan-My Icons/../x", {"a": 1}, drawn_icons) as run:
        yield run


def test_folders_are_numbered_and_named(run: Run, drawn_icons: NDArray[np.uint8]) -> None:
    assert run.path.name == "0001-sagan-my-icons-x"
    with Run.create(run.path.parent, "sagan", {}, drawn_icons) as second:
        assert second.path.name == "0002-sagan"


def test_a_run_keeps_its_icons_and_options(run: Run, drawn_icons: NDArray[np.uint8]) -> None:
    run.close()
    with Run.open(run.path) as again:
        assert again.options["a"] == 1
        assert (again.icons() == drawn_icons).all()


def test_options_that_change_stay_changed(run: Run) -> None:
    run.change_options({"a": 2})
    run.close()
    with Run.open(run.path) as again:
        assert again.options["a"] == 2


def test_a_run_belongs_to_one_process(run: Run) -> None:
    with pytest.raises(RunError, match="another process"):
        Run.open(run.path)
    run.close()
    Run.open(run.path).close()


def test_the_state_is_saved_and_read(run: Run) -> None:
    assert run.load_state() is None
    progress = Progress(steps=3, kimg=0.048, seconds=1.5)
    run.save_state({"x": torch.arange(3)}, Progress())
    run.save_state({"x": torch.arange(4)}, progress)
    saved = run.load_state()
    assert saved is not None
    assert torch.equal(saved[0]["x"], torch.arange(4))
    assert saved[1] == progress


def test_a_state_cut_short_by_a_crash_is_recovered(run: Run) -> None:
    run.save_state({"x": torch.arange(3)}, Progress(steps=3))
    (run.path / STATE).rename(run.path / f".{STATE}-abc-retired")
    run.close()
    with Run.open(run.path) as again:
        saved = again.load_state()
    assert saved is not None
    assert saved[1].steps == 3


def test_a_damaged_state_is_refused(run: Run) -> None:
    run.save_state({"x": torch.arange(300)}, Progress())
    file = run.path / STATE / STATE_TENSORS
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(RunError, match="damaged"):
        run.load_state()
    (run.path / STATE / STATE_RECORD).write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        run.load_state()


def test_what_is_no_run_is_refused(tmp_path: Path, run: Run) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        Run.open(tmp_path)
    run.close()
    (run.path / OPTIONS).write_text(json.dumps({"run_format": 99}))
    with pytest.raises(RunError, match="another version"):
        Run.open(run.path)


def test_lost_icons_are_said(run: Run) -> None:
    (run.path / ICONS).write_bytes(b"nothing")
    with pytest.raises(RunError, match="icons cannot be read"):
        run.icons()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, drawn_icons: NDArray[np.uint8]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        Run.create(tmp_path / "file", "x", {}, drawn_icons)


def test_a_full_disk_is_said_with_what_is_safe(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = {"x": torch.zeros(3)}

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match=r"No space left on device.*nothing was saved yet: make room"):
            run.save_state(tensors, Progress())
    run.save_state(tensors, Progress(steps=7))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=f"what was saved before is safe: .* --resume {run.path}"):
        run.save_state(tensors, Progress(steps=8))
    saved = run.load_state()
    assert saved is not None
    assert saved[1].steps == 7


def test_a_line_that_was_cut_short_takes_none_with_it(run: Run) -> None:
    run.append_stats({"event": "tick"})
    with (run.path / STATS).open("a") as file:
        file.write('{"event": "ti')
    run.append_stats({"event": "evaluation"})
    run.append_stats({"event": "end"})
    lines = (run.path / STATS).read_text().splitlines()
    assert lines == ['{"event": "tick"}', '{"event": "ti', '{"event": "evaluation"}', '{"event": "end"}']
