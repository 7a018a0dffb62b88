"""Augmentation: each kind does what it says and nothing else, and its chance follows the discriminator."""

from __future__ import annotations

import pytest
import torch

from train.adversary.augmentation import ADAPTATION_ICONS, MOST_CHANCE, Augmentation, adapt, mirror


def test_translation_shifts_in_background_and_is_differentiable() -> None:
    rng = torch.Generator().manual_seed(0)
    icons = torch.zeros(32, 3, 16, 16, requires_grad=True)
    background = torch.tensor([1.0, 0.5, -1.0])
    moved = Augmentation(translation=0.25)(icons, background, rng)
    for channel, value in enumerate(background):
        assert set(torch.unique(moved[:, channel]).tolist()) <= {0.0, float(value)}
    shares = (moved[:, 0] == 1).float().mean(dim=(1, 2))
    assert float(shares.max()) <= 1 - 0.75**2
    assert len(torch.unique(shares)) > 3
    moved.sum().backward()  # type: ignore[no-untyped-call]
    assert icons.grad is not None
    assert float(icons.grad.sum()) == pytest.approx(float((moved[:, 0] == 0).sum()) * 3)


def test_translation_moves_the_picture_whole() -> None:
    icons = torch.arange(16 * 16, dtype=torch.float32).view(1, 1, 16, 16).expand(20, 1, 16, 16)
    background = torch.tensor([-1.0])
    for moved in Augmentation(translation=0.25)(icons, background, torch.Generator().manual_seed(1)):
        inside = moved[0][moved[0] >= 0].view(int((moved[0] >= 0).any(1).sum()), -1)
        assert torch.equal(inside.diff(dim=1), torch.ones_like(inside.diff(dim=1)))
        assert torch.equal(inside.diff(dim=0), torch.full_like(inside.diff(dim=0), 16))


def test_cutout_covers_a_square_of_background() -> None:
    icons, background = torch.zeros(64, 1, 16, 16), torch.ones(1)
    cut = Augmentation(cutout=0.5)(icons, background, torch.Generator().manual_seed(0))
    areas = cut.sum(dim=(1, 2, 3))
    assert float(areas.max()) == 64
    assert float(areas.min()) < 32


def test_color_changes_brightness_saturation_and_contrast() -> None:
    """Zhao et al. 2020: x + b - 0.5, then 2 s around the grey, then c + 0.5 around the mean, one b, s, c an icon."""
    icons = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    changed = Augmentation(color=True)(icons, torch.ones(3), torch.Generator().manual_seed(0))
    brightness, saturation, contrast = torch.rand((3, 8), generator=torch.Generator().manual_seed(0))
    for icon, result, b, s, c in zip(icons, changed, brightness, saturation, contrast, strict=True):
        bright = icon + b - 0.5
        vivid = bright.mean(0) + 2 * s * (bright - bright.mean(0))
        assert torch.allclose(result, vivid.mean() + (c + 0.5) * (vivid - vivid.mean()), atol=1e-5)


def test_no_augmentation_changes_nothing_and_draws_nothing() -> None:
    rng = torch.Generator().manual_seed(0)
    icons = torch.rand(2, 3, 16, 16)
    before = rng.get_state()
    assert Augmentation()(icons, torch.ones(3), rng) is icons
    assert torch.equal(rng.get_state(), before)


def test_mirror_flips_about_half() -> None:
    icons = torch.arange(16.0).expand(200, 1, 4, 16)
    flipped = mirror(icons, torch.Generator().manual_seed(0))[:, 0, 0, 0] == 15
    assert 60 < int(flipped.sum()) < 140


def test_the_chance_of_augmentation_follows_the_discriminator() -> None:
    chance = torch.tensor(0.0)
    for _ in range(200):
        adapt(chance, torch.full((500,), 2.0))  # sure of every real icon
    assert chance == pytest.approx(MOST_CHANCE)  # and never beyond
    adapt(chance, torch.tensor([1.0, -1.0] * 250))  # as sure as a coin
    assert chance == pytest.approx(MOST_CHANCE - 500 / ADAPTATION_ICONS)
