"""`python -m train bench`: figures that hold together, for several presets in one run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from train.__main__ import app
from train.adversary.recipes import PRESETS
from train.doors.bench import FEWEST_ROUNDS, Bench, Machine, Speed, bench, gflop_per_image, matrix_rate, summarize_bench

CPU = torch.device("cpu")


def test_two_presets_are_measured_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sagan", "sagan-seed"):
        monkeypatch.setitem(PRESETS, name, replace(PRESETS[name], width=8, batch=2))
    answer = CliRunner().invoke(app, ["bench", "--seconds", "0.1", "--json", "--device", "cpu"])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    speeds = [Speed(**speed) for speed in found["speeds"]]
    result = Bench(Machine(**found["machine"]), found["image_size"], found["channels"], found["rounds"], speeds)
    assert result.rounds >= FEWEST_ROUNDS
    assert [speed.preset for speed in speeds] == ["sagan", "sagan-seed"]
    for speed in speeds:
        assert 0 < speed.slowest_round <= speed.images_per_second <= speed.fastest_round
        assert speed.ms_per_step == pytest.approx(2000 / speed.images_per_second)
        assert speed.peak_memory_mib is None or 1 < speed.peak_memory_mib < 4096
        share = speed.images_per_second * speed.gflop_per_image / result.machine.matrix_gflops
        assert 0 < speed.matrix_share == pytest.approx(share)
    console = Console(width=100)
    with console.capture() as captured:
        console.print(summarize_bench(result))
    assert "times the images/s" in captured.get()
    assert "1.00x" in captured.get()


def test_an_autoencoder_is_refused_in_a_sentence() -> None:
    answer = CliRunner().invoke(app, ["bench", "--preset", "autoencoder", "--size", "28", "--device", "cpu"])
    assert answer.exit_code == 2
    assert "plays no game" in answer.stderr


def test_the_flop_are_those_of_the_layers() -> None:
    # By hand, of the plain networks: forward, generator 0.399 and discriminator 0.231 GFLOP an icon. The generator goes
    # forwards and backwards (3x); so does the discriminator on two icons, and on one more without its weights (2x).
    by_hand = 3 * 0.399 + 2 * 3 * 0.231 + 2 * 0.231
    assert gflop_per_image(replace(PRESETS["sagan-seed"], batch=2), 64) == pytest.approx(by_hand, rel=0.02)


def test_gray_icons_have_one_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.doors.bench._peak_memory", lambda *_: None)
    options = ["--preset", "gan", "--size", "28", "--gray", "--seconds", "0.1", "--device", "cpu"]
    answer = CliRunner().invoke(app, ["bench", *options, "--json"])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert found["channels"] == 1
    # By hand, in products of a weight and a value, forward. Backwards, the first layers of the generator, and of the
    # discriminator while it learns, need no gradients of their inputs.
    generator, discriminator = 50_176, 25_616
    by_hand = (2.5 * generator) + 2 * (2 * discriminator + 528) + 2 * discriminator
    assert found["speeds"][0]["gflop_per_image"] == pytest.approx(2e-9 * by_hand, rel=0.01)


def test_the_matrix_rate_is_one_of_a_computer() -> None:
    assert 1e8 < matrix_rate(CPU) < 1e15


@pytest.mark.parametrize("options", [("--preset", "nothing"), ("--size", "50"), ("--device", "abacus")])
def test_what_cannot_be_measured_is_one_sentence(options: tuple[str, str]) -> None:
    result = CliRunner().invoke(app, ["bench", *options])
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.cuda
def test_cuda_tells_its_memory() -> None:
    result = bench([replace(PRESETS["sagan"], batch=64)], image_size=64, device=torch.device("cuda"), seconds=1)
    assert result.speeds[0].peak_memory_mib
    assert result.speeds[0].images_per_second > 100
