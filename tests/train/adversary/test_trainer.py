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
from generator.networks.plain import PlainConfig
from generator.networks.sagan import SaganConfig
from train.adversary.average import recalibrate
from train.adversary.losses import as_long
from train.adversary.recipes import PRESETS
from train.adversary.trainer import Trainer

WHITE = (255, 255, 255)


def make_trainer(icons: NDArray[np.uint8], seed: int = 0, **changes: Any) -> Trainer:
    changes = {"precision": "float32", **changes}
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


@pytest.mark.parametrize("preset", ["sagan", "sagan-seed"])
def test_it_takes_a_step(drawn_icons: NDArray[np.uint8], preset: str) -> None:
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
    monkeypatch.setattr("train.adversary.average.RECALIBRATION_BATCHES", 32)
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
    "guide": {"guide": 0.2},
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


def test_the_guide_pulls_as_hard_as_its_weight_says() -> None:
    pull, other = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 200.0]])
    assert as_long(other, pull).tolist() == [[0, 5]]
    assert as_long(torch.zeros(1, 2), pull).tolist() == [[0, 0]]
