"""The training step: it learns, it goes on bit for bit, and looking at the model changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from generator.networks import build_generator
from generator.networks.layers import SelfAttention, UpsamplingConv
from generator.networks.plain import PlainConfig
from generator.networks.sagan import SaganConfig
from train.augment import ADAPTATION_ICONS, MOST_CHANCE, Augmentation, adapt, mirror
from train.discriminators import PlainDiscriminator, SaganDiscriminator
from train.ema import recalibrate
from train.growth import GrowingDiscriminator, GrowingGenerator, Stage, stage_at
from train.loop import Trainer
from train.losses import LeCam, discriminator_hinge, generator_hinge, gradient_penalty
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
    del state["average/head.bias"]
    with pytest.raises(RuntimeError, match=r"head\.bias"):
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
    for _ in range(120):
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


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("size", [32, 64, 128])
def test_discriminator_statistics_stay_within_their_half(size: int, coarse: bool) -> None:
    torch.manual_seed(0)
    discriminator = SaganDiscriminator(SaganConfig(image_size=size, width=8), coarse=coarse).eval()
    real, fake = torch.randn(4, 3, size, size), torch.randn(4, 3, size, size) * 3
    both = discriminator(torch.cat([real, fake]), groups=2)
    assert both.shape == (8,)
    assert torch.allclose(both[:4], discriminator(real), atol=1e-5)
    assert not torch.allclose(discriminator(torch.cat([real, fake]))[:4], both[:4], atol=1e-5)


def test_the_coarse_discriminator_sees_what_16x16_shows_and_nothing_finer() -> None:
    torch.manual_seed(0)
    discriminator = SaganDiscriminator(SaganConfig(width=8), coarse=True).eval()
    icons, stripes = torch.randn(2, 3, 64, 64) / 4, torch.tensor([0.5, -0.5]).repeat(32)
    discriminator.head = nn.Conv2d(65, 1, 4, bias=False)
    with torch.no_grad():
        discriminator.head.weight.zero_()
        seen = discriminator(icons)
        assert torch.allclose(discriminator(icons + stripes), seen, atol=1e-5)
        assert not torch.allclose(discriminator(icons + 0.5), seen, atol=1e-2)


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


INGREDIENTS = {
    "growth": {"growth": 0.9},
    "adaptive": {"adaptive": True},
    "lecam": {"lecam": 0.3},
    "r1": {"r1": 1.0},
    "noise": {"noise": 0.1},
    "attention": {"discriminator_attention": (16, 32)},
}


@pytest.mark.parametrize("changes", INGREDIENTS.values(), ids=INGREDIENTS.keys())
def test_each_ingredient_changes_training_and_goes_on_exactly(
    drawn_icons: NDArray[np.uint8], changes: dict[str, Any]
) -> None:
    plain, whole, first, second = (make_trainer(drawn_icons, **each) for each in ({}, changes, changes, changes))
    for trainer, steps in ((plain, (0, 1)), (whole, (0, 1)), (first, (0,))):
        for step in steps:
            trainer.step(step / 2)
    second.load_state(first.state())
    second.step(1 / 2)
    assert whole.is_finite()
    assert equal(whole.state(), second.state())
    assert not equal(plain.snapshot().state_dict(), whole.snapshot().state_dict())


def test_the_scale_of_the_rates_is_obeyed_and_kept(drawn_icons: NDArray[np.uint8]) -> None:
    trainer = make_trainer(drawn_icons)
    before = trainer.state()
    trainer.rate_scale = 0.0
    trainer.step(0)
    after = trainer.state()
    weights = [name for name in before if name.endswith("weight") and "generator/" in name]
    assert weights
    assert all(torch.equal(before[name], after[name]) for name in weights)
    other = make_trainer(drawn_icons)
    other.load_state(after)
    assert other.rate_scale == 0.0


def test_a_run_starts_from_the_weights_of_a_bundle(drawn_icons: NDArray[np.uint8]) -> None:
    teacher = make_trainer(drawn_icons, seed=7)
    teacher.step(0)
    weights = teacher.snapshot().state_dict()
    both: tuple[dict[str, Any], ...] = ({}, {"growth": 0.5})
    for changes in both:
        pupil = make_trainer(drawn_icons, **changes)
        pupil.start_from(weights)
        assert torch.equal(pupil.snapshot().state_dict()["head.weight"], weights["head.weight"])
        assert equal(
            {name: value for name, value in pupil.state().items() if "stem.0" in name and name.startswith("average")},
            {
                f"average/{'network.' if changes else ''}{name}": value
                for name, value in weights.items()
                if name.startswith("stem.0")
            },
        )
    with pytest.raises(RuntimeError):
        make_trainer(drawn_icons).start_from({})


def test_the_chance_of_augmentation_follows_the_discriminator() -> None:
    chance = torch.tensor(0.0)
    for _ in range(200):
        adapt(chance, torch.full((500,), 2.0))  # sure of every real icon
    assert chance == pytest.approx(MOST_CHANCE)  # and never beyond
    adapt(chance, torch.tensor([1.0, -1.0] * 250))  # as sure as a coin
    assert chance == pytest.approx(MOST_CHANCE - 500 / ADAPTATION_ICONS)


def test_lecam_pulls_scores_towards_the_other_side() -> None:
    lecam = LeCam(torch.device("cpu"), decay=0.0)
    reals, fakes = torch.full((4,), 2.0), torch.full((4,), -1.0)
    assert lecam(reals, fakes) == pytest.approx((2 + 1) ** 2 + (2 + 1) ** 2)
    assert lecam.anchors.tolist() == [2.0, -1.0]


def test_the_gradient_penalty_is_the_squared_slope() -> None:
    slope = torch.randn(3, 8, 8)

    class Linear(nn.Module):
        def forward(self, icons: torch.Tensor) -> torch.Tensor:
            return (icons * slope).sum(dim=(1, 2, 3))

    penalty = gradient_penalty(Linear(), torch.randn(5, 3, 8, 8))
    assert float(penalty) == pytest.approx(float(slope.square().sum()), rel=1e-5)


def test_a_run_grows_from_16_to_its_full_size() -> None:
    stages = [stage_at(progress / 100, 0.4, 64) for progress in range(100)]
    assert [stage.resolution for stage in stages] == [16] * 20 + [32] * 20 + [64] * 60
    assert [stages[place].blend for place in (0, 20, 25, 30, 39, 40, 45, 50, 99)] == pytest.approx(
        [1, 0, 0.5, 1, 1, 0, 0.5, 1, 1]
    )
    assert stage_at(0, 0, 64) == stage_at(1, 0.4, 64) == Stage(64)
    assert stage_at(0, 0.4, 32) == Stage(16)


def test_networks_that_grow_begin_a_size_where_the_one_below_ended(drawn_icons: NDArray[np.uint8]) -> None:
    trainer = make_trainer(drawn_icons, growth=0.8)
    assert (trainer.is_grown, trainer.preview()(torch.randn(2, 8)).shape[-1]) == (False, 16)
    latents, icons = torch.randn(2, 8), torch.randn(2, 3, 32, 32)
    generator, discriminator = trainer.generator.eval(), trainer.discriminator.eval()
    assert isinstance(generator, GrowingGenerator)
    assert isinstance(discriminator, GrowingDiscriminator)
    cases: tuple[tuple[GrowingGenerator | GrowingDiscriminator, torch.Tensor, torch.Tensor], ...] = (
        (generator, latents, latents),
        (discriminator, functional.avg_pool2d(icons, 2), icons),
    )
    with torch.no_grad():
        for network, old, new in cases:
            network.stage = Stage(16)
            before = network(old)
            network.stage = Stage(32, 0.0)
            after = network(new)
            pooled = functional.avg_pool2d(after, 2) if after.ndim == 4 else after
            assert torch.allclose(pooled, before, atol=1e-5)
    trainer.step(0.99)
    assert trainer.is_grown
