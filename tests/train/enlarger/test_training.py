"""The enlarger's training: pairs of sizes, faults, a loss that falls, and the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from generator.enlarger import Enlarger, EnlargerNetwork, read_enlarger
from tests.train.enlarger.vectors import write_vectors
from train.data.reading import SourceError
from train.enlarger.faults import with_faults
from train.enlarger.pairs import Pairs, read_pairs
from train.enlarger.report import report
from train.enlarger.training import EDGES, Distance, distance, train_enlarger, write_enlarger
from train.metrics.similarity import ssim


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    return read_pairs([write_vectors(tmp_path_factory.mktemp("vectors"), 6)], [1.0])


def test_vectors_are_rendered_at_both_sizes(pairs: Pairs) -> None:
    assert pairs.small.shape == (6, 64, 64, 4)
    assert pairs.large.shape == (6, 512, 512, 4)
    means = pairs.large.reshape(6, 64, 8, 64, 8, 4).mean(axis=(2, 4))
    assert np.abs(means - pairs.small).mean() < 1
    assert (pairs.small[..., :3] <= pairs.small[..., 3:]).all()


def test_a_share_is_chosen_by_name(tmp_path: Path) -> None:
    folder, counts = write_vectors(tmp_path, 24), list[int]()
    half = read_pairs([folder], [0.5], counts.append)
    assert 4 < len(half) < 20
    assert counts == list(range(1, len(half) + 1))
    assert (read_pairs([folder], [0.5]).small == half.small).all()


def test_small_pictures_and_repetitions_are_left_out(tiny_bundle_path: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="only 0 icons of 512 pixels or more"):
        read_pairs([tiny_bundle_path], [1.0])
    folder = write_vectors(tmp_path, 5)
    assert len(read_pairs([folder, folder], [1.0, 1.0])) == 5


def test_parts_of_both_sizes_show_the_same(pairs: Pairs) -> None:
    seen = set()
    for phase in ((0, 0), (1, 1)):
        small, large = pairs.parts(12, phase, torch.Generator().manual_seed(1))
        assert (small.shape, large.shape) == ((12, 4, 32, 32), (12, 4, 128, 128))
        assert (torch.nn.functional.avg_pool2d(large, 4) - small).abs().mean() < 0.01
        assert (large[:, :3] <= large[:, 3:] + 1e-6).all()
        seen |= {bool((part[3] == 1).all()) for part in small}
    assert seen == {True, False}, "some parts are opaque all over, some are not"


def test_faults_are_faults_and_keep_what_premultiplied_means(pairs: Pairs) -> None:
    icons = torch.from_numpy(pairs.small).permute(0, 3, 1, 2).float() / 255
    opaque = torch.cat([icons[:, :3] + 1 - icons[:, 3:], torch.ones_like(icons[:, 3:])], dim=1)
    for given in (icons, opaque):
        faulty = with_faults(given, torch.Generator().manual_seed(0), spared=0.0)
        assert (faulty == with_faults(given, torch.Generator().manual_seed(0), spared=0.0)).all()
        assert (with_faults(given, torch.Generator().manual_seed(0), spared=1.0) - given).abs().max() < 1e-6
        differences = (faulty - given).abs().mean(dim=(1, 2, 3))
        assert differences.min() > 0.001
        assert differences.max() < 0.1
        assert faulty.min() >= 0
        assert faulty.max() <= 1
        assert (faulty[:, :3] <= faulty[:, 3:] + 1e-6).all()
    assert (faulty[:, 3] == 1).all()


def test_the_distance_has_the_slope_that_autograd_finds() -> None:
    rng = torch.Generator().manual_seed(0)
    drawn, wanted = torch.rand((2, 2, 4, 6, 7), generator=rng)
    drawn.requires_grad_()
    Distance.apply(drawn, wanted).backward()  # type: ignore[no-untyped-call]
    slope, drawn.grad = drawn.grad, None
    error = drawn - wanted
    steps = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    (error.abs().mean() + EDGES * steps).backward()
    assert slope is not None
    assert drawn.grad is not None
    assert torch.allclose(slope, drawn.grad, atol=1e-7)


def test_a_dark_edge_is_a_fault() -> None:
    wanted = torch.zeros(1, 4, 2, 4)
    wanted[..., 0] = 1.0
    beyond, tinted = wanted.clone(), wanted.clone()
    beyond[:, 3, :, 1] = 0.5  # opacity without color: on white only, black
    tinted[:, :, :, 1] = 0.5  # white, half of it: on black only
    assert distance(beyond, wanted) == pytest.approx(float(distance(tinted, wanted)), rel=0.5)
    assert distance(wanted, wanted) == 0


def test_training_lowers_the_loss(pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = pairs.parts(4, (0, 1), torch.Generator().manual_seed(9))
    monkeypatch.setattr(Pairs, "parts", lambda *_: parts)  # always the same, and without faults: it learns sooner
    monkeypatch.setattr("train.enlarger.training.with_faults", lambda icons, rng: icons)
    monkeypatch.setattr("torch.randint", lambda *_, **__: torch.tensor([0, 1]))
    losses: list[float] = []
    network = train_enlarger(
        pairs, minutes=1, steps=50, device=torch.device("cpu"), tell=lambda step, share, loss: losses.append(loss)
    )
    assert len(losses) == 50
    assert losses[-1] < 0.93 * losses[0]
    write_enlarger(network, tmp_path / "enlarger.safetensors")
    assert (tmp_path / "enlarger.safetensors").stat().st_size < 2 * 2**20
    read_enlarger(tmp_path / "enlarger.safetensors")


def test_the_same_seed_trains_the_same_enlarger(pairs: Pairs) -> None:
    first, again, other = (
        train_enlarger(pairs, minutes=1, steps=2, seed=seed, device=torch.device("cpu")).state_dict()
        for seed in (3, 3, 4)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["fine.weight"], other["fine.weight"])


def test_the_report_compares_with_lanczos(pairs: Pairs) -> None:
    network = EnlargerNetwork()
    found = report(Enlarger(network), pairs[np.arange(2)])
    assert found.icons == 2
    for ours, lanczos in (found.clean, found.faulty):
        assert 10 < ours.psnr < lanczos.psnr + 1, "untrained, it is linear interpolation"
        assert 0.3 < ours.ssim <= 1
    assert found.clean[1].psnr > found.faulty[1].psnr


def test_ssim_is_1_for_the_same(drawn_icons: NDArray[np.uint8]) -> None:
    icons = torch.from_numpy(drawn_icons[:3]).permute(0, 3, 1, 2).float() / 255
    assert torch.allclose(ssim(icons, icons), torch.ones(3))
    assert (ssim(icons, 1 - icons) < 0.5).all()
