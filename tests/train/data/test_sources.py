"""Each kind of source gives the same icons; what cannot be used is named, and nothing is written anywhere."""

import gzip
import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import draw_icon
from tests.train.data.emoji_font import write_font
from train.data.choice import Choice
from train.data.names import printable, slug
from train.data.reading import Broken, LeftOut, Request, SourceError, Why
from train.data.sources import read_source

REQUEST = Request(size=64, background=(255, 255, 255))
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8" fill="green"/></svg>'


def png(number: int, size: int = 64) -> bytes:
    buffer = io.BytesIO()
    draw_icon(number, size).save(buffer, "PNG")
    return buffer.getvalue()


def write_folder(folder: Path, count: int = 3) -> Path:
    for number in range(count):
        path = folder / ("deep" if number % 2 else ".") / f"icon {number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))
    return folder


def names(path: Path, *only: str) -> list[str]:
    request = Request(size=64, background=(255, 255, 255), choice=Choice(only))
    return [icon.name for icon in read_source(path, request).icons]


def test_a_folder_is_read_to_its_depths_in_a_fixed_order(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "My Icons!")
    reading = read_source(folder, REQUEST)
    assert (reading.name, reading.kind, reading.license) == ("my-icons", "folder", "unknown")
    assert [icon.name for icon in reading.icons] == ["deep/icon 1.png", "icon 0.png", "icon 2.png"]
    assert (reading.icons[1].decoded.pixels == np.asarray(draw_icon(0))).all()


def test_a_folder_names_broken_images_and_counts_other_files(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "icons")
    whole = png(7)
    for name, content in {
        "cut.png": whole[: len(whole) // 2],
        "empty.PNG": b"",
        "text.png": b"just text",
        "logo.svg": b"<svg",
        "more.zip": b"PK\x03\x04",
        "notes.txt": b"text",
        "Thumbs.db": b"?",
        ".hidden.png": b"",
        ".git/x.png": b"",
        "__MACOSX/x.png": b"",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    reading = read_source(folder, REQUEST)
    reasons = {broken.name: broken.reason for broken in reading.broken}
    assert list(reasons) == ["cut.png", "empty.PNG", "logo.svg", "more.zip", "text.png"]
    assert reasons["cut.png"] == "the image data is damaged or cut off"
    assert reasons["empty.PNG"] == "the file is empty"
    assert reasons["logo.svg"] == "not well-formed XML (unclosed token, line 1)"
    assert reasons["more.zip"] == "an archive inside a folder is not opened: give it as a source"
    assert reasons["text.png"].startswith("not an image that can be read")
    assert reading.left_out[Why.OTHER] == LeftOut(2, ["Thumbs.db", "notes.txt"])
    assert reading.left_out[Why.CONCEALED] == LeftOut(3, [".git/", "__MACOSX/", ".hidden.png"])
    assert len(reading.icons) == 3


def test_odd_files_in_a_folder_do_not_stop_it(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "icons")
    os.mkfifo(folder / "pipe.png")
    (folder / "lost.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "loop").symlink_to(folder)
    (folder / "bad\x1b[31m.png").write_bytes(b"")
    reading = read_source(folder, REQUEST)
    assert reading.broken == [
        Broken("bad?[31m.png", "the file is empty"),
        Broken("lost.png", "cannot be opened (No such file or directory)"),
        Broken("pipe.png", "not a file"),
    ]
    assert len(reading.icons) == 3


def test_the_license_is_the_first_line_of_the_file_beside(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "icons")
    (folder / "LICENSE.md").write_text("\n# MIT License\n\nCopyright ...", encoding="utf-8")
    assert read_source(folder, REQUEST).license == "MIT License"
    joined = "; ".join(f"MIT (collection-{number})" for number in range(40))  # as several sources are written
    (folder / "LICENSE.md").write_text(f"{joined}\n")
    assert read_source(folder, REQUEST).license == joined
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("license.txt", "CC0 1.0\n")
        archive.writestr("a.png", png(0))
    assert read_source(tmp_path / "x.zip", REQUEST).license == "CC0 1.0"
    (folder / "LICENSE.md").write_text("# MIT License\nAuthor: Ann (x.org)\nAuthor: Bo\n", encoding="utf-8")
    assert (read_source(folder, REQUEST).license, read_source(folder, REQUEST).author) == ("MIT License", "Ann (x.org)")


def test_vectors_stand_beside_pictures_in_folders_and_archives(tmp_path: Path) -> None:
    """Told by what is in them, whatever they are called."""
    folder = write_folder(tmp_path / "icons")
    (folder / "drawn.svg").write_text(SVG, encoding="utf-8")
    (folder / "packed.svgz").write_bytes(gzip.compress(SVG.encode()))
    (folder / "mistaken.png").write_text(SVG, encoding="utf-8")
    (folder / "page.png").write_text("<!DOCTYPE html><html></html>", encoding="utf-8")
    (folder / "picture.svg").write_bytes(png(5))
    for path in (folder, Path(shutil.make_archive(str(tmp_path / "x"), "zip", folder))):
        reading = read_source(path, REQUEST)
        found = {icon.name: icon.decoded.pixels for icon in reading.icons}
        assert len(found) == 7
        for name in ("drawn.svg", "packed.svgz", "mistaken.png"):
            assert (found[name] == (0, 128, 0)).all()
        assert (found["picture.svg"] == np.asarray(draw_icon(5))).all()
        assert reading.broken == [Broken("page.png", "not an SVG drawing, but <html>")]


def test_only_takes_files_by_their_names(tmp_path: Path, tiny_bundle_path: Path) -> None:
    folder = write_folder(tmp_path / "icons", 12)
    (folder / "icon 99.png").write_bytes(b"")
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    request = Request(size=64, background=(255, 255, 255), choice=Choice(["ICON 1*", "icon-3"]))
    for path in (folder, Path(shutil.make_archive(str(tmp_path / "icons"), "zip", folder))):
        reading = read_source(path, request)
        assert reading.name == "icons-icon-1-icon-3"
        wanted = ["deep/icon 1.png", "deep/icon 11.png", "deep/icon 3.png", "icon 10.png"]
        assert [icon.name for icon in reading.icons] == wanted
        assert (reading.count(Why.UNCHOSEN), reading.count(Why.OTHER), reading.broken) == (9, 1, [])
    assert names(tiny_bundle_path, "icon-0000[12]") == ["icon-00001", "icon-00002"]


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "xztar"])
def test_an_archive_gives_what_its_folder_gives(tmp_path: Path, kind: str) -> None:
    folder = write_folder(tmp_path / "icons")
    (folder / "cut.png").write_bytes(png(0)[:99])
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    (folder / ".hidden.png").write_bytes(png(9))
    path = Path(shutil.make_archive(str(tmp_path / "packed.v1"), kind, folder))
    packed, unpacked = read_source(path, REQUEST), read_source(folder, REQUEST)
    assert (packed.name, packed.kind) == ("packed", "archive")
    assert [icon.name for icon in packed.icons] == [icon.name for icon in unpacked.icons]
    for one, other in zip(packed.icons, unpacked.icons, strict=True):
        assert (one.decoded.pixels == other.decoded.pixels).all()
    assert packed.broken == unpacked.broken == [Broken("cut.png", "the image data is damaged or cut off")]
    assert packed.left_out == unpacked.left_out


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_harmful_archive_is_refused_and_writes_nothing(tmp_path: Path, kind: str) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    path = deep / f"x.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("good.png", png(0))
            archive.writestr("../../x.png", png(1))
    else:
        with tarfile.open(path, "w") as tar:
            info = tarfile.TarInfo("../../x.png")
            info.size = len(png(1))
            tar.addfile(info, io.BytesIO(png(1)))
    with pytest.raises(SourceError, match=rf"x\.{kind}: '\.\./\.\./x\.png' in it points outside of the archive"):
        read_source(path, REQUEST)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_a_bundle_gives_its_training_icons(tiny_bundle_path: Path, drawn_icons: NDArray[np.uint8]) -> None:
    reading = read_source(tiny_bundle_path, REQUEST)
    assert (reading.name, reading.kind, reading.license, reading.notes) == ("drawn", "bundle", "MIT", [])
    assert (np.stack([icon.decoded.pixels for icon in reading.icons]) == drawn_icons).all()
    smaller = read_source(tiny_bundle_path, Request(size=32, background=(0, 0, 0)))
    assert smaller.icons[0].decoded.pixels.shape == (32, 32, 3)
    assert smaller.notes == ["the bundle's icons stand on #ffffff, not on #000000"]


def test_a_damaged_bundle_is_refused(tiny_bundle_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    shutil.copytree(tiny_bundle_path, path)
    (path / "icons.png").write_bytes(b"not a picture")
    with pytest.raises(SourceError, match="damaged"):
        read_source(path, REQUEST)


def test_a_font_gives_its_emoji_by_group(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (96, 96), "red")
    path = write_font(tmp_path / "x.ttf", {"😀": picture, "🚀": picture, "🍎": picture})
    reading = read_source(path, REQUEST)
    assert (reading.name, reading.kind, reading.license) == ("test-emoji", "emoji font", "OFL-1.1")
    assert [icon.name for icon in reading.icons] == ["grinning face", "red apple", "rocket"]
    assert reading.count(Why.LACKING) > 1600
    only = read_source(path, Request(size=64, background=(0, 0, 0), choice=Choice(["faces", "food"])))
    assert only.name == "test-emoji-faces-food"
    assert [icon.name for icon in only.icons] == ["grinning face", "red apple"]
    assert only.count(Why.LACKING) + only.count(Why.UNCHOSEN) == reading.count(Why.LACKING) + 1
    assert names(path, "*apple") == ["red apple"]


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (png(0), "x.png", "a single picture; give a folder"),
        (b"<svg/>", "x.svg", "a single picture; give a folder"),
        (gzip.compress(b"<svg/>", mtime=0), "x.svgz", "a single picture; give a folder"),
        (
            b"text",
            "x.txt",
            "not a folder, a .zip or .tar archive, an Iconify collection, a bundle or a color emoji font",
        ),
        (b"text", "x.zip", "the archive is damaged or cut off, or no archive at all"),
        (b"\x00\x01\x00\x00", "x.ttf", "the font is damaged or cut off"),
    ],
)
def test_other_things_are_refused(tmp_path: Path, content: bytes, name: str, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match=rf"{name}: {reason}"):
        read_source(path, REQUEST)


def test_nothing_and_devices_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nowhere", tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(SourceError, match="there is no file or folder of this name"):
            read_source(path, REQUEST)


def test_names_are_made_safe() -> None:
    assert printable("a\x1b[31m\n\udcff.png") == "a?[31m??.png"
    assert slug("Mrs. Claus' Café!") == "mrs-claus-cafe"
    assert slug("../../etc") == "etc"
    assert slug("絵文字") == ""
