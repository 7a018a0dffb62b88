"""What the guide sees, what of it learns, and that the network behind it is the one that its weights belong to."""

from __future__ import annotations

import pytest
import torch

from generator.vision.efficientnet import CHANNELS, NaturalFeatures
from train.adversary.guide import LEVELS, VIEW, Guide, plain_views, views

PUBLISHED = ((-0.3396, 27.761), (-0.3377, 27.454), (-0.5509, 20.110), (0.0156, 4.946))
"""Computed with the network of the package that the weights come from, in 32 bits."""


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="module")
def guide() -> Guide:
    torch.manual_seed(0)
    return Guide()


def test_the_levels_have_their_strides_and_channels() -> None:
    levels = NaturalFeatures()(torch.zeros(2, 3, 64, 96))
    assert [tuple(level.shape) for level in levels] == [
        (2, channels, 64 // stride, 96 // stride) for channels, stride in zip(CHANNELS, (4, 8, 16, 32), strict=True)
    ]


def test_fewer_levels_are_the_first_ones() -> None:
    picture = torch.rand(1, 3, 64, 64, generator=rng()) * 2 - 1
    for one, other in zip(NaturalFeatures(2)(picture), NaturalFeatures()(picture), strict=False):
        assert torch.equal(one, other)


def test_the_features_know_natural_pictures() -> None:
    """The numbers of the network that its authors published, for a gray step: mean and largest value of each level."""
    picture = torch.full((1, 3, 64, 64), -0.5)
    picture[..., 32:] = 0.5
    found = [(float(level.mean()), float(level.max())) for level in NaturalFeatures()(picture)]
    for (mean, most), (expected_mean, expected_most) in zip(found, PUBLISHED, strict=True):
        assert mean == pytest.approx(expected_mean, abs=0.02)
        assert most == pytest.approx(expected_most, rel=0.02)


def test_nothing_of_the_frozen_network_is_saved_or_learned(guide: Guide) -> None:
    assert {name.partition(".")[0] for name in guide.state_dict()} == {"shift", "scale", "mixing", "blending", "heads"}
    assert {name.partition(".")[0] for name, _ in guide.named_parameters()} == {"heads"}


def test_calibrated_features_have_mean_0_and_deviation_1(guide: Guide) -> None:
    seen = torch.rand(8, 3, VIEW, VIEW, generator=rng()) * 2 - 1
    guide.calibrate(seen)
    for features in guide.look(seen):
        deviation, mean = torch.std_mean(features, dim=(0, 2, 3))
        assert torch.allclose(mean, torch.zeros_like(mean), atol=1e-3)
        assert torch.allclose(deviation, torch.ones_like(deviation), atol=1e-3)


def test_scores_reach_back_to_the_icons(guide: Guide) -> None:
    icons = torch.rand(2, 4, 64, 64, generator=rng()).requires_grad_()
    scores = guide(guide.look(views(icons, torch.zeros(4) - 1, rng())))
    assert scores.shape == (LEVELS, 2)
    (gradient,) = torch.autograd.grad(scores.sum(), icons)
    assert bool((gradient.abs().amax(dim=(0, 2, 3)) > 0).all())  # opacity, too


def test_an_opaque_icon_is_seen_the_same_with_and_without_opacity() -> None:
    icons = torch.rand(3, 3, 64, 64, generator=rng()) * 2 - 1
    opaque = torch.cat([icons, torch.ones(3, 1, 64, 64)], dim=1)
    inside = slice(8, VIEW - 8)
    one = views(icons, torch.ones(3), rng())[..., inside, inside]
    other = views(opaque, torch.zeros(4) - 1, rng())[..., inside, inside]
    assert torch.allclose(one, other, atol=1e-5)


def test_nothing_stands_on_another_color_each_time() -> None:
    nothing = torch.full((4, 4, 64, 64), -1.0)
    seen = views(nothing, torch.full((4,), -1.0), rng())
    colors = seen[:, :, 0, 0]
    assert torch.allclose(seen, colors[:, :, None, None].expand_as(seen), atol=1e-5)
    assert len({tuple(color.tolist()) for color in colors}) == 4
    assert float(colors.abs().max()) <= 1


def test_views_move_a_little_and_keep_the_background() -> None:
    icons = torch.full((2, 3, 64, 64), 1.0)
    icons[..., 16:48, 16:48] = -1.0
    still, moved = plain_views(icons, torch.ones(3)), views(icons, torch.ones(3), rng())
    assert not torch.equal(still, moved)
    assert float((still - moved).abs().mean()) < 0.1
    for seen in (still, moved):
        assert torch.equal(seen[..., 0, :], torch.ones_like(seen[..., 0, :]))
        assert float(seen[..., VIEW // 2, VIEW // 2].max()) == pytest.approx(-1, abs=1e-5)
