"""The step that a GPU records: on the CPU everything about it but the recording; with `-m cuda` that, too."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from generator.networks.sagan import SaganConfig
from train.adversary.capture import Graph, Steps, Way
from train.adversary.discriminators import SaganDiscriminator
from train.adversary.growth import GrowingDiscriminator, GrowingGenerator
from train.adversary.recipes import PRESETS
from train.adversary.trainer import Trainer

CHANGES: dict[str, Any] = {"growth": 0.5, "adaptive": True, "lecam": 0.3, "r1": 1.0, "noise": 0.1, "mirror": True}
GUIDED: dict[str, Any] = CHANGES | {"guide": 0.2}


def make_trainer(icons: NDArray[np.uint8], device: str = "cpu", **changes: Any) -> Trainer:
    recipe = replace(PRESETS["sagan"], batch=4, cutout=0.2, color=True, **{"precision": "float32", **changes})
    config = SaganConfig(image_size=32, latent_size=8, width=8)
    small = np.ascontiguousarray(icons[:, ::2, ::2])
    return Trainer(recipe, config, small, background=(255, 255, 255), device=torch.device(device), seed=0)


class Replayed:
    """Stands for a recorded step: it does the work with all that Python knew at the recording, and only that."""

    def __init__(self, trainer: Trainer, way: Way) -> None:
        self.trainer, self.way, self.stage = trainer, way, trainer.stage

    def replay(self) -> None:
        trainer = self.trainer
        present, steps, rate_scale = trainer.stage, trainer.steps, trainer.rate_scale
        trainer.steps, trainer.rate_scale = -1, float("nan")
        self._pretend(self.stage)
        trainer._work(self.way)
        self._pretend(present)
        trainer.steps, trainer.rate_scale = steps, rate_scale

    def _pretend(self, stage: Any) -> None:
        self.trainer.stage = stage
        for network in (self.trainer.generator, self.trainer.discriminator):
            assert isinstance(network, GrowingGenerator | GrowingDiscriminator)
            network._stage = stage  # past the setter, which would fill the tensor


def record(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    def stand_in(steps: Steps, way: Way) -> Graph:
        return Replayed(trainer, way)

    monkeypatch.setattr(Steps, "_record", stand_in)
    trainer.schedule.records = True


def test_a_recorded_step_gives_the_numbers_of_any_step(
    drawn_icons: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    normal, recorded = make_trainer(drawn_icons, **GUIDED), make_trainer(drawn_icons, **GUIDED)
    record(recorded, monkeypatch)
    for step in range(12):
        normal.step(step / 12)
        recorded.step(step / 12)
    assert {(way.resolution, way.fades_in) for way in recorded.schedule.graphs} == {
        (16, False),
        (32, True),
        (32, False),
    }
    expected, found = normal.state(), recorded.state()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert recorded.read_losses() == normal.read_losses()


def test_a_loaded_state_has_tensors_of_its_own(drawn_icons: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(drawn_icons, **CHANGES | {"r1": 0.0})
    record(trainer, monkeypatch)
    for _ in range(3):
        trainer.step(0)
    assert trainer.schedule.graphs
    trainer.load_state(trainer.state())
    assert not trainer.schedule.graphs


def test_what_cannot_be_recorded_is_done_as_it_is(
    drawn_icons: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(steps: Steps, way: Way) -> Graph:
        torch.rand(3, generator=steps.rng)
        raise RuntimeError("operation not permitted when stream is capturing.\nSearch for more.")

    normal, failed = make_trainer(drawn_icons), make_trainer(drawn_icons)
    monkeypatch.setattr(Steps, "_record", failing)
    failed.schedule.records = True
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            normal.step(0)
            failed.step(0)
    (said,) = caplog.messages
    assert said == (
        "The step cannot be a CUDA graph here (operation not permitted when stream is capturing); "
        "training goes on without, more slowly."
    )
    expected, found = normal.state(), failed.state()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_a_run_that_went_back_goes_on_when_recording_fails(
    drawn_icons: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, where recording again failed, and the random numbers of the first recording could not be drawn."""
    recorded = make_trainer(drawn_icons, **CHANGES)
    record(recorded, monkeypatch)
    for _ in range(4):
        recorded.step(0)
    state, first = recorded.state(), recorded.rng

    def failing(steps: Steps, way: Way) -> Graph:
        raise RuntimeError("no room")

    monkeypatch.setattr(Steps, "_record", failing)
    recorded.load_state(state)
    normal = make_trainer(drawn_icons, **CHANGES)
    normal.load_state(state)
    for _ in range(4):
        recorded.step(0.5)
        normal.step(0.5)
    assert recorded.rng is not first
    assert not recorded.schedule.records
    expected, found = normal.state(), recorded.state()
    assert [name for name, value in expected.items() if not torch.equal(found[name], value)] == []


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_cuda_records_again_after_going_back(drawn_icons: NDArray[np.uint8], precision: str) -> None:
    trainer = make_trainer(drawn_icons, "cuda", precision=precision, **GUIDED)
    for step in range(20):
        trainer.step(0.9 + step / 1000)
    state = trainer.state()
    for _ in range(3):
        trainer.step(0.95)
        trainer.load_state(state)
        assert not trainer.schedule.graphs
        for _ in range(20):
            trainer.step(0.95)
        assert trainer.schedule.records
        assert trainer.schedule.graphs
        assert trainer.is_finite()


@pytest.mark.cuda
def test_cuda_goes_on_when_recording_fails(drawn_icons: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(drawn_icons, "cuda", precision="bfloat16", **GUIDED)
    for _ in range(4):
        trainer.step(0.9)
    trainer.load_state(trainer.state())
    work = trainer._work

    def waiting(way: Way) -> None:
        work(way)
        torch.zeros((), device="cuda").item()  # not allowed in a recording

    trainer.schedule._work = waiting
    for _ in range(20):
        trainer.step(0.9)
    assert not trainer.schedule.records
    assert trainer.is_finite()


def test_bfloat16_is_for_products_only(drawn_icons: NDArray[np.uint8]) -> None:
    """On a CPU that is not made for it it is slow, but it is the same code."""
    plain, short = (make_trainer(drawn_icons, precision=name, **CHANGES) for name in ("float32", "bfloat16"))
    seen: dict[str, set[torch.dtype]] = {}

    def note(name: str) -> Any:
        return lambda module, inputs, output: seen.setdefault(name, set()).add(output.dtype)

    discriminator = short.discriminator.network
    assert isinstance(discriminator, SaganDiscriminator)
    for module in short.generator.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(note("convolution"))
    norm: Any = discriminator.head.conv
    norm.parametrizations.weight[0].register_forward_hook(note("normalized weight"))
    plain.step(0.3)
    short.step(0.3)
    assert seen == {"convolution": {torch.bfloat16}, "normalized weight": {torch.float32}}
    assert {value.dtype for name, value in short.state().items() if "adam" in name} == {torch.float32}
    assert short.is_finite()
    assert short.read_losses() == pytest.approx(plain.read_losses(), abs=0.03)


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_cuda_records_the_step_and_waits_for_nothing(drawn_icons: NDArray[np.uint8], precision: str) -> None:
    normal, recorded = (
        make_trainer(drawn_icons, "cuda", precision=precision, **GUIDED | {"r1": 0.0}) for _ in range(2)
    )
    normal.schedule.records = False
    for step in range(12):
        normal.step(step / 12)
        recorded.step(step / 12)
    assert recorded.schedule.records
    assert len(recorded.schedule.graphs) == 3
    assert recorded.is_finite()
    assert recorded.read_losses() == pytest.approx(normal.read_losses(), rel=0.05, abs=0.05)
    torch.cuda.set_sync_debug_mode("error")
    try:
        recorded.step(0.9)
    finally:
        torch.cuda.set_sync_debug_mode("default")
