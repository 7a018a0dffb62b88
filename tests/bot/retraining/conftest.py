"""Somebody who may retrain, with a stand-in for the training."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.retraining.desk import JobDesk
from bot.retraining.service import RetrainService
from tests.bot.retraining.host import Host, furnish
from tests.bot.world import World


@pytest.fixture
def host(world: World, tiny_bundle_path: Path, tmp_path: Path) -> Host:
    """The server is named in the settings."""
    return furnish(world, tiny_bundle_path, tmp_path)


@pytest.fixture
def service(host: Host) -> RetrainService:
    return host.world.service(RetrainService)


@pytest.fixture
def desk(service: RetrainService) -> JobDesk:
    return service.desk
