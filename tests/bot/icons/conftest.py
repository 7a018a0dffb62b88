"""The service of icons on a small model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.db.session import Database
from bot.icons.service import IconService
from bot.models.library import ModelLibrary
from tests.bot.icons.parts import Clock, build


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def library_and_icons(
    sqlite_database: Database, tiny_bundle_path: Path, tmp_path: Path, clock: Clock
) -> AsyncIterator[tuple[ModelLibrary, IconService]]:
    service, library = await build(sqlite_database, tiny_bundle_path, tmp_path / "data", clock)
    yield library, service
    await library.aclose()


@pytest.fixture
def icons(library_and_icons: tuple[ModelLibrary, IconService]) -> IconService:
    return library_and_icons[1]


@pytest.fixture
def library(library_and_icons: tuple[ModelLibrary, IconService]) -> ModelLibrary:
    return library_and_icons[0]
