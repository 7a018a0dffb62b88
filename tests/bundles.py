"""Bundles that differ from another one in what a test is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from generator.checkpoint import Bundle
from generator.writing import Description, write_bundle


def write_like(bundle: Bundle, path: Path, **changes: Any) -> Bundle:
    """Write the same bundle, but for these arguments of `write_bundle`."""
    card = bundle.card
    described = Description(
        kimg=1.0,
        metrics={},
        data=card.data,
        preset=card.preset,
        background=card.background,
        created=card.created,
        code_version=card.code_version,
    )
    same: dict[str, Any] = {
        "config": bundle.config,
        "weights": bundle.generator,
        "descriptors": bundle.descriptors,
        "sheet": bundle.sheet,
        "samples": bundle.sheet,
    }
    return write_bundle(path, described, **(same | changes))
