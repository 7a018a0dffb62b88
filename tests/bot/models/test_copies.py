"""Copies of bundles: whole ones, whatever happens while they are made."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bot.models.copies import keep_copy
from generator.checkpoint import read_bundle
from generator.files import CARD, FILES, BundleError
from tests.bot.models.test_library import another_bundle
from tests.bundles import write_like


def test_a_damaged_copy_is_made_again(bundle_path: Path, tmp_path: Path) -> None:
    source = read_bundle(bundle_path)
    folder = keep_copy(source, tmp_path).path
    (folder / FILES[0]).write_bytes(b"half")
    assert keep_copy(source, tmp_path).digest == source.digest
    (folder / CARD).unlink()
    assert keep_copy(source, tmp_path).digest == source.digest


def test_what_a_crash_left_is_cleared_up(bundle_path: Path, tmp_path: Path) -> None:
    source = read_bundle(bundle_path)
    folder = keep_copy(source, tmp_path).path
    (folder.parent / f".{folder.name}-half").mkdir()
    folder.rename(folder.with_name(f".{folder.name}-x-retired"))
    assert keep_copy(source, tmp_path).path == folder
    assert {entry.name for entry in folder.parent.iterdir()} == {".lock", folder.name}


def test_a_bundle_that_is_replaced_while_it_is_copied(bundle_path: Path, tmp_path: Path) -> None:
    source = read_bundle(bundle_path)
    fresh = another_bundle(bundle_path, tmp_path / "fresh", "newer")
    (bundle_path / CARD).write_bytes((fresh / CARD).read_bytes())
    with pytest.raises(BundleError, match="was replaced while it was copied"):
        keep_copy(source, tmp_path / "data")


def test_a_copy_has_all_that_the_card_names(tiny_bundle_path: Path, tmp_path: Path) -> None:
    critic = {"discriminator/x": torch.zeros(3)}
    source = write_like(read_bundle(tiny_bundle_path), tmp_path / "source", discriminator=critic)
    assert set(keep_copy(source, tmp_path).discriminator) == set(critic)
