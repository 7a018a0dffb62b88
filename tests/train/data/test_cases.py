"""Files as people have them become the icons that a viewer shows: what `train icons` writes of them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import draw_icon
from train.data.icons import IconSet, load_icons, write_icons

CASES = Path(__file__).parents[2] / "cases"
RIGHT: dict[str, tuple[tuple[int, int, int], int]] = {
    "p3-red": ((255, 0, 0), 6),
    "p3-green": ((0, 255, 0), 6),
    "p3-blue": ((0, 0, 255), 8),
    "p3-skin": ((215, 148, 117), 4),
    "p3-alpha-red": ((255, 0, 0), 6),
    "adobe-green": ((0, 255, 0), 8),
    "adobe-red": ((255, 0, 0), 8),
    "gray-linear": ((128, 128, 128), 4),
    "cicp-p3-red": ((255, 0, 0), 6),
    "cmyk-cyan": ((0, 151, 218), 12),
    "cmyk-magenta": ((216, 10, 122), 12),
    "cmyk-red": ((215, 29, 36), 12),
    "cmyk-green": ((0, 144, 69), 12),
    "cmyk-tint": ((149, 190, 222), 12),
    "cmyk-green-tiff": ((0, 144, 69), 8),
    "plain-cyan": ((0, 255, 255), 3),
    "long-ztxt": ((200, 10, 20), 0),
    "long-itxt": ((10, 200, 20), 0),
    "long-iccp": ((10, 20, 200), 0),
    "late-ztxt": ((90, 120, 20), 0),
    "bad-text": ((40, 90, 200), 0),
    "bad-phys": ((80, 90, 200), 0),
    "bad-gama": ((120, 90, 200), 0),
    "bad-iccp": ((160, 90, 200), 0),
    "bad-late": ((10, 90, 20), 0),
}
"""The middle pixel of a file, and the tolerance per channel."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[IconSet, Path]:
    """The cases of pictures with icons that fill the set up, read, and written as PNG files."""
    folder, out = (tmp_path_factory.mktemp("cases") / name for name in ("in", "out"))
    for name in ("color", "cmyk", "limits", "side-chunks"):
        shutil.copytree(CASES / name, folder / name)
    for number in range(16):
        draw_icon(number).save(folder / f"filler-{number}.png")
    icons = load_icons([folder])
    write_icons(icons, out)
    return icons, out


@pytest.mark.parametrize("name", RIGHT)
def test_a_case_is_written_in_its_colors(written: tuple[IconSet, Path], name: str) -> None:
    (path,) = (path for path in written[1].glob("*.png") if path.stem[5:] == name)
    with Image.open(path) as image:
        middle = np.asarray(image)[32, 32].astype(int)
    color, tolerance = RIGHT[name]
    assert np.abs(middle - color).max() <= tolerance, middle


def test_what_was_ignored_is_in_the_report(written: tuple[IconSet, Path]) -> None:
    report = written[0].report
    assert [(broken.name, broken.reason) for broken in report.broken] == [
        ("side-chunks/bad-pixels.png", "the image data is damaged or cut off")
    ]
    assert {noted.name: noted.reason for noted in report.noted} == {
        "limits/long-iccp.png": "its color profile is damaged and was ignored",
        "side-chunks/bad-gama.png": "its color profile (gAMA) has a wrong checksum and was ignored",
        "side-chunks/bad-iccp.png": "its color profile (iCCP) has a wrong checksum and was ignored",
    }


def test_a_zip_with_japanese_names_is_read() -> None:
    icons = load_icons([CASES / "names" / "shift-jis.zip"])
    assert len(icons.names) == 29
    assert not icons.report.left_out
    assert any(ord(letter) > 0x3000 for name in icons.names for letter in name)
