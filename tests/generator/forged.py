"""Bundles that somebody has changed, and signed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generator.checkpoint import read_bundle
from generator.files import CARD, BundleError


def rewrite(bundle: Path, name: str, content: bytes) -> None:
    """Replace a file and sign it, as somebody would who forges a bundle."""
    (bundle / name).write_bytes(content)
    change_card(bundle, lambda card: card["files"].update({name: hashlib.sha256(content).hexdigest()}))


def change_card(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    card = json.loads((bundle / CARD).read_text())
    change(card)
    (bundle / CARD).write_text(json.dumps(card))


def refused(bundle: Path) -> str:
    """Why a bundle is refused, without its folder: that is named as the test is."""
    with pytest.raises(BundleError) as caught:
        read_bundle(bundle)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert str(bundle) in sentence
    return sentence.replace(str(bundle), "")
