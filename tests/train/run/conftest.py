"""Icons that the tests of runs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import draw_icon


@pytest.fixture(scope="session")
def icon_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("icons")
    for number in range(40):
        draw_icon(number).save(folder / f"icon-{number:02d}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "LICENSE").write_text("MIT License")
    return folder
