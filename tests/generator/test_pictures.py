"""Pictures: their sizes, what stands where in them, and that the same input gives the same bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFont

from generator.pictures import DISPLAY_SIZE, GRID_GAP, MAX_SIZE, comparison, enlarge, grid, png

RED, GREEN, BLUE, WHITE = (220, 30, 30), (20, 160, 60), (30, 60, 220), (255, 255, 255)


def plain(color: tuple[int, int, int], size: int = 64) -> Image.Image:
    return Image.new("RGB", (size, size), color)


def disk(size: int = 64) -> Image.Image:
    """A soft-edged red disk on white, as an icon is."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    inside = np.clip(size * 0.4 - np.hypot(x, y) + 0.5, 0, 1)[..., None]
    return Image.fromarray((inside * RED + (1 - inside) * WHITE).astype(np.uint8))


@pytest.mark.parametrize("native", [32, 64, 128])
@pytest.mark.parametrize("size", [1, 63, 64, 100, DISPLAY_SIZE])
def test_enlarge_gives_the_size_asked_for(native: int, size: int) -> None:
    assert enlarge(disk(native), size).size == (size, size)


def test_enlarge_of_the_native_size_is_a_copy() -> None:
    icon = disk()
    same = enlarge(icon, 64)
    assert same.tobytes() == icon.tobytes()
    same.putpixel((0, 0), BLUE)
    assert icon.getpixel((0, 0)) == WHITE


def test_enlarge_keeps_flat_colors_and_draws_no_stairs() -> None:
    large = np.asarray(enlarge(disk()), np.int16)
    assert tuple(large[256, 256]) == RED
    assert tuple(large[0, 0]) == WHITE
    # Nearest neighbor would repeat every row eight times; a smooth outline differs from row to row.
    edge = large[64:192]
    assert (np.abs(np.diff(edge, axis=0)).max(axis=(1, 2)) > 0).mean() > 0.95


def test_enlarge_shrinks_back_to_nearly_the_icon() -> None:
    icon = disk()
    back = np.asarray(enlarge(enlarge(icon), 64), np.int16)
    assert np.abs(back - np.asarray(icon, np.int16)).mean() < 3


@pytest.mark.parametrize("size", [0, -1, MAX_SIZE + 1])
def test_enlarge_refuses_absurd_sizes(size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} pixels.*1 to {MAX_SIZE}"):
        enlarge(plain(RED), size)


def test_grid_places_icons_row_by_row_with_a_gap() -> None:
    sheet = grid([plain(RED), plain(GREEN), plain(BLUE)], columns=2, cell=32, gap=3)
    assert sheet.mode == "RGB"
    assert sheet.size == (67, 67)
    assert sheet.getpixel((31, 31)) == RED
    assert sheet.getpixel((35, 0)) == GREEN
    assert sheet.getpixel((0, 35)) == BLUE
    gap = sheet.getpixel((33, 10))
    assert gap not in (RED, GREEN, BLUE)
    assert sheet.getpixel((50, 50)) == gap  # the empty cell


def test_grid_defaults_to_native_cells_and_is_no_wider_than_its_icons() -> None:
    sheet = grid([disk(), disk()], columns=8)
    assert sheet.size == (2 * 64 + GRID_GAP, 64)
    assert grid([disk()] * 9, columns=3, cell=256).size == (776, 776)


def test_grid_without_icons_or_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one icon"):
        grid([], columns=3)
    with pytest.raises(ValueError, match="at least one column"):
        grid([disk()], columns=0)


def test_comparison_shows_the_icon_and_its_neighbors() -> None:
    sheet = comparison(plain(RED), [(plain(GREEN), 0.1), (plain(BLUE), 0.2), (plain(WHITE), 0.3)], "seed 42")
    assert sheet.size == (904, 640)
    assert sheet.getpixel((32 + 256, 32 + 256)) == RED
    assert [sheet.getpixel((576 + 80, 32 + 80 + 176 * row)) for row in range(3)] == [GREEN, BLUE, WHITE]
    panel = sheet.getpixel((0, 0))
    assert sheet.getpixel((32, 32)) == panel  # the corner of the tile is round


def test_comparison_grows_by_columns() -> None:
    neighbors = [(plain(GREEN), 0.1)] * 4
    sheet = comparison(plain(RED), neighbors)
    assert sheet.size == (904 + 312, 640)
    assert sheet.getpixel((576 + 312 + 80, 32 + 80)) == GREEN
    assert comparison(plain(RED), []).size == (904, 640)


def region(sheet: Image.Image, box: tuple[int, int, int, int]) -> bytes:
    return sheet.crop(box).tobytes()


CAPTION = (32, 560, 544, 640)
FIRST_DISTANCE, SECOND_DISTANCE = (740, 32, 900, 192), (740, 208, 900, 368)


def test_comparison_draws_each_distance_beside_its_icon() -> None:
    one = comparison(plain(RED), [(plain(GREEN), 0.1), (plain(BLUE), 0.2)])
    two = comparison(plain(RED), [(plain(GREEN), 0.1), (plain(BLUE), 0.25)])
    assert region(one, FIRST_DISTANCE) == region(two, FIRST_DISTANCE)
    assert region(one, SECOND_DISTANCE) != region(two, SECOND_DISTANCE)


def test_comparison_keeps_a_long_caption_under_the_icon() -> None:
    neighbors = [(plain(GREEN), 0.1)]
    short, long = comparison(plain(RED), neighbors, "seed 42"), comparison(plain(RED), neighbors, "W" * 100)
    assert region(short, CAPTION) != region(long, CAPTION)
    beside = (545, 0, 904, 640)
    assert region(short, beside) == region(long, beside)


def test_captions_are_drawn_without_boxes_for_missing_glyphs() -> None:
    # The built-in font draws a box for what it lacks; accents are dropped, other letters become a question mark.
    missing = bytes(ImageFont.load_default(30).getmask("日"))
    assert missing != bytes(ImageFont.load_default(30).getmask("?"))
    neighbors = [(plain(GREEN), 0.1)]

    def caption(text: str) -> bytes:
        return region(comparison(plain(RED), neighbors, text), CAPTION)

    assert caption("café 日本") == caption("cafe ??")
    assert caption("line\nbreak") == caption("line break")


def test_comparison_is_the_same_every_time() -> None:
    neighbors = [(plain(GREEN), 0.1), (disk(), 0.2)]
    assert png(comparison(disk(), neighbors, "seed 42")) == png(comparison(disk(), neighbors, "seed 42"))


def test_png_is_lossless_and_carries_its_texts() -> None:
    content = png(disk(), {"seed": "42", "model": "9f2c", "title": "日本"})
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        assert image.tobytes() == disk().tobytes()
        assert image.info == {"seed": "42", "model": "9f2c", "title": "日本"}
    assert b"tEXtseed\x0042" in content


def test_png_bytes_depend_on_pixels_and_texts_only() -> None:
    icon, stamped = disk(), disk()
    stamped.info.update(dpi=(300, 300), icc_profile=b"profile", transparency=(1, 2, 3))
    assert png(stamped, {"a": "1", "b": "2"}) == png(icon, {"b": "2", "a": "1"})
    assert stamped.info["dpi"] == (300, 300)  # the caller's picture is left alone
    assert png(icon, {"a": "1"}) != png(icon, {"a": "2"})


@given(st.text(st.characters(codec=None), max_size=100))
def test_png_takes_any_text(text: str) -> None:
    with Image.open(io.BytesIO(png(plain(RED, 1), {"seed": text}))) as image:
        image.load()
        assert "seed" in image.info


@pytest.mark.parametrize("keyword", ["", "k" * 80, "schlüssel", "a\0b"])
def test_png_refuses_a_bad_keyword(keyword: str) -> None:
    with pytest.raises(ValueError, match="keyword"):
        png(plain(RED), {keyword: "x"})


def test_png_of_a_palette_picture_keeps_its_colors() -> None:
    palette = plain(RED).quantize(4)
    with Image.open(io.BytesIO(png(palette))) as image:
        assert image.convert("RGB").getpixel((5, 5)) == RED
