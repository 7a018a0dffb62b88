"""One training run from its icons to its bundles: sittings, evaluations, sheets, and a state that survives a kill."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from generator.checkpoint import BundleError, DataSet, Description, Figure, read_bundle, write_bundle
from generator.decode import color_code
from generator.neighbors import describe
from generator.pictures import grid, png
from generator.seeds import latents
from generator.sheets import draw_sheet, sheet_limit, thin
from generator.studio import to_pixels
from train.holdout import split
from train.loop import Trainer
from train.metrics import Judge
from train.recipes import Recipe
from train.runs import BEST, LATEST, SHEETS, Progress, Run, RunError

TICK_SECONDS = 1.0
SAVE_SECONDS = 60.0
EVALUATION_SHARE = 0.05
"""Share of the time that evaluations may take."""
FIRST_EVALUATION_SECONDS = 20.0
SHEET_SEEDS = range(1, 65)
SHEET_COLUMNS = 16


class TrainingError(Exception):
    """A run that cannot go on: one sentence."""


@dataclass(frozen=True)
class Goal:
    """When a run ends: after so many thousand images, or after so many minutes of wall clock."""

    kimg: float | None = None
    minutes: float | None = None

    def share(self, kimg: float, seconds: float) -> float:
        """The share of the run that is done: 0 to 1."""
        if self.kimg is not None:
            return min(kimg / self.kimg, 1.0)
        return min(seconds / (60 * (self.minutes or math.inf)), 1.0)

    def describe(self) -> str:
        """The goal in words."""
        return f"{self.kimg:g} kimg" if self.kimg is not None else f"{self.minutes:g} minutes"


@dataclass(frozen=True)
class Setting:
    """Everything that decides a run, as it stands in `options.json`."""

    recipe: Recipe
    goal: Goal
    data: DataSet
    image_size: int
    background: tuple[int, int, int]
    seed: int
    code_version: str

    def document(self) -> dict[str, Any]:
        """The setting as it goes into `options.json`."""
        return {**asdict(self), "data": self.data.model_dump()}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Setting:
        """The setting of an `options.json`. Raises KeyError, TypeError or ValueError when it is not one."""
        return cls(
            recipe=Recipe.read(document["recipe"]),
            goal=Goal(**document["goal"]),
            data=DataSet.model_validate(document["data"]),
            image_size=int(document["image_size"]),
            background=tuple(document["background"]),
            seed=int(document["seed"]),
            code_version=str(document["code_version"]),
        )


class Reporter(Protocol):
    """Who is told of a run's progress."""

    def tick(self, record: Mapping[str, Any]) -> None:
        """About once a second: kimg, images_per_second, eta_seconds, share, losses."""

    def evaluated(self, record: Mapping[str, Any]) -> None:
        """After an evaluation: kimg, metrics, sheet, best."""


def fit(run: Run, setting: Setting, device: torch.device, reporter: Reporter, stop: Callable[[], bool]) -> Progress:
    """Train until the goal is reached or `stop()` says so; returns how far the run is.

    The state is saved every minute, at each evaluation and at the end. Raises TrainingError when the weights are no
    longer finite or the memory does not suffice, RunError when the run's files cannot be read or written.
    """
    try:
        return _Sitting(run, setting, device, reporter).train(stop)
    except BundleError as error:
        raise TrainingError(str(error)) from error
    except OSError as error:
        raise RunError(f"{run.path}: the run cannot be written ({error.strerror}).") from error
    except (MemoryError, RuntimeError) as error:  # torch tells its own CPU allocator's failure by the words alone
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "memory" not in str(error):
            raise
        raise TrainingError(f"{run.path}: the memory of {device} is too small; lower --batch or --width.") from error


class _Sitting:
    """One process's work on a run."""

    def __init__(self, run: Run, setting: Setting, device: torch.device, reporter: Reporter) -> None:
        self.run, self.setting, self.reporter = run, setting, reporter
        self.icons = run.icons()
        config = setting.recipe.network(setting.image_size)
        self.trainer = Trainer(
            setting.recipe, config, self.icons, background=setting.background, device=device, seed=setting.seed
        )
        training, held_out = split(self.icons)
        self.judge = Judge(self.icons[training], self.icons[held_out], device)
        self.progress = Progress()
        saved = run.load_state()
        if saved is not None:
            tensors, self.progress = saved
            self._load(tensors)
        shown = self.icons[list(thin(len(self.icons), sheet_limit(setting.image_size)))]
        self.sheet, self.descriptors = draw_sheet(shown), describe(shown)
        self.best_swd = _best_swd(run.path / BEST)
        self.started = time.monotonic() - self.progress.seconds

    def _load(self, tensors: dict[str, torch.Tensor]) -> None:
        try:
            self.trainer.load_state(tensors)
        except (KeyError, ValueError, RuntimeError) as error:
            raise TrainingError(
                f"{self.run.path}: the saved state does not fit the networks of this version."
            ) from error

    def train(self, stop: Callable[[], bool]) -> Progress:
        now = time.monotonic()
        ticked, saved, evaluated = now, now, now
        ticked_kimg, evaluation_cost = self.trainer.kimg, FIRST_EVALUATION_SECONDS * EVALUATION_SHARE
        fresh = False  # whether the latest bundle shows the present weights
        while self._share() < 1 and not stop():
            self.trainer.step(self._share())
            fresh = False
            now = time.monotonic()
            if now - ticked >= TICK_SECONDS:
                self._tick((self.trainer.kimg - ticked_kimg) * 1000 / (now - ticked))
                ticked, ticked_kimg = now, self.trainer.kimg
            if now - evaluated >= evaluation_cost / EVALUATION_SHARE:
                self._evaluate()
                evaluated = saved = ticked = time.monotonic()
                ticked_kimg, evaluation_cost = self.trainer.kimg, evaluated - now
                fresh = True
            elif now - saved >= SAVE_SECONDS:
                self._save()
                saved = time.monotonic()
        if fresh or not self.trainer.steps:
            self._save()
        else:
            self._evaluate()
        return self.progress

    def _seconds(self) -> float:
        return time.monotonic() - self.started

    def _share(self) -> float:
        return self.setting.goal.share(self.trainer.kimg, self._seconds())

    def _tick(self, images_per_second: float) -> None:
        generator_loss, discriminator_loss = self.trainer.read_losses()
        if not math.isfinite(generator_loss + discriminator_loss):
            raise self._diverged()
        goal, share = self.setting.goal, self._share()
        eta = (
            (goal.kimg - self.trainer.kimg) * 1000 / max(images_per_second, 1e-9)
            if goal.kimg is not None
            else 60 * (goal.minutes or 0) - self._seconds()
        )
        record = {
            "kimg": round(self.trainer.kimg, 3),
            "share": round(share, 5),
            "images_per_second": round(images_per_second, 1),
            "eta_seconds": max(round(eta), 0),
            "loss_generator": round(generator_loss, 4),
            "loss_discriminator": round(discriminator_loss, 4),
        }
        self.run.append_stats({"event": "tick", "seconds": round(self._seconds(), 1), **record})
        self.reporter.tick(record)

    def _diverged(self) -> TrainingError:
        return TrainingError(
            f"{self.run.path}: training diverged: at {self.trainer.kimg:.1f} kimg there are values that are not finite "
            f"numbers; the saved state and the bundle in {BEST}/ are as they were."
        )

    def _save(self) -> None:
        if not self.trainer.is_finite():
            raise self._diverged()
        self.progress = Progress(steps=self.trainer.steps, kimg=self.trainer.kimg, seconds=self._seconds())
        self.run.save_state(self.trainer.state(), self.progress)

    def _evaluate(self) -> None:
        self._save()
        trainer, setting = self.trainer, self.setting
        network = trainer.snapshot()
        metrics = self.judge.evaluate(network, trainer.config.latent_size)
        sheet = draw_samples(network, trainer.config.latent_size, trainer.device)
        name = f"{SHEETS}/{trainer.kimg:09.3f}-kimg.png"
        (self.run.path / name).write_bytes(sheet)
        better = metrics["swd"].value < self.best_swd
        for folder in (LATEST, BEST) if better else (LATEST,):
            write_bundle(
                self.run.path / folder,
                Description(
                    kimg=round(trainer.kimg, 3),
                    metrics=metrics,
                    data=setting.data,
                    preset=setting.recipe.preset,
                    background=color_code(setting.background),
                    created=datetime.now(UTC).isoformat(timespec="seconds"),
                    code_version=setting.code_version,
                ),
                config=trainer.config,
                weights=network.state_dict(),
                descriptors=self.descriptors,
                sheet=self.sheet,
                samples=sheet,
            )
        self.best_swd = min(self.best_swd, metrics["swd"].value)
        record = {
            "kimg": round(trainer.kimg, 3),
            "metrics": {name: figure.model_dump() for name, figure in metrics.items()},
            "sheet": name,
            "best": better,
        }
        self.run.append_stats({"event": "evaluation", "seconds": round(self._seconds(), 1), **record})
        self.reporter.evaluated(record)


def _best_swd(best: Path) -> float:
    """The figure of the best bundle so far, infinite when there is none."""
    try:
        return read_bundle(best).card.metrics["swd"].value
    except (BundleError, KeyError):
        return math.inf


@torch.inference_mode()
def draw_samples(network: nn.Module, latent_size: int, device: torch.device) -> bytes:
    """The sheet of seeds 1 to 64 of a generator in eval mode, as a PNG: the same seeds through all of a run."""
    icons = to_pixels(network(latents(SHEET_SEEDS, latent_size).to(device))).permute(0, 2, 3, 1).cpu().numpy()
    return png(grid([Image.fromarray(np.ascontiguousarray(icon)) for icon in icons], columns=SHEET_COLUMNS))


def start_run(root: Path, setting: Setting, icons: NDArray[np.uint8]) -> Run:
    """Make the run folder of a setting. Raises RunError."""
    return Run.create(root, f"{setting.recipe.preset}-{setting.data.name}", setting.document(), icons)


def code_version() -> str:
    """The version of this Mojigan."""
    return version("mojigan")


def figures_in_words(metrics: Mapping[str, Figure]) -> str:
    """Figures for a line of text, each beside its real-against-real."""
    return " · ".join(f"{name} {figure.value:.3g} (real {figure.real:.3g})" for name, figure in metrics.items())
