"""`train compare`: presets get the same icons and the same share, what is there is kept, and what cannot be is said."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from typer.testing import CliRunner, Result

from generator.checkpoint import BROAD_BUNDLE, DEFAULT_BUNDLE, read_bundle
from generator.networks import build_generator
from generator.networks.layers import SelfAttention, UpsamplingConv
from generator.studio import fold
from tests.train.doors.test_ablate import write_icons
from train.__main__ import app
from train.adversary.recipes import PRESETS
from train.doors.measuring import anatomy
from train.doors.options import VARIED_R1
from train.report.history import read_history
from train.run.folder import BEST, Run
from train.run.guard import End
from train.run.setting import Setting
from train.run.sitting import TrainingError

TINY = replace(PRESETS["sagan"], width=8, latent_size=8, batch=4)
THREE = ("--preset", "tiny", "--preset", "sagan-seed", "--preset", "plain")


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "tiny", TINY)
        patch.setitem(PRESETS, "plain", replace(TINY, coarse_discriminator=False))
        patch.setattr("train.run.sitting.SAMPLES", 16)
        patch.setattr("train.doors.compare.write_run_report", lambda _: None)  # seconds, and tested where it belongs
        yield


@pytest.fixture(scope="module")
def source(drawn_icons: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_icons(drawn_icons, tmp_path_factory.mktemp("set") / "icons")


@pytest.fixture(scope="module")
def compared(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two presets, and of one that cannot draw so small; stopped in the first one, then gone on with."""
    out = tmp_path_factory.mktemp("compared") / "out"
    asked = iter([False, False, True])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.doors.compare.StopSignal.asked", lambda _: next(asked))
        stopped = compare(source, out, *THREE)
    assert stopped.exit_code == 0, stopped.output
    assert "The same command goes on" in stopped.stdout
    assert runs(out) == ["0001-tiny-icons"]
    assert read_history(out / "0001-tiny-icons").ended == End.STOPPED
    assert not (out / "compare.html").exists()
    result = compare(source, out, *THREE)
    assert result.exit_code == 0, result.output
    assert read_history(out / "0001-tiny-icons").ended == End.GOAL
    return out


def compare(source: Path, out: Path, *options: str, kimg: str = "0.024") -> Result:
    given = ["--icons", str(source), "--out", str(out), "--kimg", kimg, "--size", "32", "--samples", "16", *options]
    return CliRunner().invoke(app, ["compare", *given])


def runs(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir() if path.is_dir())


def record(out: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / "compare.json").read_text())
    return document


def test_all_get_the_same_and_are_judged_alike(compared: Path) -> None:
    assert runs(compared) == ["0001-tiny-icons", "0002-plain-icons"]
    tiny, refused, plain = record(compared)["presets"]
    assert "64 x 64" in refused["said"]
    assert refused["anatomy"] is None
    for row, run in zip((tiny, plain), runs(compared), strict=True):
        card = read_bundle(compared / run / BEST).card
        assert row["kimg"] == pytest.approx(0.024)
        assert row["figures"].keys() == {*card.metrics, "membership"}
        assert row["figures"]["swd"] == pytest.approx(card.metrics["swd"].model_dump(), rel=1e-4)  # as many samples
        assert row["figures"]["membership"]["held_out"] == card.data.held_out
        assert row["usd"] == pytest.approx(0.085 * row["seconds"] / 3600)
        assert row["images_per_second"] > 0
    assert {name: figure["real"] for name, figure in tiny["figures"].items() if "chosen" not in name} == {
        name: figure["real"] for name, figure in plain["figures"].items() if "chosen" not in name
    }
    assert tiny["anatomy"]["helper"] > plain["anatomy"]["helper"]


def test_steps_are_as_large_as_fit_takes_them(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def train(_: Path, __: str, setting: Setting, *___: object) -> bool:
        taken.append(setting.recipe.batch)
        return False

    monkeypatch.setattr("train.doors.compare._train", train)
    monkeypatch.setattr(
        "train.doors.compare.usual_batch", lambda recipe, device: 3 * recipe.batch + (device.type == "cpu")
    )
    assert compare(source, tmp_path / "out", "--preset", "tiny", "--device", "cpu").exit_code == 0
    assert taken == [13]


def test_varied_icons_have_the_r1_that_fit_gives_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[float] = []

    def train(_: Path, __: str, setting: Setting, *___: object) -> bool:
        taken.append(setting.recipe.r1)
        return False

    monkeypatch.setattr("train.doors.compare._train", train)
    for icons in (BROAD_BUNDLE, DEFAULT_BUNDLE):
        assert compare(icons, tmp_path / icons.name, "--preset", "sagan").exit_code == 0
    assert taken == [VARIED_R1, 0.0]


def test_page_and_picture_show_all_of_it(compared: Path) -> None:
    page = (compared / "compare.html").read_text("utf-8")
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "prefers-color-scheme: dark" in page
    assert page.count("<img") == 3  # training icons, and a sheet of each
    assert all(
        text in page for text in ("membership", "form", "draws 64 x 64", "GFLOP an icon", "AWS c5.large", "1.5x")
    )
    with Image.open(compared / "compare.png") as picture:
        assert picture.width > 1000
        assert picture.height > 1000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--seed", "1"), "--seed 0"),
        (("--background", "black"), "--background #ffffff"),
        (("--hold-out", "0.3"), "--hold-out 0.1"),
    ],
)
def test_other_settings_are_refused(compared: Path, source: Path, options: tuple[str, ...], said: str) -> None:
    refused = compare(source, compared, *THREE, *options)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert "another --out" in refused.stderr
    assert len(runs(compared)) == 2


def test_what_was_trained_on_by_hand_is_refused(compared: Path, source: Path, tmp_path: Path) -> None:
    out = shutil.copytree(compared, tmp_path / "out")
    with Run.open(out / runs(out)[0]) as run:
        run.change_options({"goal": {"kimg": 9.0, "minutes": None}})
    refused = compare(source, out, *THREE)
    assert refused.exit_code == 2
    assert "9 kimg" in refused.stderr


def test_a_preset_that_fails_is_said_and_what_is_done_is_not_trained_again(
    compared: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TrainingError("it <diverged>.")

    out = shutil.copytree(compared, tmp_path / "out")
    shutil.rmtree(out / "0001-tiny-icons")
    monkeypatch.setattr("train.doors.compare.fit", fail)
    result = compare(source, out, *THREE, "--price", "2")
    assert result.exit_code == 0, result.output
    failed, _, kept = record(out)["presets"]
    assert failed["said"] == "it <diverged>."
    assert kept["figures"] == record(compared)["presets"][2]["figures"]
    assert kept["usd"] == pytest.approx(2 * kept["seconds"] / 3600)
    assert "it &lt;diverged&gt;." in (out / "compare.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--preset", "none"), "'none' is unknown"),
        (("--preset", "tiny+mirror"), "+guide"),
        (("--preset", "sagan-seed"), "None of these presets"),
        (("--minutes", "1"), "not both"),
        (("--price", "inf"), "finite"),
    ],
)
def test_what_cannot_be_is_one_sentence(source: Path, tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    result = compare(source, tmp_path / "out", *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(source: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    result = compare(source, tmp_path, "--preset", "tiny")
    assert result.exit_code == 2
    assert "new or empty" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_without_an_end_nothing_begins(source: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["compare", "--icons", str(source), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "--minutes" in result.stderr


def test_parameters_and_flop_are_those_of_the_networks(compared: Path) -> None:
    with Run.open(compared / "0001-tiny-icons") as run:
        setting = Setting.read(run.options)
        icons = run.icons()
    guided = replace(setting, recipe=replace(setting.recipe, guide=1.0))
    plain, helped = anatomy(setting, icons), anatomy(guided, icons)
    network = build_generator(setting.network)
    assert plain.generator == helped.generator == sum(each.numel() for each in network.parameters())
    assert helped.helper > plain.helper > 0
    counted = [0]

    def count(layer: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        if isinstance(layer, SelfAttention):  # keys and values are pooled 2x2, keys as wide as values
            counted[0] += 2 * 2 * output.shape[-2:].numel() ** 2 // 4 * layer.value.out_channels
        elif isinstance(layer, UpsamplingConv):
            counted[0] += 2 * layer.kernel().numel() * inputs[0].shape[-2:].numel()
        elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            places = (inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output).shape[-2:].numel()
            counted[0] += 2 * layer.weight.numel() * places

    drawing = fold(network)
    for layer in drawing.modules():
        layer.register_forward_hook(count)
    drawing(torch.zeros(1, setting.network.latent_size))
    assert plain.gflop == pytest.approx(counted[0] / 1e9, rel=0.01)  # making a kernel counts, too
