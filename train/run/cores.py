"""The processor's cores, divided among the trainings whose runs lie in one folder, instead of each taking all."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from filelock import FileLock, Timeout

PLACES = 8
"""So many trainings are told apart; beyond that, each takes an eighth of the cores."""


class Cores:
    """A training's place among those of a folder: a lock, which ends with the process however that ends.

    Whoever sets OMP_NUM_THREADS has decided, and nothing is divided. Raises OSError when the folder cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self._all = self._threads = torch.get_num_threads()
        places = 0 if "OMP_NUM_THREADS" in os.environ else min(self._all, PLACES)
        self._places = [FileLock(root / f".cores-{place}.lock") for place in range(places if places > 1 else 0)]

    def __enter__(self) -> Self:
        next((place for place in self._places if _take(place)), None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for place in self._places:
            place.release()
        torch.set_num_threads(self._all)

    def divide(self) -> str | None:
        """Take the threads that fall to this training now: what changed, in a sentence."""
        trainings = max(sum(not _is_free(place) for place in self._places), 1)
        threads = max(self._all // trainings, 1)
        if threads == self._threads:
            return None
        self._threads = threads
        torch.set_num_threads(threads)
        among = f"{trainings} trainings share them" if trainings > 1 else "no other training is at work here now"
        return f"Uses {threads} of {self._all} cores: {among}."


def _take(place: FileLock) -> bool:
    try:
        place.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _is_free(place: FileLock) -> bool:
    if place.is_locked:  # our own
        return False
    if free := _take(place):
        place.release()
    return free
