"""Metrics: near the floor for real icons, far above it for others, and close to what their papers define."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from generator.networks import build_generator
from generator.networks.sagan import SaganConfig
from tests.conftest import draw_icon
from train.metrics import Judge, sample, swd

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def many_icons() -> NDArray[np.uint8]:
    return np.stack([np.asarray(draw_icon(number)) for number in range(60)])


@pytest.fixture(scope="module")
def judge(many_icons: NDArray[np.uint8]) -> Judge:
    return Judge(many_icons, CPU)


class Player(nn.Module):
    """A generator that plays back icons, whatever the latent."""

    def __init__(self, icons: NDArray[np.uint8]) -> None:
        super().__init__()
        self.icons, self.at = torch.from_numpy(icons).permute(0, 3, 1, 2).float() / 127.5 - 1, 0

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        chosen = torch.arange(self.at, self.at + len(latents)) % len(self.icons)
        self.at += len(latents)
        return self.icons[chosen]


def test_swd_of_the_same_icons_is_the_floor(many_icons: NDArray[np.uint8]) -> None:
    first, second = many_icons[:30], many_icons[30:]
    floor = swd(first, second, CPU)
    noise = np.random.default_rng(0).integers(0, 256, first.shape, dtype=np.uint8)
    assert swd(first, first, CPU) < floor < swd(first, noise, CPU) / 4


def test_swd_grows_with_the_damage(many_icons: NDArray[np.uint8]) -> None:
    first, second = many_icons[:30], many_icons[30:]
    blurred = (second.astype(int) + np.roll(second, 1, 1) + np.roll(second, 1, 2) + np.roll(second, 2, 2)) // 4
    distances = [swd(first, other, CPU) for other in (second, blurred.astype(np.uint8), 255 - second)]
    assert distances == sorted(distances)


def test_swd_does_not_depend_on_the_order(many_icons: NDArray[np.uint8]) -> None:
    first, second = many_icons[:30], many_icons[30:]
    assert swd(first, second, CPU) == pytest.approx(swd(first, second[::-1].copy(), CPU), rel=0.1)


def test_new_icons_of_the_same_kind_score_like_real_ones(judge: Judge) -> None:
    fresh = np.stack([np.asarray(draw_icon(number)) for number in range(1000, 1030)])
    figures = judge.evaluate(Player(fresh), 8)
    for figure in figures.values():
        assert figure.value == pytest.approx(figure.real, rel=0.35)


def test_a_copying_generator_is_seen(judge: Judge, many_icons: NDArray[np.uint8]) -> None:
    figures = judge.evaluate(Player(many_icons), 8)
    assert figures["nearest"].value < 0.05 * figures["nearest"].real


def test_a_collapsed_generator_is_seen(judge: Judge, many_icons: NDArray[np.uint8]) -> None:
    figures = judge.evaluate(Player(many_icons[:1]), 8)
    assert figures["diversity"].value < 0.05 * figures["diversity"].real
    assert figures["swd"].value > 2 * figures["swd"].real


def test_samples_are_icons_and_repeat() -> None:
    torch.manual_seed(0)
    network = build_generator(SaganConfig(latent_size=8, width=8)).eval()
    one, other = (sample(network, 8, 70, CPU, torch.Generator().manual_seed(3)) for _ in range(2))
    assert one.shape == (70, 64, 64, 3)
    assert one.dtype == np.uint8
    assert (one == other).all()
