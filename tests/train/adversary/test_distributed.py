"""Training in several real processes: the same result as in one, and one clean end for all."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from generator.checkpoint import read_bundle
from tests.conftest import draw_icon
from train.adversary.trainer import Trainer
from train.data.holdout import split
from train.run.folder import LATEST, Run
from train.run.setting import Setting

PROCESSES, BATCH, STEPS = 2, 4, 5
ROUNDING = 0.03 * 7e-4
"""3 % of a step of Adam: of 32,768 weights one was off by 1.25e-5, and no other number by more than 3.2e-6."""
INGREDIENTS: dict[str, float | str] = {
    "cutout": 0.2,
    "lecam": 0.3,
    "r1": 1,
    "noise": 0.1,
    "growth": 0.4,
    "width": 8,
    "precision": "float32",
}
DOOR = ("-m", "tests.train.adversary.briefly", "fit")
SWITCHES = ("--color", "--mirror", "--adaptive")
ON_THE_CPU = ("--device", "cpu", "--progress", "jsonl")


def state_of(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "state" / "state.safetensors")


@pytest.fixture(scope="module")
def icon_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    icons = tmp_path_factory.mktemp("icons")
    for number in range(24):
        draw_icon(number, 32).save(icons / f"{number:02d}.png")
    return icons


def together() -> list[dict[str, str]]:
    """The environment of each process, as `torchrun` makes it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(PROCESSES), "OMP_NUM_THREADS": "1"}
    return [os.environ | world | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(PROCESSES)]


def start(*arguments: str) -> list[subprocess.Popen[str]]:
    """Processes that do the same command."""
    return [
        subprocess.Popen(
            [sys.executable, *DOOR, *arguments, *ON_THE_CPU],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for environment in together()
    ]


def options(icons: Path, runs: Path, steps: int, ingredients: dict[str, float | str]) -> list[str]:
    """Those of a short run with all ingredients."""
    where = ["--icons", str(icons), "--runs", str(runs), "--size", "32"]
    how = [*SWITCHES, *(part for name, value in ingredients.items() for part in (f"--{name}", str(value)))]
    return [*where, *how, "--batch", str(BATCH), "--kimg", str(steps * PROCESSES * BATCH / 1000)]


def train_alone(run: Path, steps: int) -> dict[str, torch.Tensor]:
    """The state of one process that did the same."""
    with Run.open(run) as opened:
        setting, icons = Setting.read(opened.options), opened.icons()
    assert setting.recipe.batch == PROCESSES * BATCH
    alone = Trainer(
        setting.recipe,
        setting.network,
        icons[split(icons, setting.hold_out)[0]],
        background=setting.background,
        device=torch.device("cpu"),
        seed=setting.seed,
    )
    for _ in range(steps):
        alone.step(setting.goal.share(alone.kimg, 0))
    return alone.state()


@pytest.fixture(scope="module")
def trained_together(icon_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], str]:
    """The folder of a short run that `torchrun` did with all ingredients, the events that it told, and its errors."""
    runs = tmp_path_factory.mktemp("runs")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(PROCESSES)]
    command = [sys.executable, *torchrun, *DOOR, *options(icon_folder, runs, STEPS, INGREDIENTS), *ON_THE_CPU]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    (run,) = (path for path in runs.iterdir() if path.is_dir())
    return run, [json.loads(line)["event"] for line in result.stdout.splitlines()], result.stderr


def test_processes_train_as_one_with_the_whole_batch(trained_together: tuple[Path, list[str], str]) -> None:
    run, *_ = trained_together
    expected, found = train_alone(run, STEPS), state_of(run)
    assert expected.keys() == found.keys()
    assert int(found["steps"]) == STEPS
    for name, value in expected.items():
        # Adam divides a gradient by its own size, so that where one is near zero, rounding becomes a part of a step.
        assert torch.allclose(found[name].double(), value.double(), rtol=1e-4, atol=ROUNDING), name


def test_processes_share_the_guide(icon_folder: Path, tmp_path: Path) -> None:
    """The first gradients of all that judges; those of the generator come after a step that rounding may change."""
    for process in start(*options(icon_folder, tmp_path, 1, INGREDIENTS | {"guide": 0.2})):
        errors = process.communicate(timeout=300)[1]
        assert process.returncode == 0, errors
    (run,) = (path for path in tmp_path.iterdir() if path.is_dir())
    expected, found = train_alone(run, 1), state_of(run)
    assert expected.keys() == found.keys()
    compared = [name for name in expected if name.startswith("guide/scale") or name.endswith("exp_avg")]
    for name in compared:
        if not name.startswith("generator-adam"):
            assert torch.allclose(found[name], expected[name], rtol=1e-4, atol=1e-5), name
    assert any(name.startswith("discriminator-adam") for name in compared)


def test_the_first_process_alone_speaks_and_writes(trained_together: tuple[Path, list[str], str]) -> None:
    run, said, errors = trained_together
    assert said.count("start") == said.count("done") == 1
    assert errors.count("Run folder:") == 1
    assert "still running" not in errors
    assert read_bundle(run / LATEST).card.kimg == STEPS * PROCESSES * BATCH / 1000


def go_on(run: Path) -> list[subprocess.Popen[str]]:
    """Processes that go on with a run; the first of them has told of its progress."""
    processes = start("--resume", str(run), "--kimg", "999")
    assert processes[0].stdout is not None
    for line in processes[0].stdout:
        if json.loads(line)["event"] == "tick":
            return processes
    raise AssertionError(processes[0].communicate()[1])


def test_a_signal_stops_all_processes(trained_together: tuple[Path, list[str], str]) -> None:
    run, *_ = trained_together
    processes = go_on(run)
    for process in processes:
        process.send_signal(signal.SIGTERM)
    (said, errors), follower = (process.communicate(timeout=300) for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    last = json.loads(said.splitlines()[-1])
    assert last["event"] == "stopped"
    assert int(state_of(run)["steps"]) == last["steps"] > STEPS
    assert "still running" not in errors
    assert follower == ("", "")


def test_a_lost_process_ends_the_others_with_a_sentence(trained_together: tuple[Path, list[str], str]) -> None:
    run, *_ = trained_together
    before = state_of(run)["steps"]
    processes = go_on(run)
    processes[1].kill()
    errors = processes[0].communicate(timeout=300)[1]
    processes[1].communicate()
    assert processes[0].returncode == 1
    assert "Another process of this training has ended" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert torch.equal(state_of(run)["steps"], before)
