"""What attention sees: the shares are those of the network, and a picture shows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional
from typer.testing import CliRunner

from generator.__main__ import app
from generator.attention import CELL, GAP, POINTS, NoAttentionError, look
from generator.checkpoint import read_bundle
from generator.networks import build_generator
from generator.networks.dense import DenseConfig
from generator.networks.layers import SelfAttention
from generator.seeds import Seed
from generator.studio import Studio


def test_the_weights_are_those_that_the_layer_uses() -> None:
    layer = SelfAttention(16)
    with torch.no_grad():
        layer.gain.fill_(1)
        x = torch.randn(2, 16, 8, 8)
        values = functional.max_pool2d(layer.value(x), 2).flatten(2)  # (N, V, 16)
        mixed = values @ layer.weights(x).view(2, 64, 16).transpose(1, 2)
        expected = x + layer.out(mixed.view(2, -1, 8, 8))
        assert torch.allclose(layer(x), expected, atol=1e-5)


def test_a_look_draws_the_icon_and_keeps_a_share_for_each_place(tiny_bundle_path: Path) -> None:
    studio = Studio(read_bundle(tiny_bundle_path), "cpu")
    seen = look(studio, Seed.parse("7"))
    assert seen.icon.tobytes() == studio.draw([7])[0].tobytes()
    assert seen.maps.shape == (len(POINTS), 8, 8)
    assert seen.maps.sum(axis=(1, 2)) == pytest.approx(np.ones(len(POINTS)), abs=1e-5)


def test_a_network_without_attention_says_so(tiny_bundle_path: Path) -> None:
    studio = Studio(read_bundle(tiny_bundle_path), "cpu")
    studio.network = build_generator(DenseConfig())
    with pytest.raises(NoAttentionError, match="no self-attention"):
        look(studio, Seed.parse("7"))


def test_the_command_draws_a_row_for_each_seed(tiny_bundle_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "seen.png"
    result = CliRunner().invoke(
        app, ["attention", "--bundle", str(tiny_bundle_path), "--count", "2", "--device", "cpu", "-o", str(file)]
    )
    assert result.exit_code == 0, result.output
    with Image.open(file) as image:
        assert image.size == ((len(POINTS) + 1) * (CELL + GAP) + GAP, 2 * (CELL + GAP) + GAP)
