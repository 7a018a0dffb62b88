"""Everything that is drawn with Pillow: enlarged icons, sheets, comparisons, and PNG bytes that repeat exactly."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from generator.enlarger import LARGEST, load_enlarger
from generator.transparency import clear_ringing

PAPER, INK, FAINT, LINE = "#ffffff", "#2b2d31", "#6b6f76", "#e3e5e8"
MARGIN = 24
LARGE, ROWS, LABEL_WIDTH = 384, 3, 110
TITLE_SIZE, LABEL_SIZE = 22, 18
SMALL_CELL = 2
WALK_SIZE, WALK_QUALITY = 384, 85
WALK_STEPS = 24
"""Icons on a walk from one end to the other, the ends among them."""
WALK_TIME, SHORTEST_FRAME = 3_000, 20
"""Milliseconds of a walk there and back, and of a frame at least: players slow down what is shorter."""


def enlarge(icon: Image.Image, size: int = 512, *, plain: bool = False) -> Image.Image:
    """Scale an icon to `size` x `size` pixels.

    What a network drew is soft and a little rough at its edges, so the enlarger draws it (generator/enlarger.py), and
    Lanczos brings that to its size. `plain`: Lanczos alone, for what is to be seen as it is, such as a training icon.
    Pillow resamples RGBA premultiplied, so that no hidden color comes out at the edges. Raises EnlargerError.
    """
    if icon.size == (size, size):
        return icon
    if not plain and icon.width < size and max(icon.size) <= LARGEST:
        icon = load_enlarger().draw(icon)
    if icon.size == (size, size):
        return icon
    large = icon.resize((size, size), Image.Resampling.LANCZOS)
    if large.mode != "RGBA":
        return large
    pixels = np.array(large)
    clear_ringing(pixels)
    return Image.fromarray(pixels)


def grid(icons: Sequence[Image.Image], columns: int, cell: int | None = None, gap: int = 4) -> Image.Image:
    """Lay icons out in rows, left to right: each `cell` pixels wide (their own size by default), `gap` pixels apart.

    The sheet is `columns * (cell + gap) + gap` wide, or narrower when there are fewer icons than columns. Where
    there are transparent icons (RGBA), the sheet is transparent, else white. Cells up to SMALL_CELL times as wide as
    an icon are enlarged by Lanczos: there are many of them, and in them one hardly sees a difference.
    Raises ValueError for no icons or no columns.
    """
    if not icons or columns < 1:
        raise ValueError("A sheet needs at least one icon and one column.")
    cell = cell or icons[0].width
    columns = min(columns, len(icons))
    rows = -(-len(icons) // columns)
    step = cell + gap
    mode = "RGBA" if any(icon.mode == "RGBA" for icon in icons) else "RGB"
    sheet = Image.new(mode, (columns * step + gap, rows * step + gap), (0, 0, 0, 0) if mode == "RGBA" else PAPER)
    for i, icon in enumerate(icons):
        row, column = divmod(i, columns)
        large = enlarge(icon, cell, plain=cell <= SMALL_CELL * icon.width)
        sheet.paste(large, (gap + column * step, gap + row * step))
    return sheet


def paired(icons: Sequence[Image.Image], nearest: Sequence[Image.Image], columns: int) -> Image.Image:
    """Rows of icons as `grid` lays them out, below each row the pictures that belong to it, on white paper.

    A line parts the pairs of rows. Raises ValueError as `grid` does.
    """
    rows = [
        [grid(pictures[start : start + columns], columns) for pictures in (icons, nearest)]
        for start in range(0, len(icons), max(columns, 1))
    ]
    width, height = max(upper.width for upper, _ in rows), rows[0][0].height
    sheet = Image.new("RGB", (width, len(rows) * (2 * height + MARGIN // 2) - MARGIN // 2), PAPER)
    pen, y = ImageDraw.Draw(sheet), 0
    for upper, lower in rows:
        _put(sheet, upper, (0, y))
        _put(sheet, lower, (0, y + height))
        y += 2 * height + MARGIN // 2
        pen.line((0, y - MARGIN // 4, width, y - MARGIN // 4), LINE, 2)
    return sheet


def number_cells(sheet: Image.Image, count: int, columns: int, gap: int = 4) -> Image.Image:
    """A sheet of `grid` with a small number, from 1 on, in the corner of each of its `count` cells."""
    numbered = sheet.copy()
    pen = ImageDraw.Draw(numbered)
    font = ImageFont.load_default(LABEL_SIZE)
    step = (sheet.width - gap) // min(columns, count)
    for i in range(count):
        row, column = divmod(i, columns)
        corner = (gap + column * step + 6, gap + row * step + 4)
        pen.text(corner, str(i + 1), INK, font, stroke_width=2, stroke_fill=PAPER)
    return numbered


def comparison(
    icon: Image.Image, neighbors: Sequence[tuple[Image.Image, float]], caption: str = "generated"
) -> Image.Image:
    """The icon large on the left, its nearest training icons with their distances beside it, on white paper.

    Up to three neighbors stand in a column as tall as the icon; more of them take more columns. They are real, and
    shown as they are: enlarged by Lanczos alone.
    """
    columns = max(-(-len(neighbors) // ROWS), 1)
    thumbnail = (LARGE - (ROWS - 1) * MARGIN) // ROWS
    left, top = LARGE + 3 * MARGIN, TITLE_SIZE + 2 * MARGIN
    step_x, step_y = thumbnail + LABEL_WIDTH + MARGIN, thumbnail + MARGIN
    sheet = Image.new("RGB", (left + columns * step_x, top + LARGE + MARGIN), PAPER)
    pen = ImageDraw.Draw(sheet)
    title, label = ImageFont.load_default(TITLE_SIZE), ImageFont.load_default(LABEL_SIZE)
    pen.text((MARGIN, MARGIN), shorten(caption, LARGE, title), INK, title)
    pen.text((left, MARGIN), "nearest training icons", INK, title)
    pen.line((left - MARGIN, MARGIN, left - MARGIN, sheet.height - MARGIN), LINE, 2)
    _put(sheet, enlarge(icon, LARGE), (MARGIN, top))
    for i, (neighbor, distance) in enumerate(neighbors):
        column, row = divmod(i, ROWS)
        x, y = left + column * step_x, top + row * step_y
        _put(sheet, enlarge(neighbor, thumbnail, plain=True), (x, y))
        middle = y + thumbnail / 2
        pen.text((x + thumbnail + 16, middle - 4), f"{distance:.2f}", INK, title, anchor="ls")
        pen.text((x + thumbnail + 16, middle + 4), "distance", FAINT, label, anchor="lt")
    return sheet


def beside(pictures: Sequence[tuple[Image.Image, str]]) -> Image.Image:
    """Icons large side by side, each under its caption, on white paper; to be compared, so by Lanczos alone."""
    step = LARGE + MARGIN
    top = TITLE_SIZE + 2 * MARGIN
    sheet = Image.new("RGB", (len(pictures) * step + MARGIN, top + step), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(TITLE_SIZE)
    for i, (icon, caption) in enumerate(pictures):
        pen.text((MARGIN + i * step, MARGIN), shorten(caption, LARGE, font), INK, font)
        _put(sheet, enlarge(icon, LARGE, plain=True), (MARGIN + i * step, top))
    return sheet


def stacked(sheets: Sequence[tuple[Image.Image, str]]) -> Image.Image:
    """Sheets as they are, one below the other, each under its caption, on white paper."""
    head = TITLE_SIZE + 2 * MARGIN
    width, height = max(sheet.width for sheet, _ in sheets), sum(head + sheet.height for sheet, _ in sheets)
    paper = Image.new("RGB", (width + 2 * MARGIN, height + MARGIN), PAPER)
    pen, font, y = ImageDraw.Draw(paper), ImageFont.load_default(TITLE_SIZE), 0
    for sheet, caption in sheets:
        pen.text((MARGIN, y + MARGIN), shorten(caption, width, font), INK, font)
        _put(paper, sheet, (MARGIN, y + head))
        y += head + sheet.height
    return paper


def _put(sheet: Image.Image, icon: Image.Image, place: tuple[int, int]) -> None:
    """Paste an icon, as transparent as it is, onto the paper."""
    sheet.paste(icon, place, icon if icon.mode == "RGBA" else None)


def shorten(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text as the font can draw it, cut with an ellipsis where it is wider than `width` pixels."""
    text = _drawable(text)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _drawable(text: str) -> str:
    """The text in what Pillow's font has, which draws boxes for the rest: accents are dropped, the rest is "?"."""
    letters = (c for c in unicodedata.normalize("NFKD", " ".join(text.split())) if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" or c in "·±°" else "?" for c in letters)


def animation(icons: Sequence[Image.Image], size: int = WALK_SIZE, limit: int | None = None) -> bytes:
    """An endless walk through the icons and back, as an animated WebP of `size` x `size` pixels, at most `limit` bytes.

    Where all icons would take more, fewer are shown, at least the two ends, in the same time; those two may still take
    more. Lanczos enlarges them: what moves hides its edges, and sharp ones take more bytes. WebP, not GIF: measured on
    46 frames, a seventh of the bytes, a tenth of the time, and more than 256 colors.
    Raises ValueError for fewer than two icons.
    """
    if len(icons) < 2:
        raise ValueError("A walk shows at least two icons.")
    steps = len(icons)
    while True:
        shown = [enlarge(icons[round(i * (len(icons) - 1) / (steps - 1))], size, plain=True) for i in range(steps)]
        frames = [*shown, *shown[-2:0:-1]]
        buffer = io.BytesIO()
        frames[0].save(
            buffer,
            "WEBP",
            save_all=True,
            append_images=frames[1:],
            duration=max(round(WALK_TIME / len(frames)), SHORTEST_FRAME),
            loop=0,
            quality=WALK_QUALITY,
            method=2,
        )
        if steps == 2 or limit is None or buffer.tell() <= limit:
            return buffer.getvalue()
        steps = max(steps * 2 // 3, 2)


def png(image: Image.Image, texts: Mapping[str, str] | None = None) -> bytes:
    """PNG bytes with `texts` as metadata (tEXt, or iTXt beyond Latin-1); the same input gives the same bytes."""
    info = PngImagePlugin.PngInfo()
    for key, value in (texts or {}).items():
        # A seed from a command line can hold a lone surrogate, which UTF-8 cannot; a NUL would end the text.
        info.add_text(key, value.encode("utf-8", "replace").decode().replace("\0", "?"))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()
