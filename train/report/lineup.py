"""A comparison of presets as a page, `compare.html`, and as a picture, `compare.png`: tables, then a sheet of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TypeAlias

from PIL import Image, ImageFont

from generator.folders import write_file
from generator.pictures import FAINT, INK, LINE, png, shorten
from train.report.charts import COLORS
from train.report.comparison import Comparison, Table, sheets, tables
from train.report.page import document, image
from train.report.poster import INSIDE, SMALL_SIZE, TEXT_SIZE, blank, fitted, heading, stack, under

PAGE, PICTURE = "compare.html", "compare.png"
LABEL_WIDTH = 170
ROW_HEIGHT = TEXT_SIZE + 14

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Draw PAGE and PICTURE into a folder. Raises OSError when they cannot be written."""
    write_file(folder / PAGE, to_page(comparison).encode())
    write_file(folder / PICTURE, png(to_poster(comparison)))


def to_page(comparison: Comparison) -> str:
    """The comparison as HTML."""
    parts = [f"<h1>{escape(comparison.name)}</h1><p>{escape(' · '.join(comparison.facts))}</p>"]
    for table in tables(comparison):
        parts += _table(table)
    for title, note, sheet in sheets(comparison):
        parts.append(
            f"<h2>{escape(title)} <small>{escape(note)}</small></h2>{image(sheet, f'Icons: {title}', 'sheet')}"
        )
    return document(comparison.name, parts)


def _table(table: Table) -> Iterator[str]:
    yield f'<h2>{escape(table.title)}</h2><div class="table"><table class="numbers"><tr><th></th>'
    yield "".join(f"<th>{escape(text)}</th>" for text in table.head) + "</tr>"
    for line in table.lines:
        cells = "".join(f"<td>{escape(text)}</td>" for text in line.cells)
        said = f'<td class="said" colspan="{len(table.head)}">{escape(line.said)}</td>'
        kind = "best" if line.is_best else "label"
        yield f'<tr><td class="{kind}">{escape(line.label)}</td>{cells or said}</tr>'
    yield f"</table></div><p>{escape(table.note)}</p>"


def to_poster(comparison: Comparison) -> Image.Image:
    """The comparison as a picture: RGB, as high as what there is to show."""
    parts = [heading(comparison.name, comparison.facts)]
    parts += [_drawn(table) for table in tables(comparison)]
    parts += [under(f"{title}: {note}", fitted(sheet)) for title, note, sheet in sheets(comparison)]
    return stack(parts)


def _drawn(table: Table) -> Image.Image:
    text, small = ImageFont.load_default(TEXT_SIZE), ImageFont.load_default(SMALL_SIZE)
    notes = list(_wrapped(table.note, small))
    body, pen = blank(ROW_HEIGHT * (len(table.lines) + 1) + 10 + (SMALL_SIZE + 7) * len(notes))
    rights = _columns(table, text, small)
    for right, name in zip(rights, table.head, strict=True):
        pen.text((right, ROW_HEIGHT / 2), name, FAINT, small, anchor="rm")
    top = 0
    for line in table.lines:
        top += ROW_HEIGHT
        middle = top + ROW_HEIGHT / 2
        pen.line((0, top, INSIDE, top), LINE, 1)
        ink = COLORS["best"] if line.is_best else INK
        pen.text((0, middle), shorten(line.label, LABEL_WIDTH - 12, text), ink, text, anchor="lm")
        for right, cell in zip(rights, line.cells, strict=False):
            pen.text((right, middle), cell, INK, text, anchor="rm")
        if line.said:
            said = shorten(line.said, INSIDE - LABEL_WIDTH, small)
            pen.text((LABEL_WIDTH, middle), said, FAINT, small, anchor="lm")
    top += ROW_HEIGHT + 10
    for note in notes:
        pen.text((0, top), note, FAINT, small)
        top += SMALL_SIZE + 7
    return under(table.title, body)


def _columns(table: Table, text: Font, small: Font) -> list[float]:
    """Where each column ends: it is as wide as its text, and all get alike of what is left."""
    widths = [small.getlength(name) for name in table.head]
    for line in table.lines:
        if line.cells:
            widths = [max(width, text.getlength(cell)) for width, cell in zip(widths, line.cells, strict=True)]
    spare = (INSIDE - LABEL_WIDTH - sum(widths)) / len(widths)
    return [LABEL_WIDTH + end + spare * i for i, end in enumerate(itertools.accumulate(widths), start=1)]


def _wrapped(text: str, font: Font) -> Iterator[str]:
    """The text in lines that fit."""
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > INSIDE:
            yield line
            longer = word
        line = longer
    yield line
