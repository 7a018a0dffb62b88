"""Pictures: sizes, order, and bytes that repeat."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from generator.pictures import animation, comparison, enlarge, grid, png
from tests.conftest import draw_icon


def test_enlarging_keeps_the_picture() -> None:
    icon = draw_icon(3)
    large = enlarge(icon, 512)
    assert large.size == (512, 512)
    assert np.abs(np.asarray(large.resize((64, 64), Image.Resampling.BOX)).astype(int) - np.asarray(icon)).mean() < 3
    assert enlarge(icon, 64) is icon


def test_a_sheet_lays_icons_out_in_rows() -> None:
    icons = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    sheet = grid(icons, columns=2, gap=2)
    assert sheet.size == (2 * 10 + 2, 2 * 10 + 2)
    assert [sheet.getpixel(at) for at in ((5, 5), (15, 5), (5, 15), (15, 15), (0, 0))] == [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 255),
        (255, 255, 255),
    ]


def test_a_sheet_is_no_wider_than_its_icons() -> None:
    assert grid([draw_icon(0)], columns=8, cell=32, gap=4).size == (40, 40)


@pytest.mark.parametrize(("count", "columns"), [(0, 4), (3, 0)])
def test_a_sheet_of_nothing_is_refused(count: int, columns: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        grid([draw_icon(0)] * count, columns)


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_a_comparison_shows_the_icon_and_every_neighbor(count: int) -> None:
    icon = Image.new("RGB", (64, 64), "red")
    neighbor = Image.new("RGB", (64, 64), "blue")
    sheet = comparison(icon, [(neighbor, 0.1 * i) for i in range(count)], "seed " + "x" * 200)
    pixels = np.asarray(sheet)
    red, blue = (pixels == (255, 0, 0)).all(axis=2), (pixels == (0, 0, 255)).all(axis=2)
    assert int(red.sum()) == 384 * 384
    assert int(blue.sum()) == count * 112 * 112
    assert (pixels[[0, -1]] == 255).all()
    assert (pixels[:, [0, -1]] == 255).all()


def test_png_bytes_repeat_and_carry_texts() -> None:
    one, other = (png(draw_icon(5), {"Seed": "blue cat ✨", "Model": "abc"}) for _ in range(2))
    assert one == other
    with Image.open(io.BytesIO(one)) as image:
        assert image.info["Seed"] == "blue cat ✨"
        assert image.convert("RGB").tobytes() == draw_icon(5).tobytes()


def test_captions_show_no_boxes_for_letters_that_the_font_lacks() -> None:
    neighbors = [(draw_icon(1), 0.1)]
    drawn, spelled = (comparison(draw_icon(0), neighbors, text) for text in ("seed café 日本", "seed cafe ??"))
    assert drawn.tobytes() == spelled.tobytes()
    assert drawn.tobytes() != comparison(draw_icon(0), neighbors, "seed cafe").tobytes()


@pytest.mark.parametrize(("typed", "kept"), [("\udcff", "?"), ("a\0b", "a?b"), ("日本", "日本")])
def test_png_takes_any_text(typed: str, kept: str) -> None:
    with Image.open(io.BytesIO(png(draw_icon(5), {"Seed": typed}))) as image:
        assert image.info["Seed"] == kept


def frames_of(data: bytes) -> list[Image.Image]:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "WEBP"
        assert image.info["loop"] == 0
        return [each.convert("RGB") for each in ImageSequence.Iterator(image)]


def test_a_walk_goes_there_and_back() -> None:
    icons = [Image.new("RGB", (8, 8), (60 * i, 0, 0)) for i in range(4)]
    frames = frames_of(animation(icons, 32))
    assert [frame.size for frame in frames] == [(32, 32)] * 6
    reds = [int(np.asarray(frame)[..., 0].mean()) for frame in frames]
    assert reds == pytest.approx([0, 60, 120, 180, 120, 60], abs=6)
    assert animation(icons, 32) == animation(icons, 32)


def test_a_walk_that_would_be_too_large_has_fewer_frames() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 64, 64, 3), dtype=np.uint8)
    icons = [Image.fromarray(each) for each in noise]
    whole = animation(icons, 64)
    assert len(frames_of(whole)) == 16
    part = animation(icons, 64, limit=len(whole) // 2)
    assert len(part) <= len(whole) // 2
    assert 2 <= len(frames_of(part)) < 16
    assert len(frames_of(animation(icons, 64, limit=1))) == 2
    with pytest.raises(ValueError, match="at least two"):
        animation(icons[:1])
