"""A bundle for the tests of models."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def bundle_path(tiny_bundle_path: Path, tmp_path: Path) -> Path:
    """A bundle to replace and to damage."""
    return Path(shutil.copytree(tiny_bundle_path, tmp_path / "bundle"))
