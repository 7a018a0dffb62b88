"""The wheel is built, installed without a network, and tried from another folder, where no source lies."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from bot.settings import DEFAULT_BUNDLE
from generator.checkpoint import BROAD_BUNDLE, read_bundle
from mojigan.__main__ import DOORS, TRAINING
from tests.house import ROOMS, ROOT

BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def clean() -> dict[str, str]:
    """The environment without settings of ours and without a way to the source."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MOJIGAN_", "PYTHON", "DISCORD"))}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-W", "ignore", "-c", BUILD, str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment's scripts; the environment has the wheel, and finds what it needs where we do."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=os.name != "nt")
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / Path(sys.executable).name
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # A folder named in a .pth file is searched, but its own .pth files, that of an editable install too, are not read.
    Path(site, "others.pth").write_text(f"{Path(np.__file__).parents[1]}\n")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "--quiet"]
    install += ["--disable-pip-version-check", "--no-compile", "--ignore-installed", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, env=clean(), timeout=120)
    return scripts


def call(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(installed / "mojigan"), *arguments]
    return subprocess.run(command, cwd=folder, env=clean(), capture_output=True, text=True, timeout=120, check=False)


def test_the_wheel_has_each_file_of_the_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = [file for room in ROOMS for file in (ROOT / room).rglob("*") if file.is_file()]
    wanted = {file.relative_to(ROOT).as_posix() for file in files if "__pycache__" not in file.parts}
    assert wanted - names == set()
    assert {f"{room}/py.typed" for room in ROOMS} <= names


@pytest.mark.parametrize("bundle", [DEFAULT_BUNDLE, BROAD_BUNDLE], ids=lambda path: path.name)
def test_the_wheel_has_the_text_of_each_license_of_a_card(wheel: Path, bundle: Path) -> None:
    named = re.sub(r"\([^)]*\)", "", read_bundle(bundle).card.data.license).replace(" ", "").split(",")
    with zipfile.ZipFile(wheel) as archive:
        texts = {Path(name).name for name in archive.namelist() if ".dist-info/licenses/generator/" in name}
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        expression = re.search(r"^License-Expression: (.*)$", archive.read(metadata).decode(), re.MULTILINE)
    assert expression is not None
    assert named
    assert {f"{each}.txt" for each in named} <= texts
    assert set(named) <= set(expression[1].split(" AND "))


def test_the_command_works_without_the_source(installed: Path, tmp_path: Path) -> None:
    assert call(installed, tmp_path, "--version").stdout.startswith("Mojigan ")
    drawn = call(installed, tmp_path, "icon", "--seed", "42", "--output", "icon.png")
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert (tmp_path / "icon.png").read_bytes().startswith(b"\x89PNG")
    checked = call(installed, tmp_path, "check").stdout.splitlines()
    assert [line for line in checked if line.startswith("FAIL")] == [line for line in checked if "FAIL token" in line]
    (bundle,) = [line for line in checked if "bundle: " in line]
    assert str(installed.parent) in bundle  # the one in the wheel, and not that of the source
    assert not (tmp_path / "data").exists()
    assert call(installed, tmp_path, "db", "upgrade").stdout == "The database has the newest schema.\n"
    assert "Usage: mojigan preview" in call(installed, tmp_path, "preview", "--help").stdout
    texts = "from bot.talk.texts import Texts; import bot; print(bot.__file__, *sorted(Texts.load().languages))"
    python = installed / Path(sys.executable).name
    found = subprocess.run([python, "-c", texts], cwd=tmp_path, env=clean(), capture_output=True, text=True, check=True)
    assert str(installed.parent) in found.stdout
    assert found.stdout.split()[-4:] == ["de", "en", "fr", "ja"]


def test_the_command_has_the_commands_of_all_doors() -> None:
    for door, commands in DOORS.items():
        app = import_module(f"{door}.__main__").app
        own = {each.name or each.callback.__name__ for each in app.registered_commands}
        own |= {each.name for each in app.registered_groups}
        assert set(commands) == ({TRAINING} if door == "train" else own)


def test_words_and_options_reach_the_door_as_they_are(installed: Path, tmp_path: Path) -> None:
    refused = call(installed, tmp_path, "train", "inspect", "--", "--nothing")
    assert refused.returncode == 2
    assert "--nothing" in refused.stderr
