"""What a run has been, read from its folder: figures, losses, events, and the pictures that show them."""

from __future__ import annotations

import io
import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from generator.checkpoint import Bundle, read_bundle
from generator.files import SAMPLES, BundleError
from generator.gray import in_words
from generator.neighborhood import Neighborhood
from generator.transparency import MODES, WHITE, as_pixels, over
from train.report.charts import Chart, Mark, Point, Series, number, thousands
from train.run.folder import BEST, LATEST, OPTIONS, RECONSTRUCTIONS, STATS, RunError

STEPS_SHOWN = 6
"""Sheets over time."""
SEEDS_SHOWN = 16
SIDES = {"generator": "first", "discriminator": "second"}
"""Whose losses there are, and the roles of their curves."""
PAIRS_SHOWN = 8
GAP = 4
"""Pixels between the icons of a sheet, as `generator.pictures.grid` sets them."""


@dataclass(frozen=True)
class Wording:
    """How a figure is called and read."""

    title: str
    hint: str
    logarithmic: bool = False


FIGURES = {
    "swd": Wording("SWD x 1000", "lower is better", logarithmic=True),
    "swd_white": Wording("SWD x 1000 on white", "lower is better", logarithmic=True),
    "swd_dark": Wording("SWD x 1000 on dark", "lower is better", logarithmic=True),
    "kid": Wording("KID", "lower is better", logarithmic=True),
    "form": Wording("Form", "lower is better", logarithmic=True),
    "precision": Wording("Precision", "higher is better"),
    "recall": Wording("Recall", "higher is better"),
    "coverage": Wording("Coverage", "higher is better"),
    "ms_ssim": Wording("MS-SSIM", "far above real: collapse"),
    "nearest": Wording("Nearest training icon", "far below real: copies"),
    "nearest_low": Wording("Nearest, 5 % quantile", "far below real: copies"),
    "copies": Wording("Share of copies", "lower is better"),
}
"""The figures that are known, in the order in which they are shown; others follow under their own names."""


@dataclass(frozen=True)
class Evaluation:
    """One evaluation: `figures` are pairs of the value and the same between real icons, by name."""

    kimg: float
    seconds: float
    figures: Mapping[str, tuple[float, float]]
    sheet: Path
    best: bool
    encoder: str
    """Digest of the encoder whose features were compared; empty in older runs."""


@dataclass(frozen=True)
class Event:
    """An alarm, a rollback or an end; `role` is that of its mark, or faint."""

    kimg: float
    seconds: float
    role: str
    text: str


@dataclass(frozen=True)
class Pair:
    """A generated icon beside the training icon nearest to it."""

    seed: int
    distance: float
    generated: Image.Image
    training: Image.Image


@dataclass(frozen=True)
class Moment:
    """The first icons of one evaluation's sheet: the same seeds each time."""

    kimg: float
    seconds: float
    strip: Image.Image
    best: bool


@dataclass
class History:
    """A run as far as its folder tells."""

    path: Path
    options: Mapping[str, Any]
    ticks: list[Mapping[str, float]] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    clock: list[Point] = field(default_factory=list)
    """(kimg, seconds) of every record."""
    ended: str = ""
    """Why the last sitting ended (goal, stopped, patience or alarms); empty before the first end."""

    @property
    def best(self) -> Evaluation | None:
        """The evaluation whose state is kept as the best."""
        return next((one for one in reversed(self.evaluations) if one.best), None)

    @property
    def latest(self) -> Evaluation | None:
        """The last evaluation."""
        return self.evaluations[-1] if self.evaluations else None

    def facts(self) -> list[str]:
        """What and how was trained, and how far: short texts for one line."""
        recipe, data = dict(self.options.get("recipe", {})), dict(self.options.get("data", {}))
        size, behind = self.options.get("image_size"), self.options.get("background", ())
        found = [
            f"preset {recipe['preset']}" if "preset" in recipe else None,
            f"{data['count']:,} icons of {data.get('name')} ({size} x {size} pixels)" if "count" in data else None,
            in_words(len(behind), self.options.get("threshold")) if len(behind) in MODES else None,
            f"batch {recipe['batch']}" if "batch" in recipe else None,
        ]
        if self.clock:
            kimg, seconds = self.clock[-1]
            found.append(f"{thousands(kimg)} in {duration(seconds)}")
        found.append(f"license {data['license']}" if data.get("license") else None)
        found.append(f"by {data['author']}" if data.get("author") else None)
        found.append(f"encoder {self.latest.encoder[:12]}" if self.latest and self.latest.encoder else None)
        return [fact for fact in found if fact is not None]

    def sheet_titles(self, pictures: Pictures) -> Iterator[tuple[str, Image.Image]]:
        """The whole sheets with their titles: the best one, and the latest one when it is another."""
        for name, sheet, one in (("best", pictures.best, self.best), ("latest", pictures.latest, self.latest)):
            if sheet is not None:
                when = f", {thousands(one.kimg)}" if one is not None else ""
                yield f"The {name} sheet{when}: fixed seeds, not picked", sheet
        if pictures.reconstructions is not None:
            yield "Icons, and under each what the autoencoder made of it", pictures.reconstructions

    def figure_names(self) -> list[str]:
        """All figures that an evaluation has of icons that nobody chose, the known ones first."""
        found = {name for one in self.evaluations for name in one.figures}
        further = sorted(name for name in found - FIGURES.keys() if not name.startswith("chosen_"))
        return [*(name for name in FIGURES if name in found), *further]

    def charts(self) -> list[Chart]:
        """The figures, then the losses and the speed."""
        marks = [Mark(event.kimg, event.role) for event in self.events if event.role in ("alarm", "rollback")]
        if self.best is not None:
            marks.append(Mark(self.best.kimg, "best"))
        return [*(self._figure_chart(name, marks) for name in self.figure_names()), *self._tick_charts(marks)]

    def _figure_chart(self, name: str, marks: Sequence[Mark]) -> Chart:
        points = [(one.kimg, one.figures[name][0]) for one in self.evaluations if name in one.figures]
        real = [one.figures[name][1] for one in self.evaluations if name in one.figures][-1]
        wording = FIGURES.get(name, Wording(name, ""))
        legend = [("first", f"latest {number(points[-1][1])}"), ("real", f"real {number(real)}")]
        if self.best is not None and name in self.best.figures:
            legend.insert(0, ("best", f"best {number(self.best.figures[name][0])}"))
        return Chart(
            wording.title, wording.hint, [Series(points)], legend, real, wording.logarithmic, marks if points else ()
        )

    def _tick_charts(self, marks: Sequence[Mark]) -> Iterator[Chart]:
        if not self.ticks:
            return
        losses: list[Series] = []
        names: list[tuple[str, str]] = []
        for side, role in SIDES.items():
            if points := self._points(f"loss_{side}"):
                losses.append(Series(points, role, dense=True))
                names.append((role, side))
        yield Chart("Losses", "median and 80 % band", losses, names, marks=marks)
        speed = self._points("images_per_second")
        middle = number(statistics.median(value for _, value in speed)) if speed else "?"
        yield Chart("Speed", "images/s", [Series(speed, dense=True)], [("first", f"median {middle} images/s")])

    def _points(self, key: str) -> list[Point]:
        return [(tick["kimg"], tick[key]) for tick in self.ticks if isinstance(tick.get(key), int | float)]


def read_history(run_path: Path) -> History:
    """Read a run's options and statistics. Raises RunError when it is no run folder."""
    try:
        options = json.loads((run_path / OPTIONS).read_text(encoding="utf-8"))
        lines = (run_path / STATS).read_text(encoding="utf-8").splitlines() if (run_path / STATS).exists() else []
    except (OSError, ValueError) as error:
        raise RunError(f"{run_path}: this is not a run folder (no readable {OPTIONS}).") from error
    if not isinstance(options, dict):
        raise RunError(f"{run_path}: this is not a run folder (no readable {OPTIONS}).")
    history = History(run_path, options)
    for record in _records(lines):
        _note(history, record)
    return history


def _records(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The records that can be read: a kill may have cut the last line short."""
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def _note(history: History, record: Mapping[str, Any]) -> None:
    kimg, seconds, kind = float(record.get("kimg", 0.0)), float(record.get("seconds", 0.0)), record.get("event")
    history.clock.append((kimg, seconds))
    if kind == "tick":
        history.ticks.append(record)
        return
    if kind == "evaluation":
        figures = {name: (float(one["value"]), float(one["real"])) for name, one in record["metrics"].items()}
        sheet = history.path / str(record["sheet"])
        history.evaluations.append(
            Evaluation(kimg, seconds, figures, sheet, bool(record["best"]), str(record.get("encoder", "")))
        )
        if record.get("alarm"):
            said = record.get("sentence") or _in_words(record["alarm"])
            history.events.append(Event(kimg, seconds, "alarm", f"Alarm: {said}"))
        return
    if kind == "end":
        history.ended = str(record.get("reason", ""))
    known = ("event", "kimg", "seconds")
    said = record.get("sentence") or _in_words({name: part for name, part in record.items() if name not in known})
    role = kind if kind in ("alarm", "rollback") else "faint"
    history.events.append(Event(kimg, seconds, role, f"{str(kind).capitalize()}: {said}" if said else str(kind)))


def _in_words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_in_words(part)}" for name, part in value.items())
    return number(value) if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Pictures:
    """What a report shows besides curves."""

    moments: Sequence[Moment]
    best: Image.Image | None
    """The sheet of the best bundle."""
    latest: Image.Image | None
    """That of the latest one, when it is another."""
    pairs: Sequence[Pair]
    reconstructions: Image.Image | None = None
    """Icons above what an autoencoder made of them."""

    @classmethod
    def of(cls, history: History) -> Pictures:
        """Read the pictures of a run; what is not there is left out."""
        size = int(history.options.get("image_size", 64))
        moments = []
        for one in spread(history.evaluations, STEPS_SHOWN):
            sheet = _open(one.sheet)
            if sheet is not None:
                moments.append(Moment(one.kimg, one.seconds, _on_white(_strip(sheet, size)), one is history.best))
        best, latest = _open(history.path / BEST / SAMPLES), _open(history.path / LATEST / SAMPLES)
        if best is not None and latest is not None and best.tobytes() == latest.tobytes():
            latest = None
        try:
            pairs = nearest_pairs(read_bundle(history.path / BEST), best) if best is not None else []
        except BundleError:  # written by another version: the rest of the report is there all the same
            pairs = []
        whole = (best, latest, _open(history.path / RECONSTRUCTIONS))
        best, latest, reconstructions = (sheet and _on_white(sheet) for sheet in whole)
        return cls(moments, best, latest, pairs, reconstructions)


def spread(evaluations: Sequence[Evaluation], count: int) -> list[Evaluation]:
    """At most `count` evaluations, denser at the beginning, where most happens: the first, the last and the best."""
    if len(evaluations) <= count:
        return list(evaluations)
    best = max((i for i, one in enumerate(evaluations) if one.best), default=0)
    chosen = {0, best, len(evaluations) - 1}
    logs = [math.log(one.seconds + 1) for one in evaluations]
    while len(chosen) < count:  # the one that is farthest, in the logarithm of time, from those chosen so far
        free = [i for i in range(len(evaluations)) if i not in chosen]
        chosen.add(max(free, key=lambda i: min(abs(logs[i] - logs[j]) for j in chosen)))
    return [evaluations[i] for i in sorted(chosen)]


def nearest_pairs(bundle: Bundle, sheet: Image.Image, count: int = PAIRS_SHOWN) -> list[Pair]:
    """The icons of a bundle's sheet that are nearest to a training icon, nearest first; seeds count from 1.

    Raises EncoderError.
    """
    training, neighborhood = over(bundle.icons(), WHITE), Neighborhood(bundle)
    icons = _cut(sheet if bundle.channels == 4 else _on_white(sheet), bundle.image_size)
    found = [(neighborhood.search(icon, 1)[0], seed, icon) for seed, icon in enumerate(icons, start=1)]
    found.sort(key=lambda one: (one[0].distance, one[1]))
    return [
        Pair(seed, near.distance, _on_white(icon), Image.fromarray(training[near.index]))
        for near, seed, icon in found[:count]
    ]


def _cut(sheet: Image.Image, size: int) -> list[Image.Image]:
    step = size + GAP
    return [
        sheet.crop((x, y, x + size, y + size))
        for y in range(GAP, sheet.height - size, step)
        for x in range(GAP, sheet.width - size, step)
    ]


def _strip(sheet: Image.Image, size: int) -> Image.Image:
    """The first row of a sheet, at most SEEDS_SHOWN icons of `size` pixels, or fewer while a run grows."""
    while size > 8 and ((sheet.width - GAP) % (size + GAP) or (sheet.height - GAP) % (size + GAP)):
        size //= 2
    return sheet.crop((0, 0, min(sheet.width, SEEDS_SHOWN * (size + GAP) + GAP), min(sheet.height, size + 2 * GAP)))


def _open(path: Path) -> Image.Image | None:
    """A picture of the run in RGBA, or None when there is none that can be read."""
    try:
        with Image.open(io.BytesIO(path.read_bytes()), formats=["PNG"]) as image:
            return image.convert("RGBA")
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return None


def _on_white(image: Image.Image) -> Image.Image:
    """In RGB, without transparency."""
    return Image.fromarray(over(as_pixels(image), WHITE))


def duration(seconds: float) -> str:
    """Seconds in words: 45 s, 12 min, 1 h 20 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
