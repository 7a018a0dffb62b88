"""Runs that begin with what another one has learned: `--from`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch

from generator.checkpoint import BROAD_BUNDLE, DEFAULT_BUNDLE, read_bundle
from tests.train.run.door import folder_of, train
from train.adversary.recipes import PRESETS
from train.doors.options import VARIED_R1, penalized, usual_start
from train.run.folder import BEST, Run
from train.run.setting import Setting


@pytest.fixture(scope="module")
def teacher_run(icon_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("teachers")
    given = ("--icons", icon_folder, "--kimg", "0.016", "--batch", "4", "--width", "8", "--guide", "0.2")
    assert train(*given, "--runs", runs).exit_code == 0
    return folder_of(runs)


def test_a_run_starts_from_the_best_of_another(teacher_run: Path, icon_folder: Path, tmp_path: Path) -> None:
    given = ("--icons", icon_folder, "--from", teacher_run, "--batch", "4", "--seed", "3")
    result = train(*given, "--kimg", "0.004", "--runs", tmp_path)
    assert result.exit_code == 0, result.output
    teacher, pupil = (read_bundle(run / BEST) for run in (teacher_run, folder_of(tmp_path)))
    assert pupil.card.started_from == teacher.digest
    assert (teacher.card.started_from, pupil.config) == ("", teacher.config)
    step = pupil.generator["head.weight"] - teacher.generator["head.weight"]
    assert float(step.abs().max()) < 0.01  # one step away from where the other one ended


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--size", "32"), "image_size 64"),
        (("--width", "16"), "width 8"),
        (("--preset", "sagan-seed"), "cannot start from a bundle"),
    ],
)
def test_a_bundle_of_another_form_is_no_start(
    teacher_run: Path,
    icon_folder: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    said: str,
) -> None:
    result = train("--icons", icon_folder, "--from", teacher_run / BEST, *options, "--runs", tmp_path / "runs")
    assert result.exit_code == 2
    assert said in result.stderr.replace("\n", " ")
    assert not (tmp_path / "runs").exists()


def test_what_judged_the_teacher_judges_the_pupil(teacher_run: Path, icon_folder: Path, tmp_path: Path) -> None:
    """With rates of 0 nothing is learned: what the run keeps of its critics is what it began with."""
    still = ("--generator-rate", "0", "--discriminator-rate", "0")
    given = ("--icons", icon_folder, "--from", teacher_run, "--batch", "4", "--kimg", "0.004", "--guide", "0.2", *still)
    assert train(*given, "--runs", tmp_path).exit_code == 0
    teacher, pupil = (read_bundle(run / BEST).discriminator for run in (teacher_run, folder_of(tmp_path)))
    weights = [name for name in teacher if "original" in name or name.endswith("gain")]
    assert {name.partition("/")[0] for name in weights} == {"discriminator", "guide"}
    assert all(torch.equal(teacher[name], pupil[name]) for name in weights)


def test_critics_of_another_form_are_left(teacher_run: Path, icon_folder: Path, tmp_path: Path) -> None:
    given = ("--icons", icon_folder, "--from", teacher_run, "--batch", "4", "--kimg", "0.004")
    result = train(*given, "--no-minibatch-stddev", "--runs", tmp_path)
    assert result.exit_code == 0, result.output
    with Run.open(folder_of(tmp_path)) as run:
        assert run.start() is not None
    assert not any(name.startswith("guide") for name in read_bundle(folder_of(tmp_path) / BEST).discriminator)


@pytest.mark.parametrize(
    ("preset", "guide", "given", "r1"),
    [
        ("sagan", 0.0, None, VARIED_R1),
        ("sagan", 0.0, 0.0, 0.0),
        ("sagan", 0.0, 2.0, 2.0),
        ("sagan", 1.0, None, 0.0),
        ("dcgan", 0.0, None, 0.0),
    ],
)
def test_r1_holds_what_judges_varied_icons_unless_told_otherwise(
    preset: str, guide: float, given: float | None, r1: float
) -> None:
    recipe = replace(PRESETS[preset], guide=guide, r1=given or 0.0)
    varied, alike = (read_bundle(path).icons() for path in (BROAD_BUNDLE, DEFAULT_BUNDLE))
    assert penalized(recipe, varied, given) == replace(recipe, r1=r1)
    assert penalized(recipe, alike, given) == recipe


def test_a_run_starts_from_the_broad_bundle_that_ships(icon_folder: Path, tmp_path: Path) -> None:
    given = ("--icons", icon_folder, "--from", "broad", "--batch", "4", "--kimg", "0.004", "--runs", tmp_path)
    result = train(*given)
    assert result.exit_code == 0, result.output
    card = read_bundle(folder_of(tmp_path) / BEST).card
    assert card.started_from == read_bundle(BROAD_BUNDLE).digest
    assert card.background == "transparent"


@pytest.mark.parametrize(
    ("options", "broad"),
    [
        (("--kimg", "1"), True),
        ((), True),
        (("--kimg", "1", "--from", "none"), False),
        (("--kimg", "1", "--width", "8"), False),
        (("--kimg", "1", "--growth", "0.5"), False),
        (("--kimg", "1", "--gray"), False),
        (("--kimg", "1", "--preset", "dcgan"), False),
    ],
)
def test_a_run_of_its_form_starts_from_the_broad_bundle_unless_told_otherwise(
    options: tuple[str, ...], broad: bool
) -> None:
    planned = train("--icons", BROAD_BUNDLE, "--device", "cpu", *options, "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert ("starts from" in planned.output) == broad


def test_a_gpu_and_a_narrow_set_start_from_nothing_unless_told_otherwise() -> None:
    recipe, cpu = PRESETS["sagan"], torch.device("cpu")
    setting = cast("Setting", SimpleNamespace(recipe=recipe, network=recipe.network(64, 4)))
    varied = read_bundle(BROAD_BUNDLE).icons()
    alike = read_bundle(DEFAULT_BUNDLE).icons()
    assert usual_start(setting, varied, cpu) is not None
    for device in ("cuda", "mps"):
        assert usual_start(setting, varied, torch.device(device)) is None
    assert usual_start(setting, alike, cpu) is None


@pytest.mark.parametrize(
    ("options", "r1"),
    [((), VARIED_R1), (("--from", "none"), VARIED_R1), (("--from", DEFAULT_BUNDLE), VARIED_R1), (("--r1", "0"), 0.0)],
)
def test_a_run_on_varied_icons_is_held_by_r1(tmp_path: Path, options: tuple[str | Path, ...], r1: float) -> None:
    given = ("--icons", BROAD_BUNDLE, "--device", "cpu", "--kimg", "0.012", "--batch", "4", "--runs", tmp_path)
    result = train(*given, "--only", "icon-000*", *options)
    assert result.exit_code == 0, result.output
    with Run.open(folder_of(tmp_path)) as run:
        assert run.options["recipe"]["r1"] == r1
