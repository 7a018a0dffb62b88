"""The encoder that ships: its file, and that it sees a copy where pixels see another icon."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from generator.encoder import FEATURES, SHIPPED_ENCODER, EncoderError, load_encoder, read_encoder
from tests.conftest import draw_icon


def test_the_shipped_encoder_is_small_and_named_by_its_bytes() -> None:
    encoder = load_encoder()
    assert encoder.digest == hashlib.sha256(SHIPPED_ENCODER.read_bytes()).hexdigest()
    assert SHIPPED_ENCODER.stat().st_size < 1.5 * 2**20
    assert sum(parameter.numel() for parameter in encoder.network.parameters()) <= 400_000
    assert load_encoder() is encoder


def test_features_have_length_1_and_no_company(drawn_icons: NDArray[np.uint8]) -> None:
    encoder = load_encoder()
    features = encoder.features(drawn_icons)
    assert features.shape == (40, FEATURES)
    assert torch.allclose(features.norm(dim=1), torch.ones(40), atol=1e-5)
    assert torch.equal(encoder.features(drawn_icons[7:8]), features[7:8])
    assert encoder.features(drawn_icons[:0]).shape == (0, FEATURES)


@pytest.mark.parametrize("size", [32, 128])
def test_an_icon_has_like_features_in_any_size(size: int, drawn_icons: NDArray[np.uint8]) -> None:
    """The drawn icons are much alike, and at half the size some cannot be told apart."""
    encoder = load_encoder()
    resized = [draw_icon(number).resize((size, size), Image.Resampling.LANCZOS) for number in range(len(drawn_icons))]
    similarity = encoder.features(np.stack([np.asarray(icon) for icon in resized])) @ encoder.features(drawn_icons).T
    assert (similarity.argmax(dim=1).numpy() == np.arange(len(drawn_icons))).mean() >= 0.75
    assert float(similarity.diagonal().min()) > 0.75


def test_a_recolored_copy_is_nearer_than_another_icon() -> None:
    """Drawn icons differ in color, shape and mouth: what is left without the color still tells them apart."""
    encoder = load_encoder()
    icons = [draw_icon(number) for number in range(12)]
    recolored = [Image.merge("RGB", icon.split()[::-1]) for icon in icons]
    similarity = (
        encoder.features(np.stack([np.asarray(icon) for icon in recolored]))
        @ encoder.features(np.stack([np.asarray(icon) for icon in icons])).T
    )
    assert (similarity.argmax(dim=1).numpy() == np.arange(12)).mean() > 0.7


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "encoder.safetensors"
    with pytest.raises(EncoderError, match="cannot be read"):
        read_encoder(broken)
    broken.write_bytes(SHIPPED_ENCODER.read_bytes()[:1000])
    with pytest.raises(EncoderError, match="not an encoder"):
        read_encoder(broken)
