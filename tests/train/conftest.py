"""What makes the tests of training quick."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def quick_training() -> Iterator[None]:
    """Measure batch-norm statistics and figures on few samples, and draw no reports: each matters to a test or two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.adversary.average.RECALIBRATION_BATCHES", 2)
        patch.setattr("train.run.sitting.SAMPLES", 16)
        patch.setattr("train.doors.fit.write_run_report", lambda _path: None)
        yield
