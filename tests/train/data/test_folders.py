"""Linked folders are entered once, and whatever is not used is counted and named."""

import os
from pathlib import Path

import pytest

from tests.train.data.test_sources import REQUEST, png
from train.data.reading import NAMES_LIMIT, LeftOut, Reading, Why
from train.data.sources import read_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A source with a folder of its own, and one beside it."""
    for number, name in enumerate(("icons/own/a.png", "icons/b.png", "elsewhere/c.png", "elsewhere/deep/d.png")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))
    return tmp_path / "icons"


def read(folder: Path) -> tuple[list[str], Reading]:
    reading = read_source(folder, REQUEST)
    return [icon.name for icon in reading.icons], reading


def test_a_folder_that_is_linked_is_read(folder: Path) -> None:
    (folder / "linked").symlink_to(folder.parent / "elsewhere")
    names, reading = read(folder)
    assert names == ["b.png", "linked/c.png", "linked/deep/d.png", "own/a.png"]
    assert not reading.left_out


def test_a_folder_is_read_once_however_often_it_is_linked(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    for number in range(3):
        (folder / f"link {number}").symlink_to(elsewhere)
    (folder / "again").symlink_to(folder / "own")
    (elsewhere / "deep" / "back").symlink_to(elsewhere)
    names, reading = read(folder)
    assert names == ["b.png", "link 0/c.png", "link 0/deep/d.png", "own/a.png"]
    assert sorted(reading.left_out[Why.LINK].names) == ["again/", "link 0/deep/back/", "link 1/", "link 2/"]


def test_links_to_what_holds_the_source_are_not_followed(folder: Path) -> None:
    for name, target in (("self", folder), ("parent", folder.parent), ("root", Path("/"))):
        (folder / "own" / name).symlink_to(target)
    names, reading = read(folder)
    assert names == ["b.png", "own/a.png"]
    assert reading.left_out[Why.LINK] == LeftOut(3, ["own/parent/", "own/root/", "own/self/"])


def test_links_that_lead_in_a_circle_end(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    (folder / "there").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(folder)
    (folder / "ring").symlink_to(folder / "ring")
    names, reading = read(folder)
    assert names == ["b.png", "own/a.png", "there/c.png", "there/deep/d.png"]
    assert reading.left_out[Why.LINK].names == ["there/back/"]
    assert reading.left_out[Why.OTHER].names == ["ring"]


def test_a_source_that_is_a_link_itself_is_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert read(tmp_path / "link")[0] == ["b.png", "own/a.png"]


def test_names_in_other_encodings_are_told_in_letters(folder: Path) -> None:
    (folder / os.fsdecode("笑顔.png".encode("cp932"))).write_bytes(png(7))
    (folder / os.fsdecode("König.txt".encode("cp437"))).write_bytes(b"")
    names, reading = read(folder)
    assert "笑顔.png" in names
    assert reading.left_out[Why.OTHER].names == ["König.txt"]


def test_names_are_kept_up_to_a_limit_and_all_are_counted(folder: Path) -> None:
    for number in range(NAMES_LIMIT + 5):
        (folder / f"{number:03}.txt").write_bytes(b"")
    left_out = read(folder)[1].left_out[Why.OTHER]
    assert (left_out.count, len(left_out.names)) == (NAMES_LIMIT + 5, NAMES_LIMIT)
