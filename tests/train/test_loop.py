"""The training step: it learns, it goes on bit for bit, and looking at the model changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from generator.networks import build_generator
from generator.networks.layers import SelfAttention, UpsamplingConv
from generator.networks.plain import PlainConfig
from generator.networks.sagan import SaganConfig
from train.augment import Augmentation, mirror
from train.discriminators import PlainDiscriminator, SaganDiscriminator
from train.ema import recalibrate
from train.loop import Trainer
from train.losses import discriminator_hinge, generator_hinge
from train.recipes import PRESETS

WHITE = (255, 255, 255)


def make_trainer(icons: NDArray[np.uint8], seed: int = 0, **changes: Any) -> Trainer:
    recipe = replace(PRESETS["sagan"], batch=4, translation=0.1, cutout=0.2, color=True, mirror=True, **changes)
    config = SaganConfig(latent_size=8, width=8)
    return Trainer(recipe, config, icons, background=WHITE, device=torch.device("cpu"), seed=seed)


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_going_on_from_a_state_is_exact(drawn_icons: NDArray[np.uint8]) -> None:
    whole = make_trainer(drawn_icons)
    for step in range(6):
        whole.step(step / 6)
    first = make_trainer(drawn_icons)
    for step in range(3):
        first.step(step / 6)
    first.snapshot()  # a look at the model in between
    second = make_trainer(drawn_icons, seed=99)  # whose own beginning must not matter
    second.load_state(first.state())
    for step in range(3, 6):
        second.step(step / 6)
    assert second.steps == 6
    assert equal(whole.state(), second.state())


def test_another_seed_trains_another_model(drawn_icons: NDArray[np.uint8]) -> None:
    one, other = make_trainer(drawn_icons, seed=1), make_trainer(drawn_icons, seed=2)
    one.step(0)
    other.step(0)
    assert not equal(one.state(), other.state())


def test_a_state_of_other_networks_is_refused(drawn_icons: NDArray[np.uint8]) -> None:
    state = make_trainer(drawn_icons).state()
    del state["average/head.3.bias"]
    with pytest.raises(RuntimeError, match=r"head\.3\.bias"):
        make_trainer(drawn_icons).load_state(state)


def test_training_moves_samples_towards_the_icons(drawn_icons: NDArray[np.uint8]) -> None:
    """The mean color of the samples, which starts at grey, approaches that of the mostly white icons."""
    trainer = make_trainer(drawn_icons)

    def gap() -> float:
        torch.manual_seed(0)
        with torch.inference_mode():
            samples = trainer.snapshot()(torch.randn(64, 8))
        return abs(float(samples.mean()) - float(drawn_icons.mean()) / 127.5 + 1)

    before = gap()
    for _ in range(60):
        trainer.step(0)
    assert gap() < before / 2


@pytest.mark.parametrize("preset", list(PRESETS))
def test_every_preset_takes_a_step(drawn_icons: NDArray[np.uint8], preset: str) -> None:
    recipe = PRESETS[preset]
    config = replace(recipe.network(64), width=8)
    trainer = Trainer(recipe, config, drawn_icons, background=WHITE, device=torch.device("cpu"), seed=0)
    before = {name: value.clone() for name, value in trainer.generator.named_parameters()}
    trainer.step(0)
    losses = trainer.read_losses()
    assert all(np.isfinite(losses))
    changed = [name for name, value in trainer.generator.named_parameters() if not torch.equal(value, before[name])]
    assert len(changed) > len(before) / 2
    assert trainer.kimg == recipe.batch / 1000


def test_the_bundle_gets_the_weights_that_spectral_normalization_makes(drawn_icons: NDArray[np.uint8]) -> None:
    recipe = PRESETS["sagan-seed"]
    trainer = Trainer(recipe, PlainConfig(width=8), drawn_icons, background=WHITE, device=torch.device("cpu"), seed=0)
    trainer.step(0)
    weights = trainer.snapshot().state_dict()
    assert set(weights) == set(build_generator(PlainConfig(width=8)).state_dict())
    matrix = weights["trunk.3.weight"].transpose(0, 1).flatten(1)
    assert float(torch.linalg.matrix_norm(matrix, 2)) == pytest.approx(1, rel=0.3)


def test_recalibration_makes_statistics_fit_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.ema.RECALIBRATION_BATCHES", 32)
    torch.manual_seed(0)
    network = build_generator(SaganConfig(latent_size=8, width=8))
    fresh = recalibrate(network, 8, torch.Generator().manual_seed(1))
    norm = fresh.get_submodule("stem.1")
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_var is not None
    stem = fresh.get_submodule("stem.0")
    inputs = stem(torch.randn(4096, 8, 1, 1))
    assert torch.allclose(norm.running_var, inputs.var(dim=(0, 2, 3)), rtol=0.1)
    assert not fresh.training


def test_rates_hold_and_then_fall() -> None:
    recipe = PRESETS["sagan"]
    assert recipe.rate_share(0) == recipe.rate_share(0.6) == 1
    assert recipe.rate_share(0.8) == pytest.approx(0.525)
    assert recipe.rate_share(1) == pytest.approx(0.05)
    assert PRESETS["sagan-seed"].rate_share(1) == 1


def test_hinge_losses() -> None:
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([-2.0, 0.0])
    assert float(discriminator_hinge(real, fake)) == pytest.approx(0.5 + 0.5)
    assert float(generator_hinge(fake)) == 1


def test_attention_starts_as_identity_and_matches_its_formula() -> None:
    torch.manual_seed(0)
    layer, x = SelfAttention(64), torch.randn(2, 64, 8, 8)
    assert torch.equal(layer(x), x)
    with torch.no_grad():
        layer.gain.fill_(1)
        pool = nn.MaxPool2d(2)
        query, key, value = layer.query(x).flatten(2), pool(layer.key(x)).flatten(2), pool(layer.value(x)).flatten(2)
        weights = torch.einsum("ncq,nck->nqk", query, key).softmax(dim=-1)
        expected = x + layer.out(torch.einsum("nqk,nck->ncq", weights, value).view(2, -1, 8, 8))
        assert torch.allclose(layer(x), expected, atol=1e-5)


@pytest.mark.parametrize("size", [32, 64, 128])
def test_discriminator_statistics_stay_within_their_half(size: int) -> None:
    torch.manual_seed(0)
    discriminator = SaganDiscriminator(SaganConfig(image_size=size, width=8)).eval()
    real, fake = torch.randn(4, 3, size, size), torch.randn(4, 3, size, size) * 3
    both = discriminator(torch.cat([real, fake]), groups=2)
    assert both.shape == (8,)
    assert torch.allclose(both[:4], discriminator(real), atol=1e-5)
    assert not torch.allclose(discriminator(torch.cat([real, fake]))[:4], both[:4], atol=1e-5)


def test_the_plain_discriminator_scores() -> None:
    assert PlainDiscriminator(PlainConfig(width=8))(torch.randn(3, 3, 64, 64)).shape == (3,)


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


def test_upsampling_convolution_is_nearest_upsampling_and_a_convolution() -> None:
    torch.manual_seed(0)
    layer, x = UpsamplingConv(4, 6), torch.randn(2, 4, 8, 8)
    weight = layer.weight.detach().transpose(0, 1).flip(2, 3)  # transposed convolutions turn their kernel around
    expected = nn.functional.conv2d(nn.functional.interpolate(x, scale_factor=2.0), weight, padding=1)
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_a_state_from_another_kind_of_device_goes_on(drawn_icons: NDArray[np.uint8]) -> None:
    first = make_trainer(drawn_icons)
    first.step(0)
    state = first.state() | {"rng": torch.zeros(16, dtype=torch.uint8)}  # as long as CUDA's
    second = make_trainer(drawn_icons)
    second.load_state(state)
    second.step(0)
    assert second.steps == 2


@pytest.mark.parametrize("room", ["generator", "average"])
def test_values_that_are_not_finite_are_seen(drawn_icons: NDArray[np.uint8], room: str) -> None:
    trainer = make_trainer(drawn_icons)
    assert trainer.is_finite()
    with torch.no_grad():
        next(trainer._networks()[room].parameters()).fill_(float("nan"))
    assert not trainer.is_finite()


@pytest.mark.cuda
def test_cuda_steps_and_goes_on(drawn_icons: NDArray[np.uint8]) -> None:
    def trainer() -> Trainer:
        recipe = replace(PRESETS["sagan"], cutout=0.2, color=True, mirror=True)
        return Trainer(recipe, SaganConfig(), drawn_icons, background=WHITE, device=torch.device("cuda"), seed=0)

    first, second = trainer(), trainer()
    for _ in range(3):
        first.step(0)
    second.load_state(first.state())
    assert equal(first.state(), second.state())
    second.step(0)
    assert second.is_finite()
    assert all(np.isfinite(second.read_losses()))
