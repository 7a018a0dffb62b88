"""Gray icons: what luminance is, what a threshold cuts, and what shows, compares and reads icons of one channel."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from generator.checkpoint import read_bundle
from generator.decode import color_code, decode, gray_of
from generator.decoder import Decoder
from generator.enlarger import load_enlarger
from generator.files import CARD, BundleError
from generator.gray import OTSU, black_and_white, in_gray, otsu, parse_threshold
from generator.inversion import invert
from generator.neighborhood import Neighborhood
from generator.neighbors import describe
from generator.pictures import animation, comparison, enlarge, grid
from generator.sheets import SheetError, check_sheet, cut_sheet, draw_sheet
from generator.studio import Studio
from generator.transparency import as_image, as_pixels, in_color
from tests.conftest import draw_icon, draw_transparent
from tests.generator.formats.samples import encode


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_luminance_is_that_of_pillow_and_keeps_black_and_white() -> None:
    colors = noise(64, 64, 3)
    assert (in_gray(colors)[..., 0] == np.asarray(Image.fromarray(colors).convert("L"))).all()
    levels = np.arange(256, dtype=np.uint8)[None, :, None]
    assert (in_gray(in_color(levels)) == levels).all(), "gray is read as it was, black as 0 and white as 255"


def test_a_picture_is_put_on_its_gray_background() -> None:
    data = encode(draw_transparent(3), "PNG")
    blue = gray_of((0, 0, 255))
    assert color_code(blue) == "#1d1d1d"
    pixels = decode(data, size=28, background=blue).pixels
    assert pixels.shape == (28, 28, 1)
    in_colors = in_gray(decode(data, size=28, background=(29, 29, 29)).pixels)
    assert (pixels == in_colors).all()
    assert (pixels[0, 0], pixels.max()) == (29, in_colors.max())
    wide = decode(encode(Image.new("RGB", (64, 32), "white"), "PNG"), size=28, background=(7,)).pixels
    assert (wide[0, 0], wide[14, 14]) == (7, 255)


@pytest.mark.parametrize(("threshold", "white"), [(0.4, 154), (0.5, 128), (1.0, 1), (OTSU, 128)])
def test_a_threshold_leaves_black_and_white(threshold: float, white: int) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    cut = black_and_white(ramp, threshold)
    assert set(np.unique(cut)) <= {0, 255}
    assert (cut == 255).sum() == white
    assert cut.max() == 255, "white is white at any threshold"


def test_otsu_parts_what_is_dark_all_over() -> None:
    """The definition: of all levels that part the pixels, one whose groups have the least variance within them."""
    icon = np.concatenate([20 + noise(300) // 16, 60 + noise(500) // 8]).reshape(20, 40, 1)
    within = {
        level: sum(part.var() * part.size for part in (icon[icon < level], icon[icon >= level]))
        for level in range(int(icon.min()) + 1, int(icon.max()) + 1)
    }
    assert within[round(otsu(icon) + 0.5)] == pytest.approx(min(within.values()))
    assert (black_and_white(icon, OTSU) == 255).sum() == 500
    for level, shown in ((100, 0), (200, 255)):
        assert (black_and_white(np.full((4, 4, 1), level, np.uint8), OTSU) == shown).all()


@pytest.mark.parametrize("text", ["0", "-0.5", "1.5", "nan", "half", ""])
def test_a_threshold_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no threshold: .* 0\.5, or otsu"):
        parse_threshold(text)
    assert (parse_threshold("0.4"), parse_threshold(" Otsu ")) == (0.4, OTSU)


def test_a_picture_from_a_chat_is_read_in_the_same_way() -> None:
    data = encode(draw_icon(5), "PNG")
    with Decoder() as decoder:
        for threshold in (None, 0.4, OTSU):
            seen = decoder.decode(data, size=28, background=(255,), threshold=threshold, name="x")
            assert np.array_equal(seen, decode(data, size=28, background=(255,), threshold=threshold).pixels)


def test_pictures_and_sheets_keep_one_channel() -> None:
    icons = noise(5, 28, 28, 1)
    picture = as_image(icons[0])
    assert picture.mode == "L"
    assert (as_pixels(picture) == icons[0]).all()
    sheet = draw_sheet(icons)
    check_sheet(sheet, 5, 28, 1)
    assert (cut_sheet(sheet, 5, 28) == icons).all()
    with pytest.raises(SheetError, match=r"in RGB$"):
        check_sheet(sheet, 5, 28, 3)


def test_gray_is_as_far_from_gray_as_the_same_in_colors() -> None:
    icons = noise(3, 28, 28, 1)
    assert torch.equal(describe(icons), describe(in_color(icons)))


def test_a_gray_icon_is_enlarged_to_gray() -> None:
    icon = draw_icon(2, 28).convert("L")
    large = load_enlarger().draw(icon)
    assert (large.mode, large.size) == ("L", (224, 224))
    colored = np.asarray(load_enlarger().draw(icon.convert("RGB"))).mean(axis=2)
    assert np.abs(np.asarray(large) - colored).max() <= 1
    for size in (128, 512):
        assert (enlarge(icon, size).mode, enlarge(icon, size).size) == ("L", (size, size))
    assert load_enlarger().draw(Image.new("L", (28, 28), 200)).getcolors() == [(224 * 224, 200)]


def test_a_gray_bundle_draws_compares_and_finds(gray_run: Path) -> None:
    bundle = read_bundle(gray_run)
    studio, neighborhood = Studio(bundle, "cpu"), Neighborhood(bundle)
    drawn = studio.draw([1, 2])
    assert [(icon.mode, icon.size) for icon in drawn] == [("L", (28, 28))] * 2
    real = as_image(bundle.icons()[3])
    for picture in (real, real.convert("RGB")):
        nearest = neighborhood.search(picture)[0]
        assert nearest.index == 3
        assert nearest.distance == pytest.approx(0, abs=0.01)
    assert neighborhood.search(drawn[0])[0].distance > 0.1
    found = invert(studio, as_pixels(real), steps=2)
    assert found.icon.mode == "L"
    assert 0 < found.distance < 1
    beside = np.asarray(comparison(drawn[0], [(real, 0.5)]))
    assert (beside[70:454, 24:408] == np.asarray(enlarge(drawn[0], 384))[..., None]).all()
    sheet = np.asarray(grid([*drawn, draw_icon(1, 28)], 3))
    assert (sheet[4:32, 4:32] == np.asarray(drawn[0])[..., None]).all()
    with Image.open(io.BytesIO(animation(drawn, 128))) as walk:
        assert (walk.size, getattr(walk, "n_frames", 1)) == ((128, 128), 2)


def test_what_a_card_says_of_gray_has_to_be_true(gray_run: Path, tmp_path: Path) -> None:
    for name, change, complaint in (
        ("transparent", {"background": "transparent"}, "1 channels do not go with the background"),
        ("threshold", {"threshold": 1.5}, "threshold"),
        ("word", {"threshold": "bright"}, "threshold"),
    ):
        shutil.copytree(gray_run / "best", tmp_path / name)
        document = json.loads((tmp_path / name / CARD).read_text()) | change
        (tmp_path / name / CARD).write_text(json.dumps(document))
        with pytest.raises(BundleError, match=complaint):
            read_bundle(tmp_path / name)


def test_a_threshold_on_colors_is_refused(tiny_bundle_path: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_bundle_path, tmp_path / "colored")
    file = tmp_path / "colored" / CARD
    file.write_text(json.dumps(json.loads(file.read_text()) | {"threshold": 0.5}))
    with pytest.raises(BundleError, match="3 channels do not go with the threshold"):
        read_bundle(tmp_path / "colored")
