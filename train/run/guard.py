"""What a run's evaluations mean: which one is the best, which is an alarm, and when there is nothing left to gain.

Pure decisions: nothing here reads a clock, a file or a network, so that a run that goes on decides as one that never
stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from generator.card import Figure
from generator.quality import deciding, score

NEVER = 0
"""A patience that does not run out."""


class Alarm(StrEnum):
    """What can go wrong so badly that going on is no use."""

    COLLAPSE = "collapse"
    COPYING = "copying"
    DIVERGENCE = "divergence"
    """Weights that are not finite numbers."""


class End(StrEnum):
    """Why a run is over."""

    GOAL = "goal"
    STOPPED = "stopped"
    PATIENCE = "patience"
    ALARMS = "alarms"


@dataclass(frozen=True)
class Limits:
    """How far figures may go. All are relative to those of real icons, since these differ from set to set."""

    warm_up: int = 5
    """Evaluations before figures can raise an alarm: the first ones show blank or equal pictures."""
    similarity: float = 0.5
    """Collapse: MS-SSIM between samples this share of the way from that between real icons to 1: all are equal."""
    coverage: float = 0.1
    """Collapse: coverage below this share of that of real icons."""
    copies: float = 0.25
    """Copying: the share of copies is so much above that among held-out icons."""
    nearest: float = 0.25
    """Copying: the median distance to the nearest training icon is below this share of that of held-out icons."""
    rollbacks: int = 3
    """How often a run is thrown back; the next alarm ends it."""
    patience_share: float = 0.5
    patience_evaluations: int = 10
    """Without an option, patience lasts for this share of the run, and for at least so many evaluations."""


@dataclass(frozen=True)
class Watch:
    """What is remembered of a run's evaluations; it lies in `state.json`."""

    evaluations: int = 0
    since_best: int = 0
    """Evaluations that brought no better score."""
    best_score: float | None = None
    scored_by: str = ""
    """The figures that made that score."""
    best_share: float = 0.0
    """The share of the run that was done when the score was last bettered."""
    best_kimg: float = 0.0
    """Where the best one stands: of equals, the last."""
    best_was_diverse: bool = False
    """Whether the best one was well within the limits of collapse: only then can there be a fall."""
    rollbacks: int = 0


@dataclass(frozen=True)
class Verdict:
    """What one evaluation means."""

    score: float
    best: bool
    alarm: Alarm | None = None
    sentence: str = ""
    """What the alarm saw."""
    out_of_patience: bool = False


@dataclass
class Guard:
    """Judges the evaluations of one run, one after the other."""

    limits: Limits = field(default_factory=Limits)
    patience: int | None = None
    """Evaluations without a better one before the run ends; NEVER; or None: as the limits say."""
    watch: Watch = field(default_factory=Watch)

    def judge(self, metrics: Mapping[str, Figure], *, share: float, kimg: float) -> Verdict:
        """Take an evaluation into account. `share`: of the run, done so far.

        One that raises an alarm is never the best, but for the very first.
        """
        watch = replace(self.watch, evaluations=self.watch.evaluations + 1, since_best=self.watch.since_best + 1)
        value, scored_by = score(metrics), ", ".join(deciding(metrics))
        if watch.scored_by != scored_by:  # begun by a version that judged by other figures
            watch = replace(watch, best_score=None, scored_by=scored_by)
        alarm, sentence = self._alarm(metrics) if watch.evaluations > self.limits.warm_up else (None, "")
        # Once real icons are reached, all scores are 0: of equals, the later one has learned longer, at lower rates.
        best = watch.best_score is None or (alarm is None and value <= watch.best_score)
        if best:
            if watch.best_score is None or value < watch.best_score:
                watch = replace(watch, since_best=0, best_share=share)
            watch = replace(watch, best_score=value, best_kimg=kimg, best_was_diverse=self._is_diverse(metrics))
        self.watch = watch
        return Verdict(value, best, alarm, sentence, out_of_patience=alarm is None and self._is_out_of_patience(share))

    @property
    def rate_scale(self) -> float:
        """The factor of the learning rates: half of it is left after each rollback."""
        return 0.5**self.watch.rollbacks

    def roll_back(self) -> bool:
        """Count a rollback; False when there have been enough of them."""
        if self.watch.rollbacks >= self.limits.rollbacks:
            return False
        # What was seen since the best state is undone with it; patience begins anew.
        self.watch = replace(self.watch, rollbacks=self.watch.rollbacks + 1, since_best=0)
        return True

    def _is_out_of_patience(self, share: float) -> bool:
        watch, limits = self.watch, self.limits
        if self.patience is not None:
            return self.patience != NEVER and watch.since_best >= self.patience
        return share - watch.best_share >= limits.patience_share and watch.since_best >= limits.patience_evaluations

    def _alarm(self, metrics: Mapping[str, Figure]) -> tuple[Alarm | None, str]:
        limits = self.limits
        copies, nearest = metrics.get("copies"), metrics.get("nearest")
        if copies is not None and copies.value > copies.real + limits.copies:
            return Alarm.COPYING, (
                f"{copies.value:.0%} of the samples are as near to a training icon as {copies.real:.0%} of the "
                "set's icons are to another"
            )
        if nearest is not None and nearest.value < limits.nearest * nearest.real:
            return Alarm.COPYING, (
                f"the samples are {nearest.value / nearest.real:.0%} as far from their nearest training icons as icons "
                "of the set are from each other"
            )
        if self.watch.best_was_diverse:
            similar, coverage = metrics.get("ms_ssim"), metrics.get("coverage")
            if similar is not None and _similarity(similar) > limits.similarity:
                return Alarm.COLLAPSE, (
                    f"the samples look alike: MS-SSIM {similar.value:.2f}, real icons {similar.real:.2f}"
                )
            if coverage is not None and coverage.value < limits.coverage * coverage.real:
                return Alarm.COLLAPSE, (
                    f"the samples cover {coverage.value:.0%} of the icons, real icons cover {coverage.real:.0%}"
                )
        return None, ""

    def _is_diverse(self, metrics: Mapping[str, Figure]) -> bool:
        """Half the way to the limit of similarity, four times the limit of coverage: a fall from there is one."""
        similar, coverage = metrics.get("ms_ssim"), metrics.get("coverage")
        return (similar is None or _similarity(similar) <= self.limits.similarity / 2) and (
            coverage is None or coverage.value >= 4 * self.limits.coverage * coverage.real
        )


def _similarity(similar: Figure) -> float:
    """Where MS-SSIM stands between that of real icons, 0, and that of equal pictures, 1."""
    return (similar.value - similar.real) / max(1 - similar.real, 1e-6)
