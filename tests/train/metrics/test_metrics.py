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
from train.metrics import Judge, sample
from train.metrics.features import kid, manifold
from train.metrics.similarity import mean_ms_ssim, ms_ssim
from train.metrics.swd import swd

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def many_icons() -> NDArray[np.uint8]:
    return np.stack([np.asarray(draw_icon(number)) for number in range(60)])


@pytest.fixture(scope="module")
def judge(many_icons: NDArray[np.uint8]) -> Judge:
    held_out = np.stack([np.asarray(draw_icon(number)) for number in range(100, 120)])
    return Judge(many_icons, held_out, CPU, samples=30)


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


def test_ms_ssim_keeps_its_definition() -> None:
    """Against the formula of Wang, Simoncelli and Bovik 2003, written out for one pair of images in float64."""
    rng = np.random.default_rng(0)
    first = rng.random((64, 64))
    second = np.clip(0.7 * first + 0.3 * rng.random((64, 64)), 0, 1)
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2

    def mean(image: NDArray[np.float64]) -> NDArray[np.float64]:
        views = np.lib.stride_tricks.sliding_window_view(np.pad(image, 5, mode="reflect"), (11, 11))
        found: NDArray[np.float64] = (views * window).sum(axis=(2, 3))
        return found

    expected, weights = 1.0, np.array([0.0448, 0.2856, 0.3001])
    a, b = first, second
    for scale, weight in enumerate(weights / weights.sum()):
        m, n = mean(a), mean(b)
        structure = (2 * (mean(a * b) - m * n) + 0.0009) / (mean(a * a) - m * m + mean(b * b) - n * n + 0.0009)
        luminance = (2 * m * n + 0.0001) / (m * m + n * n + 0.0001)
        expected *= float((structure * luminance if scale == 2 else structure).mean()) ** weight
        a, b = (image.reshape(len(image) // 2, 2, -1, 2).mean(axis=(1, 3)) for image in (a, b))
    pair = (torch.from_numpy(image)[None, None].float() for image in (first, second))
    assert float(ms_ssim(*pair)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("size", [16, 32, 128])
def test_ms_ssim_is_1_for_equal_icons_of_any_size(size: int) -> None:
    icons = torch.stack([torch.from_numpy(np.array(draw_icon(number, size))) for number in range(4)])
    images = icons.permute(0, 3, 1, 2) / 255
    assert ms_ssim(images, images).tolist() == pytest.approx([1] * 4, abs=1e-5)
    assert float(ms_ssim(images, torch.rand_like(images)).max()) < 0.3


def test_ms_ssim_compares_each_icon_with_another(many_icons: NDArray[np.uint8]) -> None:
    assert mean_ms_ssim(many_icons[[3, 3, 3]], CPU) == pytest.approx(1, abs=1e-5)
    different = mean_ms_ssim(many_icons[[3, 4]], CPU)
    assert different == pytest.approx(
        float(ms_ssim(*(torch.from_numpy(many_icons[[i]]).permute(0, 3, 1, 2) / 255 for i in (3, 4)))), abs=1e-5
    )
    assert different < 0.9


def directions(count: int, seed: int, angle: float = 0.0) -> torch.Tensor:
    """Features: points on a circle around `angle`."""
    rng = torch.Generator().manual_seed(seed)
    turns = angle + 0.5 * torch.randn(count, generator=rng)
    return torch.stack([turns.cos(), turns.sin()], dim=1)


def test_kid_keeps_its_definition() -> None:
    """Against the sums of the unbiased estimate, written out."""
    first, second = directions(7, 0), directions(5, 1, 0.4)

    def kernel(a: torch.Tensor, b: torch.Tensor) -> float:
        return (float(a.double() @ b.double()) + 1) ** 3

    within = [
        sum(kernel(points[i], points[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
        for points, n in ((first, 7), (second, 5))
    ]
    between = sum(kernel(a, b) for a in first for b in second) / 35
    assert kid(first, second) == pytest.approx(1000 * (sum(within) - 2 * between), rel=1e-5)


def test_kid_is_around_0_for_the_same_kind_whatever_the_count() -> None:
    same = [kid(directions(30, seed), directions(6, 100 + seed)) for seed in range(40)]
    other = kid(directions(30, 0), directions(6, 1, 1.0))
    assert abs(np.mean(same)) < 0.05 * other


def test_precision_recall_and_coverage_keep_their_definitions() -> None:
    """Against the definitions of their papers, written out with loops."""
    reals, others = directions(16, 0), directions(12, 1, 0.5)

    def radius(points: torch.Tensor, i: int) -> float:
        return sorted(float((points[i] - point).norm()) for j, point in enumerate(points) if j != i)[4]

    inside_real = [[float((a - b).norm()) < radius(reals, i) for b in others] for i, a in enumerate(reals)]
    inside_other = [[float((a - b).norm()) < radius(others, j) for j, b in enumerate(others)] for a in reals]
    found = manifold(reals, others)
    assert found["precision"] == pytest.approx(np.any(inside_real, axis=0).mean())
    assert found["recall"] == pytest.approx(np.any(inside_other, axis=1).mean())
    assert found["coverage"] == pytest.approx(np.any(inside_real, axis=1).mean())


def test_what_lies_elsewhere_has_neither_precision_nor_recall() -> None:
    assert set(manifold(directions(40, 0), directions(40, 1, 3.1)).values()) == {0.0}
    assert manifold(directions(40, 0), directions(1, 1).expand(40, 2))["recall"] < 0.1


def test_new_icons_of_the_same_kind_score_like_real_ones(judge: Judge) -> None:
    fresh = np.stack([np.asarray(draw_icon(number)) for number in range(1000, 1030)])
    figures = judge.evaluate(Player(fresh), 8)
    for name in ("swd", "ms_ssim", "nearest", "nearest_low"):
        assert figures[name].value == pytest.approx(figures[name].real, rel=0.35)
    assert figures["copies"].value <= 0.1
    assert figures["precision"].value > 0.7
    assert figures["recall"].value > 0.7
    assert abs(figures["kid"].value - figures["kid"].real) < 100


def test_noise_is_no_icon(judge: Judge) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 64, 64, 3), dtype=np.uint8)
    figures = judge.evaluate(Player(noise), 8)
    assert figures["kid"].value > 500 > 5 * figures["kid"].real
    assert max(figures[name].value for name in ("recall", "coverage")) < 0.3


def test_a_copying_generator_is_seen(judge: Judge, many_icons: NDArray[np.uint8]) -> None:
    moved = np.roll(many_icons, (1, -2), axis=(1, 2))
    figures = judge.evaluate(Player(moved), 8)
    assert figures["copies"].value > 0.9 > 10 * figures["copies"].real
    assert figures["nearest"].value < 0.2 * figures["nearest"].real
    assert figures["nearest_low"].value <= figures["nearest"].value


def test_a_generator_with_some_copies_is_seen(judge: Judge, many_icons: NDArray[np.uint8]) -> None:
    fresh = np.stack([np.asarray(draw_icon(number)) for number in range(1000, 1027)])
    figures = judge.evaluate(Player(np.concatenate([many_icons[:3], fresh])), 8)
    assert 0.1 <= figures["copies"].value < 0.2
    assert figures["nearest"].value > 0.8
    assert figures["nearest_low"].value < 0.1


def test_a_collapsed_generator_is_seen(judge: Judge) -> None:
    figures = judge.evaluate(Player(np.array(draw_icon(1000))[None]), 8)
    assert figures["ms_ssim"].value > 0.99 > 1.5 * figures["ms_ssim"].real
    assert figures["swd"].value > 2 * figures["swd"].real


def test_two_held_out_icons_are_enough(many_icons: NDArray[np.uint8]) -> None:
    judge = Judge(many_icons[2:], many_icons[:2], CPU, samples=8)
    assert all(
        np.isfinite((figure.value, figure.real)).all() for figure in judge.evaluate(Player(many_icons), 8).values()
    )


def test_two_odd_held_out_icons_do_not_decide(many_icons: NDArray[np.uint8]) -> None:
    fresh = np.stack([np.asarray(draw_icon(number)) for number in range(1000, 1030)])
    odd = np.zeros((2, 64, 64, 3), np.uint8)
    figures = Judge(many_icons, odd, CPU, samples=30).evaluate(Player(fresh), 8)
    assert abs(figures["kid"].value - figures["kid"].real) < 100


def test_all_samples_count_when_icons_are_few(many_icons: NDArray[np.uint8]) -> None:
    fresh = np.stack([np.asarray(draw_icon(number)) for number in range(1000, 1030)])
    noise = np.random.default_rng(0).integers(0, 256, fresh.shape, dtype=np.uint8)
    judge = Judge(many_icons, many_icons[:2], CPU, samples=60)
    good, mixed = (judge.evaluate(Player(np.concatenate([fresh, rest])), 8) for rest in (fresh, noise))
    assert mixed["swd"].value > 1.5 * good["swd"].value
    for name in ("precision", "coverage"):
        assert mixed[name].value == pytest.approx(good[name].value / 2, abs=0.1)


def test_more_samples_change_no_scale(many_icons: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.metrics.judge.SIDE", 10)
    held_out = np.stack([np.asarray(draw_icon(number)) for number in range(100, 120)])
    fresh = np.stack([np.asarray(draw_icon(number)) for number in range(1000, 1060)])
    few, many = (Judge(many_icons, held_out, CPU, samples).evaluate(Player(fresh), 8) for samples in (10, 60))
    for name in ("swd", "recall", "coverage"):
        assert many[name].value == pytest.approx(few[name].value, rel=0.4)
        assert many[name].value == pytest.approx(many[name].real, rel=0.2)
    larger_side = swd(many_icons[:30], fresh[:30], CPU)
    assert larger_side < 0.8 * min(few["swd"].value, many["swd"].value)


def test_the_same_generator_gets_the_same_figures(judge: Judge, many_icons: NDArray[np.uint8]) -> None:
    assert judge.evaluate(Player(many_icons), 8) == judge.evaluate(Player(many_icons), 8)


def test_samples_are_icons_and_repeat() -> None:
    torch.manual_seed(0)
    network = build_generator(SaganConfig(latent_size=8, width=8)).eval()
    one, other = (sample(network, 8, 70, CPU, torch.Generator().manual_seed(3)) for _ in range(2))
    assert one.shape == (70, 64, 64, 3)
    assert one.dtype == np.uint8
    assert (one == other).all()
