"""Trainings side by side divide the processor's cores."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from train.run.cores import PLACES, Cores


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OMP_NUM_THREADS")
    before = torch.get_num_threads()
    torch.set_num_threads(8)
    yield
    torch.set_num_threads(before)


def test_trainings_of_one_folder_divide_the_cores(tmp_path: Path) -> None:
    first, second, third = (Cores(tmp_path) for _ in range(3))
    with first:
        assert (first.divide(), torch.get_num_threads()) == (None, 8)
        with second:
            assert second.divide() == "Uses 4 of 8 cores: 2 trainings share them."
            assert torch.get_num_threads() == 4
            assert (first.divide() is None, second.divide()) == (False, None)
            with third:
                assert third.divide() == "Uses 2 of 8 cores: 3 trainings share them."
        assert first.divide() == "Uses 8 of 8 cores: no other training is at work here now."
        torch.set_num_threads(1)
    assert torch.get_num_threads() == 8, "what comes after a training has all cores again"


def test_a_killed_training_gives_its_cores_back(tmp_path: Path) -> None:
    script = f"from filelock import FileLock; lock = FileLock({str(tmp_path / '.cores-0.lock')!r}); lock.acquire()"
    with subprocess.Popen(
        [sys.executable, "-c", f"{script}; print(1, flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with Cores(tmp_path) as cores:
            assert cores.divide() == "Uses 4 of 8 cores: 2 trainings share them."
            other.kill()
            other.wait()
            assert cores.divide() == "Uses 8 of 8 cores: no other training is at work here now."


def test_more_trainings_than_places_and_a_wish_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = [Cores(tmp_path).__enter__() for _ in range(PLACES + 1)]
    assert trainings[-1].divide() == f"Uses 1 of 8 cores: {PLACES} trainings share them."
    torch.set_num_threads(8)
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert Cores(tmp_path).__enter__().divide() is None
    for training in trainings:
        training.__exit__(None, None, None)
