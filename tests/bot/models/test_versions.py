"""In which order kept models are deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.db.models import ModelState
from bot.models.versions import Version, deletion_order, previous

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def version(number: int, state: ModelState, activated: int | None = None, *, configured: bool = False) -> Version:
    at = None if activated is None else NOW + timedelta(hours=activated)
    created = NOW + timedelta(hours=number)
    return Version(number, f"m{number}", state, created, at, at if configured else None, Path(), None)


def test_turned_down_models_go_first_then_the_oldest_and_some_never() -> None:
    kept, rejected = ModelState.KEPT, ModelState.REJECTED
    versions = [
        version(1, kept, 1, configured=True),
        version(2, kept, 9),  # the one before the present one
        version(3, kept, 5),
        version(4, kept, 4),
        version(5, rejected),
        version(6, rejected),
        version(7, ModelState.ACTIVE, 10),
        version(8, kept, 2),
    ]
    before = previous(versions)
    assert before is not None
    assert before.id == 2
    assert [each.id for each in deletion_order(versions, keep={7, 8})] == [5, 6, 4, 3]
    assert previous([version(7, ModelState.ACTIVE, 1), version(5, rejected)]) is None
