"""Puts tests into another order, for pytest: `-p tests.faults.shuffle`, with the number in TEST_ORDER."""

from __future__ import annotations

import os
import random

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Called by pytest once it has found the tests."""
    random.Random(int(os.environ.get("TEST_ORDER", "0"))).shuffle(items)  # noqa: S311
