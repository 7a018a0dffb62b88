"""`python -m train inspect` and `icons` as a person runs them: answers, exit codes, and no traceback."""

import errno
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from tests.conftest import draw_icon
from tests.train.data.tiny_collection import INFO, collection, write_package
from train.__main__ import app


def run(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "100", "TERM": "dumb"}).invoke(app, [str(argument) for argument in arguments])


def refused(result: Result) -> str:
    """The sentence of a refusal: exit code 2, one line on stderr, nothing on stdout, no exception but the exit."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty good icons, and one of everything that goes wrong."""
    folder = tmp_path / "my icons"
    folder.mkdir()
    for number, mode in enumerate(["RGB", "P", "L", "RGBA", "LA", "1", "CMYK", "I;16", "I", "F"] * 2):
        draw_icon(number).convert("I" if mode == "I;16" else mode).convert(mode).save(folder / f"[red]{number:02}.tiff")
    whole = (folder / "[red]00.tiff").read_bytes()
    (folder / "cut.tiff").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("not a picture", encoding="utf-8")
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with zipfile.ZipFile(folder / "evil.zip", "w") as archive:
        archive.writestr("../../x.png", b"1")
    return folder


def test_inspect_tells_what_is_in_a_folder_of_everything(folder: Path) -> None:
    before = sorted(folder.parent.rglob("*"))
    result = run("inspect", folder)
    assert result.exit_code == 0, result.output
    assert "my-icons  20 icons of 64 x 64 pixels" in result.stdout
    for line in (
        ("bomb.png", "30,000 x 30,000 pixels, more than the limit of 64 megapixels"),
        ("cut.tiff", "the image data is damaged or cut off"),
        ("empty.png", "the file is empty"),
        ("evil.zip", "an archive inside a folder is not opened"),
        ("text.png", "not an image that can be read"),
    ):
        assert any(all(part in row for part in line) for row in result.stdout.splitlines()), line
    assert sorted(folder.parent.rglob("*")) == before


def test_inspect_writes_its_report_where_it_is_told(folder: Path, tmp_path: Path) -> None:
    result = run("inspect", folder, "--out", tmp_path / "report", "--json", "--size", "32", "--background", "black")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["count"], report["size"], report["background"]) == (20, 32, "#000000")
    assert report == json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert {file.name for file in (tmp_path / "report").iterdir()} == {"report.json", "reals.png", "mean.png"}


def test_icons_writes_files_that_are_read_back_the_same(folder: Path, tmp_path: Path) -> None:
    result = run("icons", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").glob("*.png"))) == 20
    digests = [json.loads(run("inspect", source, "--json").stdout)["digest"] for source in (folder, tmp_path / "out")]
    assert digests[0] == digests[1]


def test_a_collection_is_inspected(tmp_path: Path) -> None:
    content = collection(aliases={"same": {"parent": "icon-3"}})
    content["icons"]["old"] = {"body": "", "hidden": True}
    package = write_package(tmp_path / "package", content, info=INFO)
    output = run("inspect", package, "--only", "icon-*,same,old", "--alpha").stdout
    assert "tiny-icon-same-old  25 icons of 64 x 64 pixels" in output
    assert "1 exact duplicates, 1 hidden in their collection" in output
    assert re.search(r"Author +Ann \(https://example.org/ann\)", output)
    assert re.search(r"Left out\s+Hidden in their collection\s+old\s", output)
    assert "25 not chosen by --only" not in output
    report = json.loads(run("inspect", package, "--only", "icon-*", "--json").stdout)
    assert report["sources"][0]["left_out"] == {"not chosen by --only": 2}
    assert report["left_out"]["not chosen by --only"]["count"] == 2


def white_drawings(folder: Path) -> Path:
    """40 white drawings on nothing."""
    folder.mkdir()
    for number in range(40):
        drawing = Image.new("RGBA", (64, 64))
        drawing.paste((255, 255, 255, 255), (number, 8, number + 12, 50))
        drawing.save(folder / f"{number}.png")
    return folder


def test_icons_that_the_background_hides_are_told_with_a_way_out(tmp_path: Path) -> None:
    folder = white_drawings(tmp_path / "white")
    hint = "the background #ffffff hides 40 icons: keep their transparency with --alpha, or name another color with"
    assert hint in refused(run("inspect", folder, "--background", "white"))
    for number in range(20):
        draw_icon(number).save(folder / f"seen {number}.png")
    report = json.loads(run("inspect", folder, "--background", "white", "--json").stdout)
    assert report["warnings"][0].startswith("The background #ffffff hides 40 icons")
    assert {"name": "0.png", "reason": "the background hides it"} in report["noted"]
    for way in (["--background", "black"], ["--alpha"], []):
        report = json.loads(run("inspect", folder, *way, "--json").stdout)
        assert report["count"] == 60
        assert not report["noted"]


@pytest.mark.parametrize("command", ["icons", "inspect"])
def test_a_full_disk_is_told_with_what_was_written_and_what_is_safe(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", full)
    told = refused(run(command, folder, "--out", tmp_path / "out"))
    file = "0001-" if command == "icons" else "reals.png"
    assert told.startswith(f"{tmp_path}/out/{file}")
    assert "No space left on device; the icons are as they were: make room, remove what was written" in told


def test_icons_does_not_write_into_a_full_folder(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    assert "there is something here already" in refused(run("icons", folder, "--out", folder))
    assert sorted(folder.rglob("*")) == before


def test_bad_input_is_one_sentence_and_exit_code_2(folder: Path, tmp_path: Path) -> None:
    nested = tmp_path / "nested.zip"
    with zipfile.ZipFile(nested, "w") as archive:
        archive.writestr("inner.zip", b"PK")
    (tmp_path / "none").mkdir()
    for arguments, sentence in [
        ((folder / "evil.zip",), "'../../x.png' in it points outside of the archive"),
        ((nested,), "'inner.zip' in it is an archive itself"),
        ((folder / "bomb.png",), "a single picture"),
        ((tmp_path / "none",), "no icon that can be read"),
        ((tmp_path / "nowhere",), "there is no file or folder of this name"),
        ((folder, "--only", "faces"), "--only: no icon is called 'faces'; there are "),
        ((folder, "--background", "mud"), "--background: 'mud' is not a color"),
        ((folder, "--out", folder / "empty.png"), "empty.png"),
    ]:
        before = sorted(tmp_path.rglob("*"))
        assert sentence in refused(run("inspect", *arguments))
        assert sorted(tmp_path.rglob("*")) == before


def test_the_door_opens_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "train", "inspect", str(tmp_path / "[bold]nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == f"{tmp_path}/[bold]nowhere: there is no file or folder of this name"
    assert done.stdout == ""
