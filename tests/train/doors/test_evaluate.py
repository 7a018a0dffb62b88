"""`train evaluate` and `train encoder`: what they print, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from generator.encoder import load_encoder, read_encoder
from train.__main__ import app
from train.encoder.planted import find_planted
from train.encoder.training import train_encoder, write_encoder


def test_a_bundle_is_judged(tiny_bundle_path: Path) -> None:
    command = ["evaluate", str(tiny_bundle_path), "--icons", str(tiny_bundle_path), "--samples", "8", "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["encoder"] == load_encoder().digest
    assert (document["training"], document["held_out"], document["icons_a_side"]) == (36, 4, 8)
    assert {"swd", "kid", "recall", "copies"} <= document["figures"].keys()
    assert "membership" not in document["figures"]  # nothing was held out of its training


def test_without_held_out_icons_there_is_no_membership(tiny_bundle_path: Path) -> None:
    command = ["evaluate", str(tiny_bundle_path), "--icons", str(tiny_bundle_path), "--samples", "8"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "No membership: " in result.stdout


def test_what_is_no_bundle_is_refused(tiny_bundle_path: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path / "none"), "--icons", str(tiny_bundle_path)])
    assert result.exit_code == 2
    assert "there is no bundle folder here" in result.stderr


def test_an_encoder_learns_and_repeats(drawn_icons: NDArray[np.uint8], tmp_path: Path) -> None:
    losses: list[float] = []
    first = train_encoder(drawn_icons[:12], minutes=1, steps=6, tell=lambda step, share, loss: losses.append(loss))
    again = train_encoder(drawn_icons[:12], minutes=1, steps=6)
    assert losses[-1] < losses[0]
    write_encoder(first, tmp_path / "encoder.safetensors")
    write_encoder(again, tmp_path / "again.safetensors")
    read = read_encoder(tmp_path / "encoder.safetensors")
    assert read.digest == read_encoder(tmp_path / "again.safetensors").digest
    assert torch.isfinite(read.features(drawn_icons)).all()


def test_planted_copies_are_found_by_features(drawn_icons: NDArray[np.uint8]) -> None:
    found = {one.change: one for one in find_planted(drawn_icons, range(8), load_encoder())}
    assert {"recolored", "mirrored"} <= found.keys()
    assert all(0 <= share <= 1 for one in found.values() for share in (one.encoder, one.shifted_pixels, one.pixels))
    assert sum(one.encoder for one in found.values()) > sum(one.pixels for one in found.values())


def test_an_encoder_is_trained_and_measured(drawn_icons: NDArray[np.uint8], tmp_path: Path) -> None:
    for place, icon in enumerate(drawn_icons):
        Image.fromarray(icon).save(tmp_path / f"{place}.png")
    given = ["encoder", "--icons", str(tmp_path), "--steps", "1", "--out"]
    result = CliRunner().invoke(app, [*given, str(tmp_path / "encoder.safetensors")])
    assert result.exit_code == 0, result.output
    assert read_encoder(tmp_path / "encoder.safetensors").digest in result.stdout.replace("\n", "")
    refused = CliRunner().invoke(app, [*given, str(tmp_path / "nowhere" / "encoder.safetensors")])
    assert refused.exit_code == 2
    assert "there is no folder" in refused.stderr


@pytest.mark.parametrize("options", [[], ["--report", "--out", "x"]])
def test_the_encoder_is_trained_or_measured(options: list[str], tiny_bundle_path: Path) -> None:
    result = CliRunner().invoke(app, ["encoder", "--icons", str(tiny_bundle_path), *options])
    assert result.exit_code == 2
    assert "--report" in result.stderr
