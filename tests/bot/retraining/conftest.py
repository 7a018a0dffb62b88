"""Somebody who may retrain, with a stand-in for the training, which ends with its test."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.retraining.desk import JobDesk
from bot.retraining.service import RetrainService
from tests.bot.retraining.host import Host, furnish
from tests.bot.world import World, until


@pytest.fixture(autouse=True)
def no_process_is_left(tmp_path: Path) -> Iterator[None]:
    """Trainings outlive whoever has started them: a test has to end its own."""
    yield
    left = [number for number, command in _processes() if os.fsencode(tmp_path) in command]
    for number in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    assert not left, "the test has left a process behind"


def _processes() -> Iterator[tuple[int, bytes]]:
    """The numbers and command lines of all processes, where the system has them in /proc; that of a zombie is empty."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield int(file.parent.name), file.read_bytes()


@pytest.fixture
async def host(world: World, tiny_bundle_path: Path, tmp_path: Path) -> AsyncIterator[Host]:
    """The server is named in the settings."""
    yield furnish(world, tiny_bundle_path, tmp_path)
    service = world.services.get(RetrainService)
    at_work = service.desk.training
    await service.worker.abandon()
    if at_work is not None:
        await until(lambda: not at_work[1].is_alive())


@pytest.fixture
def service(host: Host) -> RetrainService:
    return host.world.service(RetrainService)


@pytest.fixture
def desk(service: RetrainService) -> JobDesk:
    return service.desk
