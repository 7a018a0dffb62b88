"""One training run from its icons to its bundles: sittings, evaluations, sheets, and a state that survives a kill."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from generator.files import BundleError
from generator.folders import write_file
from generator.quality import score
from generator.studio import is_out_of_memory
from generator.writing import copy_bundle
from train.data.holdout import split
from train.metrics import Judge
from train.metrics.judge import SAMPLES
from train.run.cores import Cores
from train.run.folder import BEST, BEST_STATE, LATEST, RECONSTRUCTIONS, SHEETS, Progress, Run, RunError
from train.run.guard import Alarm, End, Guard, Limits
from train.run.learners import new_learner, reconstruct
from train.run.outputs import Shelf, draw_seeds, sheet_of
from train.run.progress import Reporter
from train.run.setting import Setting

TICK_SECONDS = 1.0
SAVE_SECONDS = 30.0
EVALUATION_SHARE = 0.05
"""Share of the time that evaluations may take."""
REPORT_SHARE = 0.01
"""Share of the time that drawing the report may take before the end."""
FIRST_EVALUATION_KIMG = 1.0
LIMITS = Limits()
CHECK_STEPS = 64
"""Steps between two looks whether all weights are finite: by steps and not by the clock, so that it can be repeated."""


class TrainingError(Exception):
    """A run that cannot go on: one sentence."""


@dataclass(frozen=True)
class Outcome:
    """How a sitting ended."""

    progress: Progress
    reason: End
    sentence: str


def fit(
    run: Run,
    setting: Setting,
    device: torch.device,
    reporter: Reporter,
    stop: Callable[[], bool],
    draw_report: Callable[[Path], None],
) -> Outcome:
    """Train until the goal is reached, patience or alarms end the run, or `stop()` says so.

    `draw_report` is given the run's folder after evaluations and at the end. The state is saved every half minute, at
    each evaluation and at the end. Raises TrainingError when there is nothing to show for the training or the memory
    does not suffice, RunError when the run's files cannot be read or written.
    """
    try:
        with Cores(run.path.parent) as cores:
            return _Sitting(run, setting, device, reporter, draw_report, cores).train(stop)
    except BundleError as error:
        raise TrainingError(str(error)) from error
    except OSError as error:
        place = error.filename or run.path
        raise RunError(f"{place}: the run cannot be written ({error.strerror}); {run.safe()}.") from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingError(f"{run.path}: the memory of {device} is too small; lower --batch or --width.") from error


class _Sitting:
    """One process's work on a run."""

    def __init__(
        self,
        run: Run,
        setting: Setting,
        device: torch.device,
        reporter: Reporter,
        draw_report: Callable[[Path], None],
        cores: Cores,
    ) -> None:
        self.run, self.setting, self.reporter, self.draw_report = run, setting, reporter, draw_report
        self.cores = cores
        icons = run.icons()
        training, held_out = split(icons, setting.hold_out)
        self.trainer = new_learner(setting, icons[training], device)
        self.judge = Judge(icons[training], icons[held_out], device, SAMPLES)
        saved = run.load_state()
        if saved is not None:
            self._load(saved[0])
        elif (weights := run.start()) is not None:
            self.trainer.start_from(weights)
        self.progress = saved[1] if saved is not None else Progress(next_evaluation=self._first_evaluation())
        self.guard = Guard(LIMITS, setting.patience, self.progress.watch)
        if not (run.path / BEST_STATE).exists():  # until something is judged, the beginning is the best there is
            run.save_state(self.trainer.state(), self.progress, BEST_STATE)
        self.icons = icons[training], icons[held_out]
        self.shelf = Shelf(setting, *self.icons)
        self.end: End | None = None
        self.sentence = ""
        self.judged_steps = -1
        """The step of the last evaluation in this sitting."""
        now = time.monotonic()
        self.started = now - self.progress.seconds
        self.ticked, self.saved, self.paused, self.drawn = now, now, now, now
        self.drawing = 0.0
        """Seconds that the report took to draw the last time."""
        self.trusts_saved = True
        """Whether the state that was saved last has not led into divergence yet."""
        self.ticked_steps = self.paused_steps = self.trainer.steps

    def _load(self, tensors: dict[str, torch.Tensor]) -> None:
        try:
            self.trainer.load_state(tensors)
        except (KeyError, ValueError, RuntimeError) as error:
            raise TrainingError(
                f"{self.run.path}: the saved state does not fit the networks of this version."
            ) from error

    def train(self, stop: Callable[[], bool]) -> Outcome:
        self._divide_cores()
        while (end := self._end(stop)) is None:
            self.trainer.step(self._share())
            now = time.monotonic()
            if now - self.ticked >= TICK_SECONDS:
                self._tick(now)
            if self.trainer.steps >= self.progress.next_evaluation:
                self._evaluate()
            elif self.trainer.steps % CHECK_STEPS == 0 and not self.trainer.is_finite():
                self._throw_back(Alarm.DIVERGENCE, "weights are not numbers within bounds")
            elif now - self.saved >= SAVE_SECONDS:
                self._save()
        if end in (End.GOAL, End.STOPPED) and self.trainer.steps not in (0, self.judged_steps):
            # An end by request is no part of the schedule: whoever goes on decides as if nobody had looked.
            self._evaluate(scheduled=end is End.GOAL)
        self._save()
        return self._finish(end)

    def _end(self, stop: Callable[[], bool]) -> End | None:
        if self.end is None and self._share() >= 1:
            return End.GOAL
        return End.STOPPED if self.end is None and stop() else self.end

    def _finish(self, end: End) -> Outcome:
        watch, kimg = self.guard.watch, self.trainer.kimg
        sentence = {
            End.GOAL: f"The goal is reached: {self.setting.goal.describe()}.",
            End.STOPPED: f"Stopped at {kimg:.1f} kimg.",
            End.PATIENCE: f"Patience is over at {kimg:.1f} kimg: the last {watch.since_best} evaluations were no "
            f"better than the one at {watch.best_kimg:.1f} kimg.",
            End.ALARMS: self.sentence,
        }[end]
        self._tell("end", reason=end, rollbacks=watch.rollbacks, best_kimg=round(watch.best_kimg, 3), sentence=sentence)
        self._draw_report()
        if end is not End.STOPPED and not (self.run.path / BEST).exists():
            raise TrainingError(
                f"{self.run.path}: training diverged: at {kimg:.1f} kimg there are values that are not finite numbers, "
                "and there is no model to go back to; lower the learning rates."
            )
        return Outcome(self.progress, end, sentence)

    def _seconds(self) -> float:
        return time.monotonic() - self.started

    def _share(self) -> float:
        return self.setting.goal.share(self.trainer.kimg, self._seconds())

    def _stamp(self) -> dict[str, Any]:
        return {"seconds": round(self._seconds(), 1), "kimg": round(self.trainer.kimg, 3)}

    def _tell(self, event: str, **fields: object) -> None:
        record = {**self._stamp(), **fields}
        self.run.append_stats({"event": event, **record})
        self.reporter.told(event, record)

    def _tick(self, now: float) -> None:
        speed = (self.trainer.steps - self.ticked_steps) * self.setting.recipe.batch / (now - self.ticked)
        self.ticked, self.ticked_steps = now, self.trainer.steps
        sides = zip(("loss_generator", "loss_discriminator"), self.trainer.read_losses(), strict=True)
        losses = {name: loss for name, loss in sides if loss is not None}
        if not math.isfinite(sum(losses.values())):
            return  # the next check will say so
        record = {
            **self._stamp(),
            "share": round(self._share(), 5),
            "images_per_second": round(speed, 1),
            "eta_seconds": self.setting.goal.seconds_left(self.trainer.kimg, self._seconds(), speed),
            **{name: round(loss, 4) for name, loss in losses.items()},
        }
        self.run.append_stats({"event": "tick", **record})
        self.reporter.tick(record)

    def _save(self) -> None:
        """Save the state, unless its weights are not finite: then the last one stays."""
        if self.trainer.is_finite():
            self.progress = Progress(
                steps=self.trainer.steps,
                kimg=self.trainer.kimg,
                seconds=self._seconds(),
                next_evaluation=self.progress.next_evaluation,
                watch=self.guard.watch,
            )
            self.run.save_state(self.trainer.state(), self.progress)
        self._divide_cores()
        self.saved = time.monotonic()

    def _divide_cores(self) -> None:
        if (sentence := self.cores.divide()) is not None:
            self._tell("note", sentence=sentence)

    def _first_evaluation(self) -> int:
        return self._steps(self.setting.evaluate_every or FIRST_EVALUATION_KIMG)

    def _steps(self, kimg: float) -> int:
        return max(round(kimg * 1000 / self.setting.recipe.batch), 1)

    def _schedule(self, began: float) -> None:
        """Decide when the next evaluation is due, now that one has ended that began at `began`."""
        now, steps = time.monotonic(), self.trainer.steps
        if self.setting.evaluate_every is not None:
            every = self._steps(self.setting.evaluate_every)
            due = (steps // every + 1) * every
        else:
            speed = (steps - self.paused_steps) / max(began - self.paused, 1e-9)
            due = steps + max(math.ceil((now - began) / EVALUATION_SHARE * speed), 1)
        self.progress = replace(self.progress, next_evaluation=due)
        self._resume_clock()

    def _resume_clock(self) -> None:
        self.paused = self.ticked = time.monotonic()
        self.paused_steps = self.ticked_steps = self.trainer.steps

    def _evaluate(self, *, scheduled: bool = True) -> None:
        """Judge the present model and keep it as the latest; one that is scheduled may be the best, or an alarm."""
        trainer, began = self.trainer, time.monotonic()
        if not trainer.is_finite():
            if scheduled:
                self._throw_back(Alarm.DIVERGENCE, "weights are not numbers within bounds")
            return
        network, config, folder = trainer.snapshot(), trainer.config, self.run.path
        self.reporter.busy("measuring")
        metrics = self.judge.evaluate(network, config.latent_size)
        self.reporter.busy("writing")
        drawn = draw_seeds(network if trainer.is_grown else trainer.preview(), config, trainer.device)
        sheet_name = f"{SHEETS}/{trainer.kimg:09.3f}-kimg.png"
        write_file(folder / sheet_name, sheet_of(drawn))
        verdict = None
        if scheduled and trainer.is_grown:  # before that there are layers that never learned
            verdict = self.guard.judge(metrics, share=self._share(), kimg=trainer.kimg)
        best = verdict.best if verdict else not (folder / BEST).exists()
        described: dict[str, Any] = {"kimg": trainer.kimg, "metrics": metrics, "drawn": drawn}
        self.shelf.put(folder / LATEST, network, config, critics=trainer.critics(), **described)
        if best:
            copy_bundle(folder / LATEST, folder / BEST)
        if verdict and best:
            self.run.save_state(trainer.state(), self.progress, BEST_STATE)
        record = {
            **self._stamp(),
            "metrics": {name: figure.model_dump() for name, figure in metrics.items()},
            "score": round(score(metrics), 4),
            "encoder": self.judge.encoder_digest,
            "sheet": sheet_name,
            "best": best,
        }
        if (reconstructed := reconstruct(trainer, *self.icons)) is not None:
            errors, picture = reconstructed
            write_file(folder / RECONSTRUCTIONS, picture)
            record["reconstruction"] = {name: round(error, 5) for name, error in errors.items()}
        if verdict and verdict.alarm:
            record |= {"alarm": verdict.alarm, "sentence": verdict.sentence}
        self.run.append_stats({"event": "evaluation", **record})
        self.reporter.evaluated(record)
        self.judged_steps = trainer.steps
        if scheduled:
            if time.monotonic() - self.drawn >= self.drawing / REPORT_SHARE:
                self._draw_report()
            self._schedule(began)
        if verdict and verdict.alarm:
            self._throw_back(verdict.alarm, verdict.sentence)
        elif verdict and verdict.out_of_patience:
            self.end = End.PATIENCE
        self._save()

    def _draw_report(self) -> None:
        self.reporter.busy("drawing the report")
        began = time.monotonic()
        try:
            self.draw_report(self.run.path)
        except Exception as error:  # whatever it is, no picture is worth a run
            self.run.append_stats({"event": "note", **self._stamp(), "sentence": f"The report failed: {error}"})
        self.drawn = time.monotonic()
        self.drawing = self.drawn - began

    def _throw_back(self, alarm: Alarm, seen: str) -> None:
        """Go back to the best state with half the learning rates; the images seen since then stay counted.

        After divergence, the state that was saved last will do, unless it has led there before. When there has been
        enough of that, the best state is where the run ends.
        """
        steps, again = self.trainer.steps, self.guard.roll_back()
        saved_will_do = again and alarm is Alarm.DIVERGENCE and self.trusts_saved
        back_to = self.run.load_state() if saved_will_do else None
        back_to = back_to or self.run.load_state(BEST_STATE)
        if back_to is None:
            raise RunError(f"{self.run.path / BEST_STATE}: the state to go back to is missing.")
        self.trusts_saved = not saved_will_do
        self._load(back_to[0])
        to_kimg = self.trainer.kimg
        self.trainer.steps = steps
        self.trainer.rate_scale = self.guard.rate_scale
        self.trainer.read_losses()  # forget what came of the state that is gone
        happened = f"{alarm.capitalize()} at {self.trainer.kimg:.1f} kimg ({seen})"
        back = f"back to the state of {to_kimg:.1f} kimg"
        if not again:
            self.end = End.ALARMS
            self.sentence = f"{happened}, after {self.guard.watch.rollbacks} rollbacks: {back}, and the run ends."
        else:
            self._tell(
                "rollback",
                alarm=alarm,
                to_kimg=round(to_kimg, 3),
                rate_scale=self.guard.rate_scale,
                rollbacks=self.guard.watch.rollbacks,
                sentence=f"{happened}: {back}, with {self.guard.rate_scale:g} of the learning rates.",
            )
        self._save()
        self._resume_clock()


def start_run(
    root: Path, setting: Setting, icons: NDArray[np.uint8], start: Mapping[str, torch.Tensor] | None = None
) -> Run:
    """Make the run folder of a setting; `start`: the generator's weights that it begins with. Raises RunError."""
    return Run.create(root, f"{setting.recipe.preset}-{setting.data.name}", setting.document(), icons, start)
