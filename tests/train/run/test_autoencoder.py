"""A run of an autoencoder: its bundle draws, its folder shows what it reconstructs, and it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from generator.checkpoint import read_bundle
from generator.studio import Studio
from tests.train.run.door import folder_of, train
from train.report.chronicle import PAGE, write_run_report
from train.run.folder import BEST, RECONSTRUCTIONS, STATS


@pytest.fixture(scope="module")
def run(icon_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("autoencoders")
    given = ["--preset", "autoencoder-conv", "--size", "28", "--gray", "--kimg", "0.064", "--device", "cpu"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.run.sitting.SAMPLES", 16)
        result = train("--icons", icon_folder, "--runs", runs, *given)
        assert result.exit_code == 0, result.output
        resumed = train("--resume", folder_of(runs), "--kimg", "0.128", "--device", "cpu")
    assert resumed.exit_code == 0, resumed.output
    return folder_of(runs)


def test_its_bundle_draws(run: Path) -> None:
    bundle = read_bundle(run / BEST)
    assert bundle.card.preset == "autoencoder-conv"
    assert not bundle.discriminator
    (icon,) = Studio(bundle, "cpu").draw([7])
    assert (icon.mode, icon.size) == ("L", (28, 28))


def test_its_folder_shows_icons_above_what_it_made_of_them(run: Path) -> None:
    with Image.open(run / RECONSTRUCTIONS) as sheet:
        assert sheet.width == 16 * 32 + 4
        assert sheet.height % 32 == 4
    evaluations = [json.loads(line) for line in (run / STATS).read_text().splitlines() if '"evaluation"' in line]
    assert [set(one["reconstruction"]) for one in evaluations] == [{"training", "held_out"}] * 2
    assert all(0 < error < 1 for one in evaluations for error in one["reconstruction"].values())
    write_run_report(run)
    assert "what the autoencoder made of it" in (run / PAGE).read_text(encoding="utf-8")


def test_options_of_games_and_beginnings_are_refused(run: Path, icon_folder: Path, tmp_path: Path) -> None:
    given = ("--icons", icon_folder, "--runs", tmp_path, "--size", "28", "--gray", "--preset", "autoencoder-conv")
    assert "do not know guide" in train(*given, "--guide", "1").stderr
    assert "a bundle has no encoder" in train(*given, "--from", run).stderr
