"""The sheets in a bundle: icons that come back as they were, and PNGs of strangers."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from generator.files import ICONS, SAMPLES
from generator.sheets import SheetError, check_picture, check_sheet, cut_sheet, draw_sheet, sheet_limit, thin
from tests.generator.forged import refused, rewrite


def test_a_sheet_of_another_size_is_refused(bundle: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    rewrite(bundle, ICONS, buffer.getvalue())
    assert "not a sheet of 40 icons" in refused(bundle)


def test_a_sheet_of_other_colors_is_refused(bundle: Path) -> None:
    buffer = io.BytesIO()
    with Image.open(bundle / ICONS) as sheet:
        sheet.convert("RGBA").save(buffer, "PNG")
    rewrite(bundle, ICONS, buffer.getvalue())
    assert "in RGB." in refused(bundle)


def test_a_sheet_has_a_limit_and_rows() -> None:
    with pytest.raises(SheetError, match="more than is read"):
        check_sheet(b"", 4_097, 128, 3)
    icons = np.arange(130 * 4 * 4 * 3, dtype=np.uint64).astype(np.uint8).reshape(130, 4, 4, 3)  # in three rows
    assert np.array_equal(cut_sheet(draw_sheet(icons), 130, 4), icons)


def test_a_sheet_that_is_no_png_is_refused(bundle: Path) -> None:
    whole = (bundle / ICONS).read_bytes()
    for content in (b"GIF89a", whole[:200], b""):
        rewrite(bundle, ICONS, content)
        refused(bundle)


def test_samples_have_to_be_a_picture_of_bounded_size(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unpacked(_: Image.Image) -> None:
        raise AssertionError("it could be a bomb")

    rewrite(bundle, SAMPLES, b"<html>")
    assert "not a whole PNG" in refused(bundle)
    monkeypatch.setattr(PngImageFile, "load", unpacked)
    for size in ((10_000, 11), (11, 10_000)):
        buffer = io.BytesIO()
        Image.new("1", size).save(buffer, "PNG")
        with pytest.raises(SheetError, match="larger than"):
            check_picture(buffer.getvalue())


def test_a_large_set_is_thinned_evenly() -> None:
    assert (sheet_limit(32), sheet_limit(64), sheet_limit(128)) == (16_384, 16_384, 4_096)
    assert list(thin(3, 5)) == [0, 1, 2]
    assert list(thin(10, 5)) == [0, 2, 4, 6, 8]
