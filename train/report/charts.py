"""Curves over kimg, laid out once and drawn twice: as inline SVG for a page and with Pillow for a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 420, 190
"""Of a chart, in its own units: pixels of a picture at scale 1, the view box of an SVG."""
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 24
TEXT_SIZE = 11.5
SCALE = 3
"""Pixels that Pillow draws for one that it keeps: its lines have stairs."""
LOG_RATIO = 4.0
"""From this ratio of the largest to the smallest value on, a chart that may be logarithmic is."""
BINS = 160
"""Points that a dense series is condensed to."""
COLORS = {
    "first": "#2563eb",
    "second": "#d97706",
    "real": "#6b7280",
    "best": "#16a34a",
    "alarm": "#dc2626",
    "rollback": "#9333ea",
    "grid": "#e5e7eb",
    "faint": "#6b7280",
    "paper": "#ffffff",
}
"""Roles of what is drawn. In an SVG a role is a class, so that the page decides on its colors."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """One curve: `points` are (kimg, value) in the order they were written, which may go back in kimg."""

    points: Sequence[Point]
    role: str = "first"
    dense: bool = False
    """Many noisy points: shown as a median with a band from the 10 % to the 90 % quantile."""


@dataclass(frozen=True)
class Mark:
    """Something that happened at a kimg: `role` is best, alarm or rollback."""

    kimg: float
    role: str


@dataclass(frozen=True)
class Chart:
    """What a chart shows. `legend` holds pairs of a role and a text for whoever sets the heading."""

    title: str
    hint: str
    series: Sequence[Series]
    legend: Sequence[tuple[str, str]] = ()
    real: float | None = None
    logarithmic: bool = False
    """Whether the values may be shown so; they are when they span enough."""
    marks: Sequence[Mark] = ()


@dataclass(frozen=True)
class Stroke:
    """A line through points; `closed`: an area instead."""

    points: Sequence[Point]
    role: str
    width: float = 1.0
    dashed: bool = False
    closed: bool = False
    pale: bool = False


@dataclass(frozen=True)
class Dot:
    """A filled circle with a title to hover over."""

    at: Point
    radius: float
    role: str
    title: str = ""


@dataclass(frozen=True)
class Words:
    """A short text; `anchor` as in SVG: start, middle or end, on the baseline."""

    at: Point
    text: str
    anchor: str


Shape = Stroke | Dot | Words


def lay_out(chart: Chart) -> list[Shape]:
    """The shapes of a chart, from back to front, in WIDTH x HEIGHT units. A chart without points is its axes."""
    told = [_told(series) for series in chart.series]
    values = [y for series in told for part in (series.live, *series.left, series.low, series.high) for _, y in part]
    values += [] if chart.real is None else [chart.real]
    end = max([x for series in told for part in (series.live, *series.left) for x, _ in part], default=1.0) or 1.0
    scale = _Scale.of(values or [0.0, 1.0], end, logarithmic=chart.logarithmic)
    shapes: list[Shape] = []
    for value in scale.ticks():
        y = scale.y(value)
        shapes.append(Stroke([(LEFT, y), (WIDTH - RIGHT, y)], "grid"))
        shapes.append(Words((LEFT - 6, y + TEXT_SIZE * 0.35), number(value), "end"))
    shapes += _kimg_axis(scale)
    for mark in chart.marks:
        x = scale.x(min(mark.kimg, end))
        shapes.append(Stroke([(x, TOP), (x, HEIGHT - BOTTOM)], mark.role, 1.4, dashed=mark.role == "rollback"))
    if chart.real is not None:
        y = scale.y(chart.real)
        shapes.append(Stroke([(LEFT, y), (WIDTH - RIGHT, y)], "real", 1.4, dashed=True))
    for series, drawn in zip(chart.series, told, strict=True):
        shapes += _curve(series, drawn, scale)
    return shapes


def _kimg_axis(scale: _Scale) -> Iterator[Shape]:
    ticks = _linear_ticks(0.0, scale.end, 5)
    for value in ticks:
        text = f"{number(value)} kimg" if value == ticks[-1] else number(value)
        # The last label ends inside the chart, however near to its edge the tick is.
        room = WIDTH - RIGHT - scale.x(value)
        anchor = "end" if value == ticks[-1] and room < 4 * TEXT_SIZE else "middle"
        yield Words((scale.x(value) + (TEXT_SIZE if anchor == "end" else 0), HEIGHT - 6), text, anchor)


def _curve(series: Series, told: _Told, scale: _Scale) -> Iterator[Shape]:
    for part in told.left:
        yield Stroke([scale.at(point) for point in part], series.role, 1.4, pale=True)
    if told.low:
        band = [*told.high, *reversed(told.low)]
        yield Stroke([scale.at(point) for point in band], series.role, closed=True, pale=True)
    yield Stroke([scale.at(point) for point in told.live], series.role, 2.0)
    if not series.dense:
        for kimg, value in told.live:
            yield Dot(scale.at((kimg, value)), 2.6, series.role, f"{number(value)} at {thousands(kimg)}")


@dataclass(frozen=True)
class _Told:
    """A series as it is drawn: `live` leads to the present weights, `left` are ways that were given up."""

    live: Sequence[Point]
    left: Sequence[Sequence[Point]]
    low: Sequence[Point] = ()
    high: Sequence[Point] = ()


def _told(series: Series) -> _Told:
    live, left = part_ways([point for point in series.points if all(map(math.isfinite, point))])
    if not series.dense:
        return _Told(live, left)
    median, low, high = _condense(live)
    return _Told(median, [_condense(part)[0] for part in left], low, high)


def part_ways(points: Sequence[Point]) -> tuple[list[Point], list[list[Point]]]:
    """Split (kimg, value) into the way that counts and the ways given up where a later point goes back in kimg."""
    live: list[Point] = []
    left: list[list[Point]] = []
    for point in points:
        keep = len(live)
        while keep and live[keep - 1][0] >= point[0]:
            keep -= 1
        if len(live) - keep > 1:  # one point alone is the same state, measured twice
            left.append(live[max(keep - 1, 0) :])
        del live[keep:]
        live.append(point)
    return live, left


def _condense(points: Sequence[Point]) -> tuple[list[Point], list[Point], list[Point]]:
    """Median, 10 % and 90 % quantile of (kimg, value) in at most BINS equal parts."""
    if not points:
        return [], [], []
    parts = np.array_split(np.asarray(points, float), min(BINS, len(points)))
    kimg = [float(part[:, 0].mean()) for part in parts]
    curves = [[float(np.quantile(part[:, 1], share)) for part in parts] for share in (0.5, 0.1, 0.9)]
    median, low, high = ([*zip(kimg, curve, strict=True)] for curve in curves)
    return median, low, high


@dataclass(frozen=True)
class _Scale:
    """From (kimg, value) to the units of a chart."""

    low: float
    high: float
    end: float
    logarithmic: bool

    @classmethod
    def of(cls, values: Sequence[float], end: float, *, logarithmic: bool) -> _Scale:
        low, high = min(values), max(values)
        if logarithmic and low > 0 and high / low >= LOG_RATIO:
            return cls(low * 0.85, high * 1.1, end, logarithmic=True)
        low = min(low, 0.0)
        high = max(high, 0.0)
        room = (high - low or 1.0) * 0.08
        return cls(low - (room if low < 0 else 0.0), high + room, end, logarithmic=False)

    def x(self, kimg: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * kimg / self.end

    def y(self, value: float) -> float:
        share = (
            math.log(value / self.low) / math.log(self.high / self.low)
            if self.logarithmic
            else (value - self.low) / (self.high - self.low)
        )
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def at(self, point: Point) -> Point:
        return self.x(point[0]), self.y(point[1])

    def ticks(self) -> list[float]:
        if not self.logarithmic:
            return _linear_ticks(self.low, self.high, 4)
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)))
        for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 6, 8)):
            ticks = [step * 10.0**decade for decade in decades for step in steps]
            inside = [tick for tick in ticks if self.low <= tick <= self.high]
            if len(inside) >= 3:
                break
        return inside


def _linear_ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers from low to high."""
    rough = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    step = min((unit * factor for factor in (1, 2, 2.5, 5, 10)), key=lambda each: abs(math.log(each / rough)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def number(value: float) -> str:
    """A figure with three digits that count, without needless zeros: 0.0681, 44.8, 1,230."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:,.{min(digits, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def thousands(kimg: float) -> str:
    """A number of kimg with its unit: 55.8 kimg."""
    return f"{kimg:,.1f} kimg"


def to_svg(chart: Chart) -> str:
    """The chart as an inline SVG element whose classes are roles."""
    shapes = "".join(_svg_shape(shape) for shape in lay_out(chart))
    label = escape(f"{chart.title} over kimg", quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{shapes}</svg>'


def _svg_shape(shape: Shape) -> str:
    if isinstance(shape, Words):
        x, y = shape.at
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{shape.anchor}">{escape(shape.text)}</text>'
    if isinstance(shape, Dot):
        x, y = shape.at
        title = f"<title>{escape(shape.title)}</title>" if shape.title else ""
        return f'<circle class="{shape.role}" cx="{x:.1f}" cy="{y:.1f}" r="{shape.radius}">{title}</circle>'
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
    names = [shape.role, *(name for name in ("dashed", "pale") if getattr(shape, name))]
    tag = "polygon" if shape.closed else "polyline"
    return f'<{tag} class="{" ".join(names)}" stroke-width="{shape.width}" points="{path}"/>'


def to_picture(chart: Chart) -> Image.Image:
    """The chart as an RGB picture of WIDTH x HEIGHT pixels on white."""
    picture = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), COLORS["paper"])
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(TEXT_SIZE * SCALE)
    for shape in lay_out(chart):
        if isinstance(shape, Words):
            anchor = {"start": "ls", "middle": "ms", "end": "rs"}[shape.anchor]
            pen.text(_scaled(shape.at), shape.text, COLORS["faint"], font, anchor)
        elif isinstance(shape, Dot):
            pen.circle(_scaled(shape.at), shape.radius * SCALE, COLORS[shape.role])
        else:
            _draw_stroke(pen, shape)
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def _draw_stroke(pen: ImageDraw.ImageDraw, stroke: Stroke) -> None:
    points = [_scaled(point) for point in stroke.points]
    color = _paler(COLORS[stroke.role]) if stroke.pale else COLORS[stroke.role]
    width = round(stroke.width * SCALE)
    if len(points) < 2:
        return
    if stroke.closed:
        pen.polygon(points, color)
    elif stroke.dashed:
        for start, end in _dashes(points[0], points[-1]):
            pen.line([start, end], color, width)
    else:
        pen.line(points, color, width, joint="curve")


def _dashes(start: Point, end: Point) -> Iterator[tuple[Point, Point]]:
    """Pieces of a straight line: 5 units of stroke, 4 of gap, as the page's style says it."""
    length = math.dist(start, end)
    for at in np.arange(0, length, 9 * SCALE):
        a, b = at / length, min((at + 5 * SCALE) / length, 1.0)
        yield (
            (start[0] + (end[0] - start[0]) * a, start[1] + (end[1] - start[1]) * a),
            (start[0] + (end[0] - start[0]) * b, start[1] + (end[1] - start[1]) * b),
        )


def _scaled(point: Point) -> Point:
    return point[0] * SCALE, point[1] * SCALE


def _paler(color: str) -> tuple[int, int, int]:
    """The color at a quarter of its strength on white."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return 255 - (255 - red) // 4, 255 - (255 - green) // 4, 255 - (255 - blue) // 4
