"""Form tells what natural features see: shapes, and not only colors."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from tests.conftest import draw_icon
from train.metrics.form import Form


def drawn(first: int, count: int) -> NDArray[np.uint8]:
    return np.stack([np.asarray(draw_icon(first + number).convert("RGB")) for number in range(count)])


def test_form_ranks_icons_of_the_same_hand_before_blobs_and_noise() -> None:
    judge = Form(drawn(0, 48), torch.device("cpu"))
    fresh = drawn(1000, 24)
    rng = np.random.default_rng(0)
    shuffled = np.stack([rng.permuted(icon.reshape(-1, 3), axis=0).reshape(icon.shape) for icon in fresh])
    small = fresh[:, ::16, ::16].repeat(16, axis=1).repeat(16, axis=2)  # the colors at their places, without a shape
    assert abs(judge.real) < judge.figure(small) < judge.figure(shuffled)
    assert judge.figure(fresh) < judge.figure(small) / 2


def test_form_is_zero_for_the_icons_themselves_but_for_what_no_bias_takes() -> None:
    icons = drawn(0, 32)
    assert Form(icons, torch.device("cpu")).figure(icons) < 0
