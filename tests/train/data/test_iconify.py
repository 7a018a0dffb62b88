"""Iconify's format is understood, and its collections are sources like others."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.conftest import draw_icon
from tests.train.data.tiny_collection import COLORS, INFO, body, collection, write_package
from train.data.choice import Choice
from train.data.iconify import Collection, CollectionIcon
from train.data.reading import Broken, Reading, Request, SourceError, Why
from train.data.sources import read_source
from train.data.vectors import Renderer

WHITE = (255, 255, 255)
QUARTERS = '<path fill="red" d="M0 0h8v8H0z"/><path fill="lime" d="M8 0h8v8H8z"/><path fill="blue" d="M0 8h8v8H0z"/>'


def opened(**content: Any) -> dict[str, CollectionIcon]:
    found = Collection.open(json.dumps({"prefix": "x", **content}).encode())
    assert found is not None
    return {icon.name: icon for icon in found}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer() as renderer:
        yield renderer


def pixels(renderer: Renderer, icon: CollectionIcon) -> NDArray[np.int16]:
    picture = renderer.draw(icon.svg.encode(), size=16, background=WHITE, name=icon.name)
    return picture.pixels.astype(np.int16)


def read(path: Path, *only: str) -> Reading:
    return read_source(path, Request(size=16, background=WHITE, choice=Choice(only)))


def test_the_frame_is_the_nearest_that_is_said() -> None:
    icons = opened(
        width=32,
        top=-2,
        icons={"plain": {"body": ""}, "own": {"body": "", "width": 24, "left": 3}},
        aliases={"wide": {"parent": "own", "width": 48}, "wider": {"parent": "wide", "height": 20}},
    )
    frames = {name: icon.svg.partition("viewBox=")[2].partition(">")[0] for name, icon in icons.items()}
    assert {name: [float(side) for side in frame.strip('"').split()] for name, frame in frames.items()} == {
        "plain": [0, -2, 32, 16],
        "own": [3, -2, 24, 16],
        "wide": [3, -2, 48, 16],
        "wider": [3, -2, 48, 20],
    }


turns = st.fixed_dictionaries({"rotate": st.integers(-5, 5), "hFlip": st.booleans(), "vFlip": st.booleans()})


@settings(max_examples=40, deadline=None)
@given(turns, turns, st.integers(-20, 20), st.integers(-20, 20))
def test_flips_and_turns_add_up(
    renderer: Renderer, of_icon: dict[str, Any], of_alias: dict[str, Any], left: int, top: int
) -> None:
    """Flipped first, then turned clockwise; an alias's are added to its parent's."""
    moved = f'<g transform="translate({left} {top})">{QUARTERS}</g>'
    icons = opened(
        left=left, top=top,
        icons={"plain": {"body": moved}, "icon": {"body": moved, **of_icon}},
        aliases={"alias": {"parent": "icon", **of_alias}},
    )  # fmt: skip
    wanted = pixels(renderer, icons["plain"])
    if of_icon["hFlip"] != of_alias["hFlip"]:
        wanted = wanted[:, ::-1]
    if of_icon["vFlip"] != of_alias["vFlip"]:
        wanted = wanted[::-1]
    wanted = np.rot90(wanted, -(of_icon["rotate"] + of_alias["rotate"]))
    assert np.abs(pixels(renderer, icons["alias"]) - wanted).max() <= 8


def test_a_frame_that_is_not_square_is_turned_whole(renderer: Renderer) -> None:
    icons = opened(
        icons={"wide": {"body": QUARTERS, "height": 8}, "high": {"body": QUARTERS, "height": 8, "rotate": 1}}
    )
    assert np.abs(pixels(renderer, icons["high"]) - np.rot90(pixels(renderer, icons["wide"]), -1)).max() <= 8


def test_hidden_icons_hide_their_aliases_unless_these_say_otherwise() -> None:
    icons = opened(
        icons={"old": {"body": "", "hidden": True}, "new": {"body": ""}},
        aliases={"older": {"parent": "old"}, "back": {"parent": "old", "hidden": False}},
    )
    assert [name for name, icon in icons.items() if icon.hidden] == ["old", "older"]


@pytest.mark.parametrize(
    ("icon", "reason"),
    [
        ({}, "not an icon as Iconify's are: body: Field required"),
        (["body"], "not an icon as Iconify's are: "),
        ({"body": "", "width": 0}, "not an icon as Iconify's are: width: "),
        ({"body": "", "left": 1e300}, "not an icon as Iconify's are: left: "),
    ],
)
def test_a_damaged_icon_costs_no_other(icon: Any, reason: str) -> None:
    icons = opened(icons={"bad": icon, "good": {"body": ""}}, aliases={"alias": {"parent": "bad"}})
    assert icons["bad"].problem.startswith(reason)
    assert icons["alias"].problem == icons["bad"].problem
    assert not icons["good"].problem


def test_aliases_of_nothing_and_in_a_circle_are_named() -> None:
    icons = opened(icons={}, aliases={"a": {"parent": "b"}, "b": {"parent": "a"}, "c": {"parent": "no"}, "d": {}})
    assert icons["a"].problem == "an alias of 'a', and there is no such icon"
    assert icons["c"].problem == "an alias of 'no', and there is no such icon"
    assert icons["d"].problem == "not an icon as Iconify's are: parent: Field required"


@pytest.mark.parametrize(
    ("info", "license_", "author"),
    [
        (INFO, "CC BY 4.0", "Ann (https://example.org/ann)"),
        ({"author": {"name": "Bo"}, "license": {"title": "MIT License", "spdx": "MIT"}}, "MIT", "Bo"),
        ({"author": "Cy\x1b[31m", "license": "Apache 2.0"}, "Apache 2.0", "Cy?[31m"),
        ({"author": 5}, "", ""),
        ({}, "", ""),
    ],
)
def test_license_and_author_stand_beside_or_within(info: Any, license_: str, author: str) -> None:
    for found in (
        Collection.open(json.dumps(collection()).encode(), json.dumps(info).encode()),
        Collection.open(json.dumps(collection(info=info)).encode()),
    ):
        assert found is not None
        assert (found.prefix, found.license, found.author) == ("tiny", license_, author)


@pytest.mark.parametrize("content", ["[]", '{"icons": {}}', '"prefix icons"', "null"])
def test_other_json_is_no_collection(content: str) -> None:
    assert Collection.open(content.encode()) is None


@pytest.mark.parametrize(
    "content", ["", "{", "[" * 100_000, '{"prefix": 1, "icons": {}}', '{"prefix": "", "icons": []}']
)
def test_damaged_collections_are_a_sentence(content: str) -> None:
    with pytest.raises(
        ValueError, match=r"damaged or cut off: not JSON|not a collection as Iconify's are: (prefix|icons)"
    ):
        Collection.open(content.encode())


def test_each_form_of_a_collection_gives_the_same(tmp_path: Path) -> None:
    content = collection(aliases={"same": {"parent": "icon-3"}, "gone": {"parent": "icon-4", "hidden": True}})
    package = write_package(
        tmp_path / "package", content, info=INFO, metadata={"categories": {"Warm Ones": ["icon-7"]}}
    )
    (package / "README.md").write_text("x", encoding="utf-8")
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "gztar", tmp_path, "package"))
    packed = packed.rename(tmp_path / "packed.tgz")
    for path in (package, tmp_path / "package" / "icons.json", packed):
        reading = read(path)
        assert (reading.name, reading.kind, reading.license) == ("tiny", "Iconify collection", "CC BY 4.0")
        assert reading.author == "Ann (https://example.org/ann)"
        assert len(reading.icons) == 26
        assert (reading.left_out[Why.WITHDRAWN].names, reading.broken) == (["gone"], [])
        assert reading.count(Why.OTHER) == (path != package / "icons.json")
        found = {icon.name: icon.decoded for icon in reading.icons}
        for number, color in enumerate(COLORS):
            assert (found[f"icon-{number}"].pixels == tuple(bytes.fromhex(color[1:]))).all()
        assert (found["same"].pixels == found["icon-3"].pixels).all()
        chosen = read(path, "icon-1*", "warm-ones")
        assert chosen.name == "tiny-icon-1-warm-ones"
        assert {icon.name for icon in chosen.icons} == {"icon-1", *(f"icon-1{n}" for n in range(10)), "icon-7"}
        assert chosen.count(Why.UNCHOSEN) == 27 - 12


def test_collections_stand_beside_pictures_and_each_other(tmp_path: Path) -> None:
    write_package(tmp_path / "set" / "a", collection(prefix="a"), info=INFO)
    write_package(
        tmp_path / "set" / "b", {"prefix": "b", "icons": {"one": {"body": body("red")}}}, info={"license": "MIT"}
    )
    both = read(tmp_path / "set")
    assert (both.name, both.kind, both.license, len(both.icons)) == ("a-b", "Iconify collection", "CC BY 4.0; MIT", 26)
    draw_icon(0).save(tmp_path / "set" / "icon.png")
    (tmp_path / "set" / "icon.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg">{body("lime")}</svg>')
    mixed = read(tmp_path / "set")
    assert (mixed.name, mixed.kind, mixed.license) == ("set", "folder", "unknown; CC BY 4.0; MIT")
    assert {icon.name for icon in mixed.icons} > {"icon.png", "icon.svg", "icon-24", "one"}
    for kind in ("zip", "tar"):
        packed = read(Path(shutil.make_archive(str(tmp_path / "x"), kind, tmp_path / "set")))
        assert {icon.name: icon.decoded.pixels.tobytes() for icon in packed.icons} == {
            icon.name: icon.decoded.pixels.tobytes() for icon in mixed.icons
        }
        assert packed.license == mixed.license


def test_what_a_collection_cannot_give_is_named(tmp_path: Path) -> None:
    content = collection(aliases={"again": {"parent": "script"}, "lost": {"parent": "nothing"}})
    content["icons"]["script"] = {"body": "<script/>"}
    content["icons"]["closed"] = {"body": "</svg><svg>"}
    reading = read(write_package(tmp_path / "package", content))
    reasons = {broken.name: broken.reason for broken in reading.broken}
    assert list(reasons) == ["script", "closed", "again", "lost"]
    assert reasons["again"] == reasons["script"]
    assert reasons["script"].startswith("a script in it is not run")
    assert reasons["closed"].startswith("not well-formed XML")
    assert len(reading.icons) == 25


def test_files_of_the_same_names_are_no_collection(tmp_path: Path) -> None:
    write_package(tmp_path / "set", {"apple": "red"}, metadata={})
    (tmp_path / "set" / "deep").mkdir()
    (tmp_path / "set" / "deep" / "icons.json").write_text("{", encoding="utf-8")
    reading = read(tmp_path / "set")
    assert (reading.kind, reading.count(Why.OTHER)) == ("folder", 2)
    assert reading.broken == [Broken("deep/icons.json", "damaged or cut off: not JSON")]
    for path, reason in [("icons.json", "not an Iconify collection"), ("deep/icons.json", "damaged or cut off")]:
        with pytest.raises(SourceError, match=f"{path}: {reason}"):
            read(tmp_path / "set" / path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6), st.integers(0, 2000))
def test_damage_is_a_sentence(tmp_path: Path, changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(json.dumps(collection(aliases={"same": {"parent": "icon-3", "rotate": 1}}, info=INFO)).encode())
    for position, value in changes:
        data[position % len(data)] = value
    try:
        found = Collection.open(bytes(data[: length or None]))
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert found is None or all(icon.svg or icon.problem for icon in found)
