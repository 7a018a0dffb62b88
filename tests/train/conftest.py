"""What makes the tests of training quick."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def quick_recalibration() -> Iterator[None]:
    """Measure batch-norm statistics on few samples: how exact they are matters to one test only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.ema.RECALIBRATION_BATCHES", 2)
        yield
