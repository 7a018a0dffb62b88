"""The report on a run as one picture: figures, curves, sheets over time, the best sheet, and the nearest icons."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from generator.pictures import FAINT, INK, LINE, PAPER, enlarge, shorten
from generator.quality import DISTANCE
from train.report.charts import COLORS, HEIGHT, WIDTH, Chart, thousands, to_picture
from train.report.history import Event, History, Moment, Pair, Pictures, duration

EDGE, COLUMN_GAP, PART_GAP = 48, 28, 30
COLUMNS = 3
INSIDE = COLUMNS * WIDTH + (COLUMNS - 1) * COLUMN_GAP
"""Pixels between the edges."""
NAME_SIZE, TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 34, 22, 17, 14
LABEL_WIDTH = 120
PAIR_ICON, PAIR_COLUMNS = 150, 4
EVENTS_SHOWN = 8


def to_poster(history: History, pictures: Pictures) -> Image.Image:
    """Draw the report: RGB, as high as what there is to show."""
    parts = [heading(history.path.name, history.facts()), _curves(history.charts())]
    if history.events:
        parts.append(_events(history.events))
    if pictures.moments:
        parts.append(_moments(pictures.moments))
    for title, sheet in history.sheet_titles(pictures):
        parts.append(under(title, fitted(sheet)))
    if pictures.pairs:
        parts.append(_pairs(pictures.pairs))
    return stack(parts)


def stack(parts: Sequence[Image.Image]) -> Image.Image:
    """Parts, each INSIDE pixels wide, under each other on paper."""
    height = sum(part.height for part in parts) + (len(parts) - 1) * PART_GAP
    poster = Image.new("RGB", (INSIDE + 2 * EDGE, height + 2 * EDGE), PAPER)
    top = EDGE
    for part in parts:
        poster.paste(part, (EDGE, top))
        top += part.height + PART_GAP
    return poster


def heading(name: str, facts: Sequence[str]) -> Image.Image:
    """The name of it all above a line of facts."""
    part, pen = blank(NAME_SIZE + TEXT_SIZE + 34)
    large, text = ImageFont.load_default(NAME_SIZE), ImageFont.load_default(TEXT_SIZE)
    pen.text((0, 0), shorten(name, INSIDE, large), INK, large)
    pen.text((0, NAME_SIZE + 16), shorten(" · ".join(facts), INSIDE, text), FAINT, text)
    return part


def _curves(charts: Sequence[Chart]) -> Image.Image:
    drawn = [_chart(chart) for chart in charts]
    rows = -(-len(drawn) // COLUMNS)
    height = drawn[0].height if drawn else 0
    part, _ = blank(rows * height + max(rows - 1, 0) * 18)
    for i, one in enumerate(drawn):
        row, column = divmod(i, COLUMNS)
        part.paste(one, (column * (WIDTH + COLUMN_GAP), row * (height + 18)))
    return part


def _chart(chart: Chart) -> Image.Image:
    """A chart under its title and its legend."""
    heading = TEXT_SIZE + SMALL_SIZE + 20
    image = Image.new("RGB", (WIDTH, heading + HEIGHT), PAPER)
    pen = ImageDraw.Draw(image)
    title, small = ImageFont.load_default(TEXT_SIZE), ImageFont.load_default(SMALL_SIZE)
    pen.text((0, 0), chart.title, INK, title)
    left = title.getlength(chart.title) + 12
    pen.text((left, TEXT_SIZE - SMALL_SIZE), shorten(chart.hint, int(WIDTH - left), small), FAINT, small)
    x, middle = 0.0, TEXT_SIZE + 14 + SMALL_SIZE / 2
    for role, text in chart.legend:
        for start in (x, x + 12) if role == "real" else (x,):
            pen.line((start, middle, start + (8 if role == "real" else 20), middle), COLORS[role], 3)
        pen.text((x + 26, middle), text, INK, small, anchor="lm")
        x += 26 + small.getlength(text) + 20
    image.paste(to_picture(chart), (0, heading))
    return image


def _events(events: Sequence[Event]) -> Image.Image:
    text = ImageFont.load_default(TEXT_SIZE)
    shown = events[-EVENTS_SHOWN:]
    part, pen = blank(len(shown) * (TEXT_SIZE + 12))
    for i, event in enumerate(shown):
        y = i * (TEXT_SIZE + 12) + TEXT_SIZE / 2 + 6
        pen.circle((8, y), 6, COLORS[event.role])
        line = f"{thousands(event.kimg)} · {duration(event.seconds)} · {event.text}"
        pen.text((LABEL_WIDTH // 4, y), shorten(line, INSIDE - LABEL_WIDTH // 4, text), INK, text, anchor="lm")
    return part


def _moments(moments: Sequence[Moment]) -> Image.Image:
    """The strips under each other, each with its kimg and its time on the left."""
    strips = [fitted(moment.strip, INSIDE - LABEL_WIDTH) for moment in moments]
    body, pen = blank(sum(strip.height for strip in strips))
    text, small = ImageFont.load_default(TEXT_SIZE), ImageFont.load_default(SMALL_SIZE)
    top = 0
    for moment, strip in zip(moments, strips, strict=True):
        middle = top + strip.height / 2
        color = COLORS["best"] if moment.best else INK
        pen.text((0, middle - 3), f"{thousands(moment.kimg)}", color, text, anchor="ls")
        note = f"{duration(moment.seconds)}{', best' if moment.best else ''}"
        pen.text((0, middle + 5), note, color if moment.best else FAINT, small, anchor="lt")
        body.paste(strip, (LABEL_WIDTH, top))
        top += strip.height
    return under("The same seeds over time", body)


def _pairs(pairs: Sequence[Pair]) -> Image.Image:
    """Generated on the left, its nearest training icon on the right, what they are below."""
    small = ImageFont.load_default(SMALL_SIZE)
    cell, rows = INSIDE // PAIR_COLUMNS, -(-len(pairs) // PAIR_COLUMNS)
    height = PAIR_ICON + SMALL_SIZE + 30
    body, pen = blank(rows * height)
    for i, pair in enumerate(pairs):
        row, column = divmod(i, PAIR_COLUMNS)
        x, y = column * cell, row * height
        body.paste(enlarge(pair.generated, PAIR_ICON, plain=True), (x, y))
        body.paste(enlarge(pair.training, PAIR_ICON, plain=True), (x + PAIR_ICON + 4, y))
        below = y + PAIR_ICON + 6
        pen.line((x, below, x + PAIR_ICON, below), COLORS["first"], 3)
        pen.line((x + PAIR_ICON + 4, below, x + 2 * PAIR_ICON + 4, below), COLORS["real"], 3)
        pen.text((x, below + 6), f"seed {pair.seed}, distance {pair.distance:.2f}", INK, small)
        pen.text((x + PAIR_ICON + 4, below + 6), "training icon", FAINT, small)
    title = f"Nearest to a training icon, on its right. Distance {DISTANCE}"
    return under(title, body)


def under(title: str, body: Image.Image) -> Image.Image:
    """A part under its title and a thin line."""
    part, pen = blank(body.height + TITLE_SIZE + 34)
    font = ImageFont.load_default(TITLE_SIZE)
    pen.line((0, 0, INSIDE, 0), LINE, 2)
    pen.text((0, 14), shorten(title, INSIDE, font), INK, font)
    part.paste(body, (0, TITLE_SIZE + 34))
    return part


def fitted(image: Image.Image, width: int = INSIDE) -> Image.Image:
    """A picture, scaled to a width."""
    size = (width, max(round(image.height * width / image.width), 1))
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def blank(height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty part and what draws on it."""
    image = Image.new("RGB", (INSIDE, height), PAPER)
    return image, ImageDraw.Draw(image)
