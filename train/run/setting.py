"""What decides a run: its goal, its recipe and its icons, as they stand in `options.json`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from generator.card import DataSet
from generator.decode import Color
from generator.gray import Threshold
from generator.networks import GeneratorConfig
from train.adversary.recipes import Recipe


@dataclass(frozen=True)
class Goal:
    """When a run ends: after so many thousand images, after so many minutes of wall clock, or by its patience alone."""

    kimg: float | None = None
    minutes: float | None = None

    def share(self, kimg: float, seconds: float) -> float:
        """The share of the run that is done: 0 to 1; always 0 for a run without an end."""
        if self.kimg is not None:
            return min(kimg / self.kimg, 1.0)
        return min(seconds / (60 * (self.minutes or math.inf)), 1.0)

    def seconds_left(self, kimg: float, seconds: float, images_per_second: float) -> int | None:
        """What is left at this speed, or None for a run without an end."""
        if self.kimg is not None:
            left = (self.kimg - kimg) * 1000 / max(images_per_second, 1e-9)
        elif self.minutes is not None:
            left = 60 * self.minutes - seconds
        else:
            return None
        return max(round(left), 0)

    def describe(self) -> str:
        """The goal in words."""
        if self.kimg is not None:
            return f"{self.kimg:g} kimg"
        if self.minutes is None:
            return "until patience ends it"
        return "1 minute" if self.minutes == 1 else f"{self.minutes:g} minutes"


@dataclass(frozen=True)
class Setting:
    """Everything that decides a run."""

    recipe: Recipe
    goal: Goal
    data: DataSet
    image_size: int
    background: Color
    """What stands behind the icons; its length is that of their pixels: a gray behind gray ones."""
    seed: int
    code_version: str
    hold_out: float = 0.0
    """Share of the icons that training never sees; older runs held out nothing."""
    patience: int | None = None
    """Evaluations without a better one that end the run; 0: never; None: half of the run."""
    evaluate_every: float | None = None
    """kimg between two evaluations; None: as often as 5 % of the time allow."""
    start: str | None = None
    """Digest of the bundle that the run started from."""
    threshold: Threshold = None
    """What made the icons black and white; None: nothing."""

    @property
    def network(self) -> GeneratorConfig:
        """The config of the generator: transparent icons have four channels, gray ones have one."""
        return self.recipe.network(self.image_size, len(self.background))

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
            hold_out=float(document.get("hold_out", 0.0)),
            patience=document.get("patience"),
            evaluate_every=document.get("evaluate_every"),
            start=document.get("start"),
            threshold=document.get("threshold"),
        )
