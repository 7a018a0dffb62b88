"""Runs that go wrong on purpose: each ends, or is thrown back, as `docs/training.md` says; and none loses its bits."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from generator.checkpoint import read_bundle
from tests.conftest import draw_icon
from train.__main__ import app
from train.adversary.trainer import Trainer
from train.report.chronicle import write_run_report
from train.run.folder import BEST, BEST_STATE, LATEST, SHEETS, STATE, STATS, Run
from train.run.guard import Limits

TINY = ("--batch", "4", "--width", "8", "--size", "32", "--device", "cpu", "--progress", "jsonl")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Bits depend on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def few_icons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few")
    for number in range(20):
        draw_icon(number, size=32).save(folder / f"icon-{number:02d}.png")
    return folder


def train(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["fit", *(str(argument) for argument in arguments)])


def folder_of(runs: Path) -> Path:
    (run,) = (path for path in runs.iterdir() if path.is_dir())
    return run


def said(output: str, event: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, output.splitlines()) if line["event"] == event]


def limit(patch: pytest.MonkeyPatch, **changes: Any) -> None:
    patch.setattr("train.run.sitting.LIMITS", dataclasses.replace(Limits(), **changes))


def sabotage(patch: pytest.MonkeyPatch, at: int, times: int = 1, factor: float = float("nan")) -> None:
    """From this step on, weights of both networks are multiplied so many times."""
    step, left = Trainer.step, [times]

    def diverging(self: Trainer, progress: float) -> None:
        step(self, progress)
        if self.steps >= at and left[0]:
            left[0] -= 1
            with torch.no_grad():
                for network in (self.generator, self.discriminator):
                    next(network.parameters()).mul_(factor)

    patch.setattr(Trainer, "step", diverging)


def test_divergence_from_the_start_leaves_nothing_to_show(
    few_icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch, at=1, times=999)
    given = ("--icons", few_icons, *TINY, "--evaluate-every", "0.016", "--kimg", "0.4", "--runs", tmp_path)
    result = train(*given)
    assert result.exit_code == 1
    assert "diverged" in result.stderr
    back = said(result.stdout, "rollback")
    assert [one["rate_scale"] for one in back] == [0.5, 0.25, 0.125]
    assert {one["alarm"] for one in back} == {"divergence"}
    assert said(result.stdout, "end")[0]["reason"] == "alarms"


def test_a_run_that_diverges_goes_back_to_what_was_saved_and_then_to_the_best(
    few_icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch, at=10, times=4)  # three steps until it is noticed, and one after that
    monkeypatch.setattr("train.run.sitting.SAVE_SECONDS", 0.0)
    given = ("--icons", few_icons, *TINY, "--evaluate-every", "0.016", "--kimg", "0.08", "--runs", tmp_path)
    result = train(*given)
    assert result.exit_code == 0, result.output
    first, second = said(result.stdout, "rollback")
    assert (first["kimg"], first["to_kimg"]) == (pytest.approx(0.048), pytest.approx(0.036))
    assert second["to_kimg"] in (pytest.approx(0.016), pytest.approx(0.032))  # whichever was judged the best


def test_weights_that_are_finite_and_beyond_bounds_are_divergence(
    few_icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are never saved: a state that is lost would be what the run goes back to, until it ends."""
    sabotage(monkeypatch, at=10, factor=1e20)
    result = train("--icons", few_icons, *TINY, "--evaluate-every", "0.016", "--kimg", "0.1", "--runs", tmp_path)
    assert result.exit_code == 0, result.stderr
    (back,) = said(result.stdout, "rollback")
    assert (back["alarm"], back["to_kimg"] < 0.04) == ("divergence", True)
    (done,) = said(result.stdout, "done")
    assert done["reason"] == "goal"


def test_a_run_that_diverges_goes_on_from_its_best_state(
    few_icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch, at=10)
    given = ("--icons", few_icons, *TINY, "--evaluate-every", "0.016", "--kimg", "0.064", "--runs", tmp_path)
    result = train(*given)
    assert result.exit_code == 0, result.output
    (back,) = said(result.stdout, "rollback")
    assert (back["rollbacks"], back["rate_scale"]) == (1, 0.5)
    assert back["to_kimg"] < back["kimg"] == pytest.approx(0.048)
    assert said(result.stdout, "done")[0]["kimg"] == pytest.approx(0.064)  # the images that were lost stay counted
    run = folder_of(tmp_path)
    with Run.open(run) as opened:
        state = opened.load_state()
    assert state is not None
    assert float(state[0]["rate_scale"]) == 0.5
    assert all(bool(value.isfinite().all()) for value in state[0].values())
    assert read_bundle(run / LATEST).card.kimg == pytest.approx(0.064)


def test_a_run_that_diverges_again_and_again_ends_with_its_best_bundle(
    few_icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch, at=5, times=99)
    given = ("--icons", few_icons, *TINY, "--evaluate-every", "0.016", "--kimg", "0.4", "--runs", tmp_path)
    result = train(*given)
    assert result.exit_code == 0, result.output
    assert len(said(result.stdout, "rollback")) == 3
    (done,) = said(result.stdout, "done")
    assert (done["reason"], done["rollbacks"]) == ("alarms", 3)
    assert done["kimg"] < 0.1
    assert "after 3 rollbacks" in said(result.stdout, "end")[0]["sentence"]
    assert "Best bundle" in result.stderr.replace("\n", "")
    assert read_bundle(folder_of(tmp_path) / BEST).card.kimg == pytest.approx(0.016)


def test_weights_are_checked_between_evaluations(
    few_icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch, at=3)
    monkeypatch.setattr("train.run.sitting.CHECK_STEPS", 4)
    result = train("--icons", few_icons, *TINY, "--evaluate-every", "1", "--kimg", "0.04", "--runs", tmp_path)
    assert result.exit_code == 0, result.output
    assert said(result.stdout, "rollback"), result.output
    (back,) = said(result.stdout, "rollback")
    assert (back["kimg"], back["to_kimg"]) == (pytest.approx(0.016), 0)


def test_a_generator_that_draws_one_picture_is_thrown_back(
    few_icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a step on, latents do not matter any more."""
    step = Trainer.step

    def collapsing(self: Trainer, progress: float) -> None:
        step(self, progress)
        if self.steps > 8:
            with torch.no_grad():
                for network in (self.generator, self.average.network):
                    next(network.parameters()).zero_()

    monkeypatch.setattr(Trainer, "step", collapsing)
    limit(monkeypatch, warm_up=1, coverage=0.0)
    given = ("--icons", few_icons, *TINY, "--evaluate-every", "0.032", "--kimg", "0.4", "--runs", tmp_path)
    result = train(*given)
    assert result.exit_code == 0, result.output
    first, second = said(result.stdout, "evaluation")[:2]
    assert (first["best"], second["best"], second["alarm"]) == (True, False, "collapse")
    assert [one["to_kimg"] for one in said(result.stdout, "rollback")] == [pytest.approx(0.032)] * 3
    assert said(result.stdout, "done")[0]["reason"] == "alarms"


def test_a_generator_that_copies_is_thrown_back(
    few_icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generator that has learned its icons by heart: it draws one of them for each latent."""

    class Copyist(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module, icons: torch.Tensor) -> None:
            super().__init__()
            self.inner, self.icons = inner, icons

        def forward(self, latents: torch.Tensor) -> torch.Tensor:
            chosen = (latents[:, 0] * 1000).long() % len(self.icons)
            return self.icons[chosen].float() / 127.5 - 1

        def state_dict(self, *_: Any, **__: Any) -> dict[str, Any]:  # type: ignore[override]  # it is asked plainly
            return self.inner.state_dict()

    snapshot = Trainer.snapshot

    def copying(self: Trainer) -> torch.nn.Module:
        network = snapshot(self)
        return Copyist(network, self.icons) if self.steps > 8 else network

    monkeypatch.setattr(Trainer, "snapshot", copying)
    limit(monkeypatch, warm_up=1, rollbacks=1)
    given = ("--icons", few_icons, *TINY, "--evaluate-every", "0.032", "--kimg", "0.4", "--runs", tmp_path)
    result = train(*given)
    assert result.exit_code == 0, result.output
    assert [one["alarm"] for one in said(result.stdout, "rollback")] == ["copying"]
    assert "are to another" in said(result.stdout, "rollback")[0]["sentence"]
    assert said(result.stdout, "done")[0]["reason"] == "alarms"
    assert read_bundle(folder_of(tmp_path) / BEST).card.kimg == pytest.approx(0.032)


def test_patience_ends_a_run_without_a_goal(few_icons: Path, tmp_path: Path) -> None:
    """Rates of zero learn nothing: an evaluation is better than another by chance alone."""
    rates = ("--generator-rate", "0", "--discriminator-rate", "0", "--ema", "0")
    given = ("--icons", few_icons, *TINY, *rates, "--evaluate-every", "0.008", "--runs", tmp_path)
    result = train(*given, "--patience", "3")
    assert result.exit_code == 0, result.output
    (done,) = said(result.stdout, "done")
    assert done["reason"] == "patience"
    best = read_bundle(folder_of(tmp_path) / BEST).card.kimg
    assert done["kimg"] == pytest.approx(best + 3 * 0.008)
    assert [one["best"] for one in said(result.stdout, "evaluation")][-4:] == [True, False, False, False]
    assert said(result.stdout, "start")[0]["kimg"] is None


class Killed(BaseException):
    """Leaves on the disk what SIGKILL leaves: nothing on its way writes. (test_fit.py kills by the signal itself.)"""


def test_killed_after_a_rollback_and_resumed_is_the_run_that_was_never_stopped(
    few_icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs diverge at step 10 and go on; one of them dies before that was seen, and again after it."""
    deaths: list[int] = []
    step = Trainer.step

    def dangerous(self: Trainer, progress: float) -> None:
        if self.steps in deaths:
            deaths.remove(self.steps)
            raise Killed
        step(self, progress)
        if self.steps == 10:
            with torch.no_grad():
                next(self.generator.parameters()).fill_(float("nan"))

    monkeypatch.setattr(Trainer, "step", dangerous)
    monkeypatch.setattr("train.run.sitting.SAVE_SECONDS", 0.0)
    given = (
        "--icons",
        few_icons,
        *TINY,
        "--kimg",
        "0.08",
        "--evaluate-every",
        "0.032",
        "--adaptive",
        "--lecam",
        "0.01",
    )
    assert train(*given, "--runs", tmp_path / "whole").exit_code == 0
    deaths += [11, 17]
    with pytest.raises(Killed):
        train(*given, "--runs", tmp_path / "killed")
    killed = folder_of(tmp_path / "killed")
    with pytest.raises(Killed):
        train("--resume", killed, "--progress", "jsonl")
    assert train("--resume", killed, "--progress", "jsonl").exit_code == 0
    whole = folder_of(tmp_path / "whole")
    for name in (BEST, LATEST):
        expected, got = read_bundle(whole / name), read_bundle(killed / name)
        assert got.card.kimg == expected.card.kimg
        assert got.card.metrics == expected.card.metrics
        assert all(torch.equal(got.generator[key], value) for key, value in expected.generator.items())
    sheets = sorted(path.name for path in (whole / SHEETS).iterdir())
    assert sheets == sorted(path.name for path in (killed / SHEETS).iterdir())
    assert all((whole / SHEETS / name).read_bytes() == (killed / SHEETS / name).read_bytes() for name in sheets)
    for name in (STATE, BEST_STATE):
        with Run.open(whole) as first, Run.open(killed) as second:
            expected_state, got_state = first.load_state(name), second.load_state(name)
        assert expected_state is not None
        assert got_state is not None
        assert got_state[1].watch == expected_state[1].watch
        assert name == BEST_STATE or got_state[1].watch.rollbacks == 1  # the best one may be of before
        assert all(torch.equal(got_state[0][key], value) for key, value in expected_state[0].items())


def test_looking_does_not_change_what_is_learned(few_icons: Path, tmp_path: Path) -> None:
    finals = []
    for every in ("0.008", "9"):
        given = ("--icons", few_icons, *TINY, "--kimg", "0.024", "--evaluate-every", every, "--patience", "0")
        assert train(*given, "--runs", tmp_path / every).exit_code == 0
        finals.append(read_bundle(folder_of(tmp_path / every) / LATEST).generator)
    assert [name for name, value in finals[1].items() if not torch.equal(finals[0][name], value)] == []


def test_held_out_icons_are_not_trained_on(few_icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[NDArray[np.uint8]] = []
    start = Trainer.__init__

    def watched(self: Trainer, recipe: Any, config: Any, icons: NDArray[np.uint8], **others: Any) -> None:
        seen.append(icons)
        start(self, recipe, config, icons, **others)

    monkeypatch.setattr(Trainer, "__init__", watched)
    for share in ("0.2", "0"):
        given = ("--icons", few_icons, *TINY, "--kimg", "0.004", "--hold-out", share, "--runs", tmp_path / share)
        assert train(*given).exit_code == 0
    assert [len(icons) for icons in seen] == [16, 20]
    run = folder_of(tmp_path / "0.2")
    with Run.open(run) as opened:
        everything = {icon.tobytes() for icon in opened.icons()}
    assert {icon.tobytes() for icon in seen[0]} < everything
    bundle = read_bundle(run / BEST)
    assert np.array_equal(bundle.icons(), seen[0])
    assert (bundle.card.data.count, bundle.card.data.held_out) == (16, 4)


def test_a_run_draws_its_report(few_icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.doors.fit.write_run_report", write_run_report)
    assert train("--icons", few_icons, *TINY, "--kimg", "0.004", "--runs", tmp_path).exit_code == 0
    assert {"report.png", "report.html"} <= {path.name for path in folder_of(tmp_path).iterdir()}


def test_a_report_that_fails_does_not_hurt(few_icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_path: Path) -> None:
        raise ZeroDivisionError("no room for a curve")

    monkeypatch.setattr("train.doors.fit.write_run_report", failing)
    result = train("--icons", few_icons, *TINY, "--kimg", "0.004", "--runs", tmp_path)
    assert result.exit_code == 0, result.output
    assert "no room for a curve" in (folder_of(tmp_path) / STATS).read_text()
