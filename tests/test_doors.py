"""What all doors have: a version, -h, and no torch where none is needed."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from typer.testing import CliRunner

import generator.__main__ as generator_door
import train.__main__ as train_door
from generator.version import own_version
from tests.house import ROOT

HEAVY = ("torch", "discord", "sqlalchemy", "alembic", "train.doors", "train.adversary", "generator.studio")


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        *[(door, ["--help"]) for door in ("mojigan", "bot", "generator", "train")],
        *[("mojigan", ["preview", "-h"]), ("mojigan", ["train", "-h"]), ("bot", ["db", "upgrade"]), ("bot", ["check"])],
    ],
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
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == (arguments == ["check"]), found.stderr  # there is no token
    assert found.stdout.splitlines()[-1].strip() == "loaded:"


@pytest.mark.parametrize("module", ["mojigan", "bot"])
def test_a_door_says_its_version(module: str) -> None:
    command = [sys.executable, "-m", module, "--version"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.startswith("Mojigan ")


def test_a_source_tree_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("generator.version.version", missing)
    assert own_version() == "(not installed)"


def each_command() -> Iterator[tuple[str, str, str, str]]:
    """The door, the name, the module with the function, and the sentence in the door's list, of each command."""
    for name, (place, about) in generator_door.COMMANDS.items():
        yield "generator", name, f"generator.commands.{place}", about
    for commands in train_door.COMMANDS.values():
        for name, (place, about) in commands.items():
            yield "train", name, f"train.doors.{place}", about


@pytest.mark.parametrize(("door", "name", "place", "about"), list(each_command()))
def test_a_command_is_what_its_door_says(
    door: str, name: str, place: str, about: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _, function = place.partition(":")
    words = inspect.getdoc(getattr(import_module(module), function))
    assert words is not None
    assert " ".join(words.split("\n\n")[0].split()) == about
    monkeypatch.setenv("COLUMNS", "80")
    app = {"generator": generator_door.app, "train": train_door.app}[door]
    page = CliRunner().invoke(app, [name, "--help"], prog_name=f"python -m {door}").output
    assert f"Usage: python -m {door} {name} " in page
    plain = page.partition("─ Options ─")[2].partition("╰─")[0]
    assert plain.count("│ -") == 1, "an option without a panel"
    assert not re.search(r"\S…", page), "a word that is cut off"
