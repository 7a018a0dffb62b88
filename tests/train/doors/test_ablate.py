"""The ablation trains every variant once, keeps it, and judges all alike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner, Result

from train.__main__ import app
from train.adversary.recipes import PRESETS, Recipe
from train.doors.ablate import VARIANTS


def write_icons(icons: NDArray[np.uint8], folder: Path) -> Path:
    folder.mkdir()
    for place, icon in enumerate(icons):
        Image.fromarray(icon).save(folder / f"{place}.png")
    return folder


def test_variants_are_changes_to_the_recipe() -> None:
    known = set(Recipe.__dataclass_fields__)
    changed = {
        name: {key for key, value in each.items() if getattr(PRESETS["sagan"], key) != value}
        for name, each in VARIANTS.items()
    }
    assert all(set(each) <= known for each in VARIANTS.values())
    assert all(changed[name] == set(each) for name, each in VARIANTS.items()), "a variant that is the default"


def test_runs_are_kept_and_judged(
    drawn_icons: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.doors.ablate.SAMPLES", 64)
    source = write_icons(drawn_icons, tmp_path / "icons")
    out = tmp_path / "ablation"
    command = ["ablate", "--icons", str(source), "--out", str(out), "--seconds", "0.1", "--size", "32", "--json"]
    command += ["--variant", "as it is", "--variant", "with LeCam"]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert len(before) == 6  # weights, sheet and record of each
    again = CliRunner().invoke(app, command)
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before
    results = json.loads(again.stdout)
    assert [(result["name"], result["seed"]) for result in results] == [("as it is", 0), ("with LeCam", 0)]
    assert all(result["kimg"] > 0 and result["metrics"]["swd"]["value"] > 0 for result in results)
    assert results == json.loads(first.stdout)


def test_runs_of_equally_many_icons_repeat(
    drawn_icons: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.doors.ablate.SAMPLES", 16)
    source = write_icons(drawn_icons, tmp_path / "icons")
    found = []
    for out in ("first", "second"):
        command = ["ablate", "--icons", str(source), "--out", str(tmp_path / out), "--kimg", "0.1", "--size", "32"]
        result = CliRunner().invoke(app, [*command, "--variant", "as it is", "--json"])
        assert result.exit_code == 0, result.output
        found.append(json.loads(result.stdout)[0])
    assert found[0]["kimg"] == 0.13  # four steps: the first to reach a hundred icons
    assert found[0]["metrics"] == found[1]["metrics"]


def test_runs_of_another_recipe_or_of_other_icons_are_not_taken_for_these(
    drawn_icons: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.doors.ablate.SAMPLES", 16)
    one, other = write_icons(drawn_icons, tmp_path / "one"), write_icons(drawn_icons[1:], tmp_path / "other")

    def ablate(source: Path, *options: str) -> Result:
        given = ["--icons", str(source), "--out", str(tmp_path / "out"), "--kimg", "0.1", "--variant", "as it is"]
        return CliRunner().invoke(app, ["ablate", *given, *(options or ("--size", "32"))])

    assert ablate(one).exit_code == 0
    assert "other icons" in (refused := ablate(other)).stderr.replace("\n", " ")
    assert (refused.exit_code, ablate(one, "--size", "64").exit_code) == (2, 2)
    monkeypatch.setitem(PRESETS, "sagan", replace(PRESETS["sagan"], noise=0.5))
    assert ablate(one).exit_code == 2


def test_a_base_is_changed_by_every_variant(
    drawn_icons: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.doors.ablate.SAMPLES", 16)
    source = write_icons(drawn_icons, tmp_path / "icons")
    command = ["ablate", "--icons", str(source), "--out", str(tmp_path / "out"), "--kimg", "0.1", "--size", "32"]
    command += ["--base", "no coarse discriminator", "--variant", "with LeCam"]
    assert CliRunner().invoke(app, command).exit_code == 0
    (record,) = (tmp_path / "out").glob("*.json")
    recipe = json.loads(record.read_text())["recipe"]
    assert (recipe["coarse_discriminator"], recipe["lecam"]) == (False, 0.1)
    assert record.name.startswith("no-coarse-discriminator-with-LeCam")


def test_an_unknown_variant_is_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["ablate", "--icons", "x", "--out", str(tmp_path), "--variant", "with magic"])
    assert result.exit_code == 2
    assert "No variant is called with magic" in result.stderr
