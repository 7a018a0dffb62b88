"""`train enlarger`: what it prints, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from generator.enlarger import read_enlarger
from tests.train.enlarger.vectors import write_vectors
from train.__main__ import app


@pytest.fixture(autouse=True)
def one_icon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judging takes half a second an icon."""
    monkeypatch.setattr("train.enlarger.report.MOST", 1)


def test_an_enlarger_is_trained_and_judged(tmp_path: Path) -> None:
    folder, out = write_vectors(tmp_path / "vectors", 8), tmp_path / "enlarger.safetensors"
    result = CliRunner().invoke(
        app, ["enlarger", "--icons", str(folder), "--out", str(out), "--steps", "2", "--device", "cpu"]
    )
    assert result.exit_code == 0, result.output
    assert "with faults" in result.stdout
    assert "Means over 1 icons" in result.stdout
    read_enlarger(out)


def test_the_one_that_ships_is_judged(tmp_path: Path) -> None:
    folder = write_vectors(tmp_path, 4)
    result = CliRunner().invoke(app, ["enlarger", "--icons", str(folder), "--report"])
    assert result.exit_code == 0, result.output
    assert "Means over 1 icons" in result.stdout


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    for options, sentence in (
        ([], "Give --out FILE"),
        (["--report", "--out", "x"], "Give --out FILE"),
        (["--out", str(tmp_path / "none" / "x")], "there is no folder"),
        (["--report", "--share", "1", "--share", "1"], "Give --share once"),
        (["--report"], "only 0 icons of 512 pixels or more"),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        result = CliRunner().invoke(app, ["enlarger", "--icons", str(tmp_path / "empty"), *options])
        assert result.exit_code == 2, result.output
        assert sentence in result.stderr.replace("\n", " ")
