"""What all doors have: a version, -h, and no torch where none is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ROOT

HEAVY = ("torch", "discord", "train", "generator.studio")


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("mojigan", ["--help"]), ("mojigan", ["preview", "-h"]), ("bot", ["--help"]), ("bot", ["db", "upgrade"])],
)
def test_nothing_heavy_is_imported_where_it_is_not_needed(module: str, arguments: list[str], tmp_path: Path) -> None:
    script = (
        "import runpy, sys\n"
        "try:\n"
        f"    runpy.run_module({module!r}, run_name='__main__', alter_sys=True)\n"
        "finally:\n"
        f"    print('loaded:', *(each for each in {HEAVY!r} if each in sys.modules))\n"
    )
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{script}", *arguments]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.splitlines()[-1].strip() == "loaded:"


@pytest.mark.parametrize("module", ["mojigan", "bot"])
def test_a_door_says_its_version(module: str) -> None:
    command = [sys.executable, "-m", module, "--version"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.startswith("Mojigan ")
