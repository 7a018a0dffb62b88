"""Pictures with Pillow: an icon enlarged, a grid of icons, an icon beside its neighbors, and PNG bytes."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

DISPLAY_SIZE = 512
"""Pixels along an edge of an icon that is shown to people: eight times an icon of 64 pixels."""

MAX_SIZE = 4096
"""Pixels along an edge that an icon may be enlarged to."""

GRID_GAP = 4
"""Pixels between the icons of a grid."""

COMPARISON_ROWS = 3
"""Neighbors above one another in a comparison; further ones begin a new column."""

_GAP_COLOR = (214, 217, 223)
_PANEL_COLOR = (43, 45, 49)
_TEXT_COLOR = (242, 243, 245)
_QUIET_COLOR = (165, 169, 179)

_MARGIN = 32
_TILE_GAP = 16
_TILE_RADIUS = 20
_THUMB = (DISPLAY_SIZE - (COMPARISON_ROWS - 1) * _TILE_GAP) // COMPARISON_ROWS
_LABEL_WIDTH = 120
_CAPTION_HEIGHT = 64
# Discord shows a sheet of this width at about half its size, where these are still 14 to 20 pixels.
_CAPTION_FONT, _LABEL_FONT, _NUMBER_FONT = 30, 26, 40


def enlarge(icon: Image.Image, size: int = DISPLAY_SIZE) -> Image.Image:
    """An icon as a square of `size` pixels (1 to MAX_SIZE); a smaller `size` shrinks it.

    Raises ValueError for a size out of range.
    """
    if not 1 <= size <= MAX_SIZE:
        raise ValueError(f"A picture of {size} pixels is not possible; choose 1 to {MAX_SIZE}.")
    if icon.size == (size, size):
        return icon.copy()
    # Lanczos, not nearest neighbor: icons are anti-aliased drawings, and what a network draws is soft. Side by side
    # at 512 pixels, nearest neighbor turns their soft edges into gray stairs and shows every stray pixel as a square;
    # Lanczos gives smooth outlines, its halo is too faint to see, and the client's own scaling of a picture that
    # does not fit the window has no stairs to shimmer on.
    return icon.resize((size, size), Image.Resampling.LANCZOS)


def grid(icons: Sequence[Image.Image], columns: int, cell: int | None = None, gap: int = GRID_GAP) -> Image.Image:
    """Icons in rows, from the upper left: RGB, `columns * cell + (columns - 1) * gap` pixels wide, likewise high.

    `cell`: pixels along an edge of each icon, None for the first icon's own width. With fewer icons than columns
    the grid is that much narrower; the rest of the last row stays in the color of the gaps.
    Raises ValueError for no icons, for a cell out of range, and for less than one column.
    """
    if not icons:
        raise ValueError("A grid needs at least one icon.")
    if columns < 1 or gap < 0:
        raise ValueError("A grid needs at least one column, and no negative gap.")
    cell = icons[0].width if cell is None else cell
    columns = min(columns, len(icons))
    rows = -(-len(icons) // columns)
    step = cell + gap
    sheet = Image.new("RGB", (columns * step - gap, rows * step - gap), _GAP_COLOR)
    for i, icon in enumerate(icons):
        row, column = divmod(i, columns)
        sheet.paste(enlarge(icon, cell), (column * step, row * step))
    return sheet


def comparison(
    icon: Image.Image,
    neighbors: Sequence[tuple[Image.Image, float]],
    caption: str = "",
    heading: str | None = None,
    label: str = "distance",
) -> Image.Image:
    """A sheet with the icon large on the left, and its neighbors (icon, distance) beside it, nearest first.

    RGB, 904 x 640 pixels for up to three neighbors, 312 more in width for each further three. `caption` stands under
    the icon, `heading` (None: "nearest training icons") under the neighbors, `label` above each distance; what is
    too long is cut, and characters that the built-in font lacks are replaced.
    """
    if heading is None:
        heading = "nearest training icon" if len(neighbors) == 1 else "nearest training icons"
    column_width = _THUMB + _TILE_GAP + _LABEL_WIDTH + _TILE_GAP
    columns = max(1, -(-len(neighbors) // COMPARISON_ROWS))
    left = _MARGIN + DISPLAY_SIZE + _MARGIN
    # An own opaque panel, so that the texts read the same in Discord's dark and light theme.
    size = (left + columns * column_width - _TILE_GAP + _MARGIN, _MARGIN + DISPLAY_SIZE + _MARGIN + _CAPTION_HEIGHT)
    sheet = Image.new("RGB", size, _PANEL_COLOR)
    draw = ImageDraw.Draw(sheet)
    _paste_tile(sheet, enlarge(icon), (_MARGIN, _MARGIN))
    for i, (neighbor, distance) in enumerate(neighbors):
        column, row = divmod(i, COMPARISON_ROWS)
        x, y = left + column * column_width, _MARGIN + row * (_THUMB + _TILE_GAP)
        _paste_tile(sheet, enlarge(neighbor, _THUMB), (x, y))
        x += _THUMB + _TILE_GAP
        middle = y + _THUMB // 2
        _text(draw, (x, middle - 8), label, _LABEL_FONT, _QUIET_COLOR, _LABEL_WIDTH, anchor="ls")
        _text(draw, (x, middle + 8), f"{distance:.3f}", _NUMBER_FONT, _TEXT_COLOR, _LABEL_WIDTH, anchor="lt")
    baseline = _MARGIN + DISPLAY_SIZE + (_MARGIN + _CAPTION_HEIGHT + _CAPTION_FONT) // 2
    _text(draw, (_MARGIN, baseline), caption, _CAPTION_FONT, _TEXT_COLOR, DISPLAY_SIZE, anchor="ls")
    width = columns * column_width - _TILE_GAP
    _text(draw, (left, baseline), heading, _CAPTION_FONT, _QUIET_COLOR, width, anchor="ls")
    return sheet


def png(image: Image.Image, texts: Mapping[str, str] | None = None) -> bytes:
    """A picture as a PNG file: the same pixels and texts give the same bytes (with one version of Pillow).

    `texts` become tEXt chunks, or iTXt where Latin-1 is not enough; keywords have 1 to 79 ASCII characters.
    Raises ValueError for another keyword.
    """
    info = PngInfo()
    for keyword, text in sorted((texts or {}).items()):
        if not (keyword.isascii() and keyword.isprintable() and 0 < len(keyword) < 80):
            raise ValueError(f"{keyword!r} is not a keyword for a PNG text.")
        # A seed typed in a terminal can hold a lone surrogate, which no PNG text can; a NUL would end the text.
        info.add_text(keyword, text.encode("utf-8", "replace").decode().replace("\0", "?"))
    plain = image.copy() if image.mode in ("RGB", "RGBA", "L") else image.convert("RGBA")
    plain.info.clear()  # color profiles, dates and resolutions of the file that it came from
    buffer = io.BytesIO()
    plain.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def _paste_tile(sheet: Image.Image, icon: Image.Image, place: tuple[int, int]) -> None:
    """Paste a square with rounded corners; drawn at four times the size, because Pillow's corners are jagged."""
    edge = icon.width * 4
    mask = Image.new("L", (edge, edge), 0)
    radius = min(_TILE_RADIUS, icon.width // 8) * 4
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, edge - 1, edge - 1), radius, fill=255)
    sheet.paste(icon, place, mask.resize(icon.size, Image.Resampling.BOX))


def _text(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size: int,
    color: tuple[int, int, int],
    width: int,
    *,
    anchor: str,
) -> None:
    """Draw one line in the font that comes with Pillow, cut with an ellipsis where it is wider than `width`."""
    font = ImageFont.load_default(size)
    text = _drawable(text)
    if font.getlength(text) > width:
        while text and font.getlength(f"{text}…") > width:
            text = text[:-1]
        text = f"{text.rstrip()}…"
    draw.text(place, text, fill=color, font=font, anchor=anchor)


def _drawable(text: str) -> str:
    """What the built-in font can draw of a text: ASCII and a few signs; accents are dropped, the rest becomes "?"."""
    letters = (c for c in unicodedata.normalize("NFKD", " ".join(text.split())) if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" or c in "·±°" else "?" for c in letters)
