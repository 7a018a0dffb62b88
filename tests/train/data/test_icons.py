"""Sources become one set: duplicates, licenses, the report, and the way out to PNG files and back."""

import io
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from generator.decode import decode
from tests.conftest import draw_icon
from tests.train.data.tiny_collection import INFO, collection, write_package
from train.adversary.recipes import PRESETS
from train.data.icons import MINIMUM, SourceError, load_icons, write_icons, write_report
from train.data.inspection import near_duplicates
from train.data.reading import Why
from train.doors.options import make_setting
from train.run.setting import Goal


def write_set(folder: Path, count: int = 20, first: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        draw_icon(number).save(folder / f"icon-{number:02}.png")
    return folder


def test_several_sources_make_one_set_in_their_order(tmp_path: Path, tiny_bundle_path: Path) -> None:
    one, two = write_set(tmp_path / "one", 20, first=100), write_set(tmp_path / "two", 20, first=200)
    counted: list[int] = []
    icons = load_icons([two, tiny_bundle_path, one], progress=counted.append)
    assert icons.name == "two+drawn+one"
    assert icons.pixels.shape == (80, 64, 64, 3)
    assert icons.pixels.dtype == np.uint8
    assert len(icons.names) == icons.report.count == 80
    assert (icons.pixels[-20] == np.asarray(draw_icon(100))).all()
    assert counted == list(range(1, 81))
    assert icons.license == "unknown (two); MIT (drawn); unknown (one)"
    assert [source.icons for source in icons.report.sources] == [20, 40, 20]


def test_the_digest_tells_sets_apart_and_nothing_else(tmp_path: Path) -> None:
    write_set(tmp_path / "one")
    first = load_icons([tmp_path / "one"])
    (tmp_path / "one").rename(tmp_path / "renamed")
    assert load_icons([tmp_path / "renamed"]).digest == first.digest
    assert len(first.digest) == 64
    assert load_icons([tmp_path / "renamed"], size=32).digest != first.digest
    (tmp_path / "renamed" / "icon-00.png").unlink()
    assert load_icons([tmp_path / "renamed"]).digest != first.digest


def test_exact_duplicates_are_removed_and_near_ones_reported(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "one")
    draw_icon(3).save(folder / "z-copy.bmp")
    changed = draw_icon(4)
    changed.paste((240, 240, 240), (0, 0, 10, 10))
    changed.save(folder / "z-nearly.png")
    report = load_icons([folder]).report
    assert [(duplicate.name, duplicate.kept) for duplicate in report.duplicates] == [("z-copy.bmp", "icon-03.png")]
    assert report.count == 21
    assert report.near_duplicate_count == len(report.near_duplicates)
    (pair,) = [near for near in report.near_duplicates if near.second == "z-nearly.png"]
    assert pair.first == "icon-04.png"
    assert 0.001 < pair.distance < 0.02


def test_near_duplicates_are_exact_across_blocks() -> None:
    """More icons than a block of the distance matrix holds, with twins that stand far apart."""
    pixels = np.random.default_rng(0).integers(0, 256, (2500, 16, 16, 3), dtype=np.uint8)
    pixels[2400] = np.where(pixels[7] < 128, pixels[7] + 1, pixels[7])
    pixels[1030] = np.where(pixels[1020] < 128, pixels[1020] + 2, pixels[1020])
    pairs, count = near_duplicates(pixels, [str(number) for number in range(2500)])
    assert count == 2
    assert [(pair.first, pair.second) for pair in pairs] == [("7", "2400"), ("1020", "1030")]
    wanted = float(np.sqrt(np.mean(((pixels[7].astype(float) - pixels[2400]) / 255) ** 2)))
    assert pairs[0].distance == pytest.approx(wanted, abs=1e-4)


def test_the_report_counts_what_was_read(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "one")
    draw_icon(50).convert("P").save(folder / "palette.png")
    draw_icon(51).resize((100, 50)).save(folder / "wide.png")
    draw_icon(52).resize((20, 20)).convert("L").save(folder / "small.png")
    Image.new("RGB", (64, 64), "white").save(folder / "white.png")
    frames = [draw_icon(number) for number in (53, 54)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    (folder / "empty.png").write_bytes(b"")
    (folder / "readme.txt").write_text("x", encoding="utf-8")
    report = load_icons([folder], background=(0, 0, 255)).report
    assert report.modes == {"RGB": 22, "P": 2, "L": 1}
    assert report.sizes == {"64 x 64": 23, "100 x 50": 1, "20 x 20": 1}
    assert (report.padded, report.enlarged, report.left_out[Why.OTHER].count) == (1, 1, 1)
    assert report.animated == ["moving.gif"]
    assert report.blank == ["white.png"]
    assert [(broken.name, broken.reason) for broken in report.broken] == [("empty.png", "the file is empty")]
    assert report.background == "#0000ff"
    assert report.gray_share == pytest.approx(2 / 25)
    assert report.warnings == ["Icons of one color everywhere: 1; the background may hide what they show."]


def test_the_color_statistics_are_those_of_the_pixels(tmp_path: Path) -> None:
    icons = load_icons([write_set(tmp_path / "one")])
    pixels = icons.pixels.astype(float)
    assert icons.report.mean == pytest.approx(pixels.mean(axis=(0, 1, 2)), abs=0.01)
    assert icons.report.deviation == pytest.approx(pixels.std(axis=(0, 1, 2)), abs=0.01)


@pytest.mark.parametrize(("mode", "warned"), [("RGB", True), ("P", True), ("L", False), ("1", False)])
def test_gray_icons_from_color_files_are_warned_of(tmp_path: Path, mode: str, warned: bool) -> None:
    folder = tmp_path / "gray"
    folder.mkdir()
    for number in range(20):
        draw_icon(number).convert("L").convert(mode).save(folder / f"{number:02}.png")
    report = load_icons([folder]).report
    assert report.gray_share == 1.0
    assert any("Every icon is gray" in warning for warning in report.warnings) == warned


def test_too_few_icons_are_one_error_that_says_why(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "one", MINIMUM - 1)
    draw_icon(0).save(folder / "same.png")
    (folder / "cut.png").write_bytes(b"\x89PNG")
    besides = r"besides 1 duplicates; 1 unusable, such as cut\.png: .*"
    with pytest.raises(SourceError, match=rf"one: only 15 different icons \({besides}\); training takes at least 16$"):
        load_icons([folder])
    draw_icon(99).save(folder / "one-more.png")
    assert load_icons([folder]).report.count == MINIMUM


def test_nothing_usable_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"empty: no icon that can be read; training takes at least 16$"):
        load_icons([tmp_path / "empty"])
    with pytest.raises(SourceError, match="No source of icons was given"):
        load_icons([])


def test_a_term_of_only_that_fits_nothing_is_refused(tmp_path: Path) -> None:
    sources = [write_set(tmp_path / "one"), write_set(tmp_path / "two", first=20)]
    with pytest.raises(SourceError, match=r"^--only: no icon is called 'cats'; there are icon-00, .* and 34 others$"):
        load_icons(sources, only=["icon-1*", "cats"])
    icons = load_icons(sources, only=["icon-0*", "icon-2*"])
    assert (icons.name, icons.report.count, icons.report.left_out[Why.UNCHOSEN].count) == (
        "one-icon-0-icon-2+two-icon-0-icon-2",
        20,
        20,
    )
    with pytest.raises(SourceError, match=r"only 1 different icon \(besides 39 not chosen by --only\)"):
        load_icons(sources, only=["icon-01"])


def test_license_and_author_of_a_collection_make_the_whole_way(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package", collection(), info=INFO)
    icons = load_icons([package])
    assert (icons.license, icons.author) == ("CC BY 4.0", "Ann (https://example.org/ann)")
    assert (icons.report.author, icons.report.sources[0].author) == (icons.author, icons.author)
    data = make_setting(icons, PRESETS["sagan"], Goal(kimg=1), 0, None, None, None).data
    assert (data.license, data.author) == (icons.license, icons.author)
    assert data.credit == "CC BY 4.0, by Ann (https://example.org/ann)"
    write_icons(icons, tmp_path / "out")
    again = load_icons([tmp_path / "out"])
    assert (again.license, again.author) == (icons.license, icons.author)
    both = load_icons([package, write_set(tmp_path / "one")])
    assert both.license == "CC BY 4.0 (tiny); unknown (one)"
    assert both.author == "Ann (https://example.org/ann) (tiny)"


def test_the_report_is_written_beside_its_pictures(tmp_path: Path) -> None:
    icons = load_icons([write_set(tmp_path / "one")])
    write_report(icons, tmp_path / "runs" / "0001")
    folder = tmp_path / "runs" / "0001"
    assert sorted(file.name for file in folder.iterdir()) == ["mean.png", "reals.png", "report.json"]
    assert json.loads((folder / "report.json").read_text(encoding="utf-8")) == json.loads(
        json.dumps(asdict(icons.report))
    )
    with Image.open(folder / "reals.png") as sheet:
        assert_shows(np.asarray(sheet.convert("RGB")), icons.pixels[0])
    with Image.open(folder / "mean.png") as mean:
        small = np.asarray(mean.convert("RGB").resize((64, 64), Image.Resampling.BOX)).astype(float)
    assert np.abs(small - icons.pixels.mean(axis=0)).mean() < 3


def assert_shows(sheet: NDArray[np.uint8], icon: NDArray[np.uint8]) -> None:
    size = len(icon)
    corner = [(y, x) for y in range(12) for x in range(12)]
    assert any((sheet[y : y + size, x : x + size] == icon).all() for y, x in corner)


def test_icons_make_the_way_to_files_and_back(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "one")
    (folder / "LICENSE").write_text("CC-BY 4.0\n", encoding="utf-8")
    icons = load_icons([folder])
    write_icons(icons, tmp_path / "out")
    again = load_icons([tmp_path / "out"])
    assert again.digest == icons.digest
    assert (again.pixels == icons.pixels).all()
    assert again.license == icons.license == "CC-BY 4.0"
    assert again.names[0] == "0001-icon-00.png"
    write_icons(again, tmp_path / "twice")
    assert min(file.name for file in (tmp_path / "twice").iterdir()) == "0001-icon-00.png"


def test_file_names_are_safe_and_tell_what_is_in_them(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    for number, name in enumerate(
        ["Grinning Face!.png", "絵文字.png", "-rf *.png", "1st place.png", "CON.png", "a.b.png"]
    ):
        draw_icon(60 + number).save(folder / name)
    write_icons(load_icons([folder]), tmp_path / "out")
    written = {file.name.partition("-")[2] for file in (tmp_path / "out").iterdir()}
    assert {"grinning-face.png", "icon.png", "rf.png", "1st-place.png", "con.png", "a-b.png"} < written
    assert all(file.name.isascii() for file in (tmp_path / "out").iterdir())


def test_a_folder_that_holds_something_is_not_written_to(tmp_path: Path) -> None:
    icons = load_icons([write_set(tmp_path / "one")])
    before = sorted(tmp_path.rglob("*"))
    for path in (tmp_path / "one", tmp_path / "one" / "icon-00.png"):
        with pytest.raises(FileExistsError, match="there is something here already"):
            write_icons(icons, path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_set_of_another_size_is_decoded_at_that_size(tmp_path: Path) -> None:
    icons = load_icons([write_set(tmp_path / "one")], size=32)
    buffer = io.BytesIO()
    draw_icon(0).save(buffer, "PNG")
    assert (icons.pixels[0] == decode(buffer.getvalue(), size=32).pixels).all()
