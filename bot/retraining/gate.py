"""The gate between training and serving: figures of the new and the running model, and whether the new one is worse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, ValidationError

from generator.card import Figure
from generator.quality import SCORED, score

SPREADS = ("ms_ssim", "coverage")
"""Figures that tell a collapse: how alike two icons are, and how many real ones have one beside them."""

SOURCES_OF_COPIES = ("nearest",)
"""Figures that fall when a model copies its training icons."""

TOLERANCE = 0.1
"""Share by which the score's figures may be larger and still count as not worse: two deviations of what lies in the
choice of the samples (form of 512, six choices: a deviation of 3 % for faces, 4 % for the broad set)."""

LOWEST_SHARE = 0.5
"""Of the real figure: a spread below is a collapse, a nearest distance below is copying. Of MS-SSIM, which is 1 between
equal pictures, it is the distance to 1 that counts."""


class Verdict(StrEnum):
    """What the gate says of a new model."""

    BETTER = "better"
    NOT_WORSE = "not_worse"
    WORSE = "worse"
    COLLAPSED = "collapsed"
    COPIES = "copies"
    UNKNOWN = "unknown"
    """There is no figure that both models have."""

    @property
    def passes(self) -> bool:
        """Whether the new model is adopted without asking."""
        return self in (Verdict.BETTER, Verdict.NOT_WORSE)


class _Printed(Figure):
    """A figure with whatever stands beside it: how far chance spreads it, of how many icons it is."""

    model_config = ConfigDict(extra="ignore")


class Evaluation(BaseModel):
    """What `python -m train evaluate --json` prints, as far as it is used here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    figures: dict[str, _Printed]


def read_evaluation(document: str) -> dict[str, Figure]:
    """The figures by name. Raises ValueError when there are none."""
    try:
        figures: dict[str, Figure] = {**Evaluation.model_validate_json(document).figures}
    except ValidationError as error:
        raise ValueError(f"the evaluation cannot be read ({error.error_count()} problems)") from error
    if not figures:
        raise ValueError("the evaluation holds no figures")
    return figures


def judge(new: Mapping[str, Figure], old: Mapping[str, Figure]) -> Verdict:
    """Compare two models on the same icons.

    The score of the figures that both have decides: up to TOLERANCE above the running model's counts as not worse.
    A model whose spread, or whose distance to the nearest training icon, falls below LOWEST_SHARE of the real figure
    does not pass whatever its distance says, unless the running model stands no better there.
    """
    for names, verdict in ((SPREADS, Verdict.COLLAPSED), (SOURCES_OF_COPIES, Verdict.COPIES)):
        for name in names:
            if name in new and _share(name, new) < LOWEST_SHARE and not _as_low(name, new, old):
                return verdict
    common = SCORED & new.keys() & old.keys()
    if not common:
        return Verdict.UNKNOWN
    ours, theirs = (score({name: figures[name] for name in common}) for figures in (new, old))
    if ours < theirs:
        return Verdict.BETTER
    return Verdict.NOT_WORSE if ours <= theirs + math.log1p(TOLERANCE) else Verdict.WORSE


def _share(name: str, figures: Mapping[str, Figure]) -> float:
    value, real = figures[name].value, figures[name].real
    if name == "ms_ssim":
        value, real = 1 - value, 1 - real
    return value / real if real > 0 else 1.0


def _as_low(name: str, new: Mapping[str, Figure], old: Mapping[str, Figure]) -> bool:
    return name in old and _share(name, old) <= _share(name, new)
