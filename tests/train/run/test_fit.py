"""`python -m train fit` as a person uses it: from a folder to a bundle, killed and resumed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text
from typer.testing import CliRunner

from generator.checkpoint import read_bundle
from generator.studio import Studio
from tests.train.run.door import events, folder_of, train
from train.__main__ import app
from train.adversary.recipes import PRESETS
from train.adversary.trainer import Trainer
from train.data.reading import Request
from train.data.sources import read_source
from train.doors.options import CUDA_BATCH, usual_batch
from train.doors.terminal import StopSignal
from train.run.folder import BEST, LATEST, SHEETS, STATS, Run
from train.run.progress import Bar
from train.run.setting import Goal, Setting
from train.run.sitting import TrainingError, fit

SMALL = ("--batch", "4", "--width", "8")


@pytest.fixture(scope="module")
def finished(icon_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A short run and what it said."""
    runs = tmp_path_factory.mktemp("runs")
    result = train("--icons", icon_folder, "--kimg", "0.064", *SMALL, "--runs", runs, "--progress", "jsonl")
    assert result.exit_code == 0, result.output
    return folder_of(runs), events(result.stdout)


def test_a_run_folder_describes_itself(finished: tuple[Path, list[dict[str, Any]]], icon_folder: Path) -> None:
    run, said = finished
    assert run.name == f"0001-sagan-{icon_folder.name}"
    names = {path.name for path in run.iterdir()}
    assert {
        "options.json",
        "stats.jsonl",
        "reals.png",
        "mean.png",
        "report.json",
        "state",
        LATEST,
        BEST,
        SHEETS,
    } <= names
    options = json.loads((run / "options.json").read_text())
    assert options["recipe"]["batch"] == 4
    assert (options["data"]["count"], options["data"]["held_out"]) == (36, 4)
    assert [json.loads(line)["event"] for line in (run / STATS).read_text().splitlines()][-2:] == ["evaluation", "end"]
    assert len(list((run / SHEETS).iterdir())) >= 1
    assert (said[-1]["event"], said[-1]["reason"]) == ("done", "goal")
    assert said[-1]["kimg"] == pytest.approx(0.064)
    assert said[-1]["run"] == str(run)


def test_the_bundle_is_hosted_by_the_studio(finished: tuple[Path, list[dict[str, Any]]]) -> None:
    bundle = read_bundle(finished[0] / BEST)
    assert bundle.card.data.license == "MIT License"
    assert set(bundle.card.metrics) >= {"swd", "ms_ssim", "nearest", "nearest_low", "copies"}
    assert (len(bundle.icons()), bundle.card.data.held_out) == (36, 4)
    assert len(bundle.all_icons()) == 40  # whoever trains on the set again has all of it
    assert read_source(finished[0] / BEST, Request(size=64, background=(255, 255, 255))).notes == []
    assert Studio(bundle, "cpu").draw([42])[0].size == (64, 64)


def test_a_finished_run_goes_further(finished: tuple[Path, list[dict[str, Any]]]) -> None:
    result = train("--resume", finished[0], "--kimg", "0.072", "--progress", "jsonl")
    assert result.exit_code == 0, result.output
    assert events(result.stdout)[-1]["kimg"] == pytest.approx(0.072)


def test_a_run_keeps_its_recipe(finished: tuple[Path, list[dict[str, Any]]]) -> None:
    given = ["--batch", "8", "--preset", "sagan-seed", "--size", "32", "--seed", "7", "--background", "black"]
    given += ["--hold-out", "0"]
    result = train("--resume", finished[0], *given)
    assert result.exit_code == 2
    assert set(result.stderr.strip().rpartition("it: ")[2].strip(".").split(", ")) == {
        "batch",
        "preset",
        "size",
        "seed",
        "background",
        "hold_out",
    }
    same = train("--resume", finished[0], "--batch", "4", "--background", "white", "--seed", "0", "--size", "64")
    assert same.exit_code == 0, same.output


def test_a_new_goal_is_kept(finished: tuple[Path, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer.step

    def interrupted(self: Trainer, progress: float) -> None:
        step(self, progress)
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", interrupted)
        assert "To go on" in train("--resume", finished[0], "--kimg", "5").stdout
        assert "To go on" in train("--resume", finished[0]).stdout
    assert json.loads((finished[0] / "options.json").read_text())["goal"]["kimg"] == 5


def test_killed_and_resumed_is_the_run_that_was_never_stopped(icon_folder: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle of training, by a process of its own; then on to the same goal, bit for bit."""
    given = ["--icons", str(icon_folder), "--kimg", "0.08", *SMALL, "--device", "cpu", "--progress", "jsonl"]
    whole = train(*given, "--runs", tmp_path / "whole")
    assert whole.exit_code == 0, whole.output
    code = (
        "import os, signal, sys, torch\n"
        "torch.set_num_threads(1)\n"
        "from train.adversary.trainer import Trainer\n"
        "from train.run import sitting\n"
        "from train.__main__ import app\n"
        "sitting.SAVE_SECONDS = 0.0\n"
        "step = Trainer.step\n"
        "def dying(self, progress):\n"
        "    if self.steps == 10: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    step(self, progress)\n"
        "Trainer.step = dying\n"
        "app(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", code, "fit", *given, "--runs", str(tmp_path / "killed")]
    killed = subprocess.run(command, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    run = folder_of(tmp_path / "killed")
    with Run.open(run) as opened:
        state = opened.load_state()
        assert state is not None
        assert state[1].steps == 10
        opened.change_options({"seed": 99})  # from here on only the state can lead to the expected bits
    resumed = train("--resume", run, "--progress", "jsonl")
    assert resumed.exit_code == 0, resumed.output
    expected, got = (read_bundle(folder_of(tmp_path / name) / LATEST) for name in ("whole", "killed"))
    assert got.card.kimg == expected.card.kimg == pytest.approx(0.08)
    assert all(torch.equal(got.generator[name], value) for name, value in expected.generator.items())


def test_a_stop_saves_and_says_how_to_go_on(icon_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer.step

    def interrupted(self: Trainer, progress: float) -> None:
        step(self, progress)
        if self.steps == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trainer, "step", interrupted)
    given = ("--icons", icon_folder, "--kimg", "9", *SMALL, "--runs", tmp_path, "--progress", "jsonl")
    result = train(*given)
    assert result.exit_code == 0, result.output
    run = folder_of(tmp_path)
    assert f"--resume {run}" in result.stderr.replace("\n", "")
    last = events(result.stdout)[-1]
    assert (last["event"], last["steps"]) == ("stopped", 3)
    assert read_bundle(run / LATEST).card.kimg == pytest.approx(0.012)


def test_the_same_signal_again_ends_the_process_as_usual() -> None:
    before = signal.getsignal(signal.SIGTERM)
    stop = StopSignal()
    with stop:
        assert not stop.asked()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked()
        assert signal.getsignal(signal.SIGTERM) == before
        os.kill(os.getpid(), signal.SIGINT)  # another one, once, is the same wish
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_listener_that_goes_away_does_not_end_the_training(icon_folder: Path, tmp_path: Path) -> None:
    given = ["--icons", str(icon_folder), "--kimg", "0.02", *SMALL, "--runs", str(tmp_path), "--progress", "jsonl"]
    command = [sys.executable, "-m", "train", "fit", *given]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        start = json.loads(process.stdout.readline())
        process.stdout.close()
    assert process.returncode == 0
    assert start["event"] == "start"
    assert read_bundle(Path(start["run"]) / LATEST).card.kimg == pytest.approx(0.02)


def test_memory_that_is_too_small_is_one_sentence(
    icon_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Trainer, _progress: float) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Trainer, "step", fail)
    result = train("--icons", icon_folder, *SMALL, "--runs", tmp_path)
    assert result.exit_code == 1
    assert "lower --batch" in result.stderr


def test_another_failure_is_not_taken_for_that(
    icon_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Trainer, _progress: float) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(Trainer, "step", fail)
    result = train("--icons", icon_folder, *SMALL, "--runs", tmp_path)
    assert isinstance(result.exception, RuntimeError)


def test_a_run_is_judged_by_the_icons_that_it_held_out(
    finished: tuple[Path, list[dict[str, Any]]], icon_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for source in (finished[0] / BEST, icon_folder):  # the bundle brings all icons of its set
        command = ["evaluate", str(finished[0]), "--icons", str(source), "--samples", "16", "--json"]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        document, card = json.loads(result.stdout), read_bundle(finished[0] / BEST).card
        assert document["held_out_are"] == "held out of its training"
    assert (document["training"], document["held_out"]) == (card.data.count, card.data.held_out)
    # the very figures of the training, whose judge saw the same icons apart and drew as many samples
    assert document["figures"]["swd"] == pytest.approx(card.metrics["swd"].model_dump(), rel=1e-4)
    told_apart = document["figures"]["membership"]
    assert (told_apart["training"], told_apart["held_out"]) == (card.data.count, card.data.held_out)
    monkeypatch.setenv("COLUMNS", "400")
    table = CliRunner().invoke(app, command[:-1]).stdout
    said = re.search(r"membership +(\S+) +0.5 ± \S+ +How often .* with (\d+) held out, \S+ to \S+ is chance", table)
    assert said
    assert said.groups() == (f"{told_apart['value']:.3g}", str(card.data.held_out))


def test_a_state_of_another_network_is_one_sentence(
    drawn_icons: NDArray[np.uint8], finished: tuple[Path, list[dict[str, Any]]]
) -> None:
    run = Run.open(finished[0])
    state = run.load_state()
    assert state is not None
    tensors = dict(state[0])
    del tensors["rng"]
    run.save_state(tensors, state[1])
    setting = Setting.read(run.options)
    with pytest.raises(TrainingError, match="does not fit"):
        fit(run, setting, torch.device("cpu"), None, lambda: True, print)  # type: ignore[arg-type]  # nothing to report
    run.save_state(*state)
    run.close()


def test_a_dry_run_leaves_nothing(icon_folder: Path, tmp_path: Path) -> None:
    result = train("--icons", icon_folder, "--dry-run", "--runs", tmp_path / "runs")
    assert result.exit_code == 0
    assert "40 icons of 64 x 64" in result.stdout
    assert "300 kimg" in result.stdout
    assert "broken.png" in result.stdout
    assert not (tmp_path / "runs").exists()


def test_a_bar_in_the_terminal(icon_folder: Path, tmp_path: Path) -> None:
    result = train("--icons", icon_folder, "--kimg", "0.012", *SMALL, "--preset", "sagan", "--runs", tmp_path)
    assert result.exit_code == 0, result.output
    assert "Best bundle" in result.stdout
    assert "times those of real icons" in " ".join(result.stdout.split())
    assert "swd" in result.stdout
    (run,) = tmp_path.glob("0*")
    lines = result.stdout.splitlines()
    assert f"Look at it:  python -m train report {run} --open" in lines
    assert f"Train on:    python -m train fit --resume {run} --minutes 31" in lines
    assert read_bundle(run).digest == read_bundle(run / "best").digest


def test_the_bar_says_what_is_done_instead_of_training() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=160)
    with Bar(console, "20 kimg") as bar:
        bar.busy("measuring")
    assert "20 kimg: measuring" in console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO


def test_the_bar_stays_one_line_in_a_terminal_of_80_columns() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=80)
    progress = {"share": 0.5, "kimg": 1234.5, "images_per_second": 120.0, "eta_seconds": 7199}
    with Bar(console, "240 minutes") as bar:
        bar.tick({**progress, "loss_generator": 1.25, "loss_discriminator": 0.75})
        bar.busy("drawing the report")
    shown = Text.from_ansi(console.file.getvalue()).plain.splitlines()  # type: ignore[attr-defined]  # the StringIO
    assert "120 images/s 119:59 left" in next(line for line in shown if line.startswith("240 minutes: drawing"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Say what to train on"),
        (("--icons", "/nowhere/at-all"), "no file or folder"),
        (("--icons", "ICONS", "--kimg", "1", "--minutes", "1"), "not both"),
        (("--icons", "ICONS", "--preset", "best"), "unknown"),
        (("--icons", "ICONS", "--device", "toaster"), "unknown"),
        (("--icons", "ICONS", "--background", "noir"), "noir"),
        (("--icons", "ICONS", "--size", "48"), "48"),
        (("--icons", "ICONS", "--size", "32", "--preset", "sagan-seed"), "64 x 64"),
        (("--resume", "/nowhere"), "not a run folder"),
        (("--resume", "/nowhere", "--dry-run"), "do not go together"),
        (("--icons", "ICONS", "--kimg", "-1"), "kimg"),
        (("--icons", "ICONS", "--kimg", "inf"), "needs an end"),
        (("--icons", "ICONS", "--minutes", "inf"), "needs an end"),
        (("--icons", "ICONS", "--seed", str(2**70)), "seed"),
        (("--icons", "ICONS", "--width", "12"), "steps of 8"),
        (("--icons", "ICONS", "--hold-out", "0.7"), "hold-out"),
        (("--icons", "ICONS", "--evaluate-every", "inf"), "finite"),
        (("--icons", "ICONS", "--from", "/nowhere"), "no bundle folder"),
        (("--resume", "/nowhere", "--from", "/nowhere"), "do not go together"),
        (("--resume", "/nowhere", "--icons", "ICONS"), "run's own icons"),
        (("--resume", "/nowhere", "--only", "faces"), "run's own icons"),
        (("--icons", "ICONS", "--preset", "sagan-seed", "--growth", "0.3"), "do not know growth"),
        (("--icons", "ICONS", "--preset", "sagan-seed", "--minibatch-stddev"), "do not know minibatch_stddev"),
        (("--icons", "ICONS", "--name", "a\nb"), "name cannot stand on a card"),
        (("--icons", "ICONS", "--license", "x" * 2000), "license cannot stand on a card"),
    ],
)
def test_bad_input_is_one_sentence(icon_folder: Path, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    given = [str(icon_folder) if argument == "ICONS" else argument for argument in arguments]
    result = train(*given, "--runs", tmp_path / "runs")
    assert result.exit_code == 2, result.output
    assert said in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.output
    assert not (tmp_path / "runs").exists()


def test_goals() -> None:
    assert Goal(kimg=10).share(5, 999) == 0.5
    assert Goal(minutes=1).share(5, 30) == 0.5
    assert Goal(minutes=1).share(5, 90) == 1
    assert Goal(kimg=10).describe() == "10 kimg"


def test_a_gpu_takes_larger_steps_of_the_default_recipe() -> None:
    sagan, older = PRESETS["sagan"], PRESETS["sagan-seed"]
    assert usual_batch(sagan, torch.device("cuda", 0)) == CUDA_BATCH > usual_batch(sagan, torch.device("cpu"))
    assert usual_batch(older, torch.device("cuda")) == older.batch
