"""Everything that is drawn with Pillow: enlarged icons, sheets, comparisons, and PNG bytes that repeat exactly."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

PAPER, INK, FAINT, LINE = "#ffffff", "#2b2d31", "#6b6f76", "#e3e5e8"
MARGIN = 24
LARGE, SMALL = 384, 176
TITLE_SIZE, LABEL_SIZE = 22, 18


def enlarge(icon: Image.Image, size: int = 512) -> Image.Image:
    """Scale an icon to `size` x `size` pixels.

    Lanczos: what a network draws is soft at its edges, and enlarged squares turn that softness into stairs.
    """
    return icon if icon.size == (size, size) else icon.resize((size, size), Image.Resampling.LANCZOS)


def grid(
    icons: Sequence[Image.Image], columns: int, cell: int | None = None, gap: int = 4, paper: str = PAPER
) -> Image.Image:
    """Lay icons out in rows, left to right: each `cell` pixels wide (their own size by default), `gap` pixels apart.

    The sheet is `columns * (cell + gap) + gap` wide, or narrower when there are fewer icons than columns.
    Raises ValueError for no icons or no columns.
    """
    if not icons or columns < 1:
        raise ValueError("A sheet needs at least one icon and one column.")
    cell = cell or icons[0].width
    columns = min(columns, len(icons))
    rows = -(-len(icons) // columns)
    step = cell + gap
    sheet = Image.new("RGB", (columns * step + gap, rows * step + gap), paper)
    for i, icon in enumerate(icons):
        row, column = divmod(i, columns)
        sheet.paste(enlarge(icon, cell), (gap + column * step, gap + row * step))
    return sheet


def comparison(
    icon: Image.Image, neighbors: Sequence[tuple[Image.Image, float]], caption: str = "generated"
) -> Image.Image:
    """The icon large on the left, its nearest training icons with their distances on the right, on white paper."""
    rows = max(len(neighbors), 1)
    columns = 1 if rows <= 2 else 2
    height = LARGE + TITLE_SIZE + 3 * MARGIN
    step_x, step_y = SMALL + MARGIN, SMALL + LABEL_SIZE + MARGIN
    shown_rows = -(-rows // columns)
    height = max(height, shown_rows * step_y + TITLE_SIZE + 3 * MARGIN)
    left = LARGE + 3 * MARGIN
    sheet = Image.new("RGB", (left + columns * step_x, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    title, label = ImageFont.load_default(TITLE_SIZE), ImageFont.load_default(LABEL_SIZE)
    top = TITLE_SIZE + 2 * MARGIN
    pen.text((MARGIN, MARGIN), caption, INK, title)
    pen.text((left, MARGIN), "nearest training icons", INK, title)
    pen.line((left - MARGIN, MARGIN, left - MARGIN, height - MARGIN), LINE, 2)
    sheet.paste(enlarge(icon, LARGE), (MARGIN, top))
    for i, (neighbor, distance) in enumerate(neighbors):
        row, column = divmod(i, columns)
        x, y = left + column * step_x, top + row * step_y
        sheet.paste(enlarge(neighbor, SMALL), (x, y))
        pen.text((x + SMALL / 2, y + SMALL + 4), f"{i + 1}.  distance {distance:.3f}", FAINT, label, anchor="mt")
    return sheet


def png(image: Image.Image, texts: Mapping[str, str] | None = None) -> bytes:
    """PNG bytes with `texts` as metadata (tEXt, or iTXt beyond Latin-1); the same input gives the same bytes."""
    info = PngImagePlugin.PngInfo()
    for key, value in (texts or {}).items():
        info.add_text(key, value)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()
