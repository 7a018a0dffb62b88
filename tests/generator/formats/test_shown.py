"""What is read of each sample is what Chromium shows of it, as `measure.py` has written it down."""

import json

import numpy as np
import pytest

from generator.decode import TRANSPARENT, decode
from tests.generator.formats.measure import PLACES, SHOWN
from tests.generator.formats.samples import samples

MEASURED: dict[str, list[list[int]]] = json.loads(SHOWN.read_text("utf-8"))
SAMPLES = samples()
_LOSSY = 10  # levels by which readers of JPEG and AVIF may differ
_CLOSE = 2
_APART = {  # where colors beyond sRGB are cut off, and gray values above paper, engines differ by more
    "png: BT.2020": 4,
    "avif: primaries 9": 8,
    "png: bright 220": 4,
}


def test_every_sample_has_been_measured() -> None:
    assert MEASURED.keys() == SAMPLES.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_read_is_what_a_browser_shows(name: str) -> None:
    (width, height), *pixels = MEASURED[name]
    edge = max(width, height)
    icon = decode(SAMPLES[name], size=edge, background=TRANSPARENT)
    assert (icon.width, icon.height) == (width, height)
    left, top = (edge - width) // 2, (edge - height) // 2
    middle = width == height or name.startswith("png")  # else the middle is where lossy colors mix
    for (x, y), shown in list(zip(PLACES, pixels, strict=True))[not middle :]:
        read = icon.pixels[top + int(height * y), left + int(width * x)].astype(int)
        wanted = np.array([round(value * shown[3] / 255) for value in shown[:3]] + shown[3:])
        tolerance = _APART.get(name, _LOSSY if name.startswith(("jpg", "avif")) else _CLOSE)
        assert np.abs(read - wanted).max() <= tolerance, (x, y, read, wanted)
