"""A run on gray icons of 28 pixels, in black and white: what it remembers, what goes on from it, what it is told by."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from generator.checkpoint import read_bundle
from generator.files import SAMPLES
from generator.gray import in_gray
from generator.transparency import over
from tests.conftest import draw_transparent, write_gray_sources
from tests.train.data.emoji_font import SIZE, write_font
from train.__main__ import app
from train.adversary.augmentation import Augmentation
from train.adversary.guide import VIEW, plain_views, views
from train.data.icons import load_icons
from train.data.reading import Request
from train.data.sources import read_source
from train.metrics.judge import on_backgrounds
from train.report.history import GAP, nearest_pairs, read_history
from train.run.folder import BEST


def train(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the run was trained on."""
    return write_gray_sources(tmp_path_factory.mktemp("sources"))


def test_a_run_and_its_bundle_remember_how_icons_are_read(gray_run: Path, folder: Path) -> None:
    options = json.loads((gray_run / "options.json").read_text())
    assert (options["image_size"], options["background"], options["threshold"]) == (28, [255], 0.4)
    bundle = read_bundle(gray_run)
    assert (bundle.image_size, bundle.channels, bundle.background, bundle.threshold) == (28, 1, (255,), 0.4)
    assert set(np.unique(bundle.all_icons())) == {0, 255}
    result = train("evaluate", gray_run, "--icons", folder, "--samples", "16", "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["icons"]["same_as_card"], "evaluate reads the icons as the run has read them"
    assert all(np.isfinite([figure["value"], figure["real"]]).all() for figure in said["figures"].values())


def test_a_run_keeps_its_colors(gray_run: Path, tmp_path: Path) -> None:
    for given, named in ((("--threshold", "otsu"), "threshold"), (("--background", "black"), "background")):
        result = train("fit", "--resume", gray_run, *given)
        assert result.exit_code == 2
        assert f"differ from it: {named}." in result.stderr
    run = shutil.copytree(gray_run, tmp_path / "run")
    further = train("fit", "--resume", run, "--gray", "--background", "white", "--threshold", "0.4", "--kimg", "0.024")
    assert further.exit_code == 0, further.output
    assert read_bundle(run / "latest").card.kimg == pytest.approx(0.024)


def test_another_run_starts_from_it_and_reads_as_it_did(gray_run: Path, folder: Path, tiny_bundle_path: Path) -> None:
    planned = train("fit", "--from", gray_run, "--icons", folder, "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "black and white (threshold 0.4)" in planned.output
    assert "icons of 28 pixels" in planned.output
    strange = train("fit", "--from", tiny_bundle_path, "--icons", folder, "--gray", "--dry-run")
    assert strange.exit_code == 2
    assert "another form (channels 3)" in strange.stderr


def test_a_report_shows_it(gray_run: Path) -> None:
    assert "black and white (threshold 0.4)" in read_history(gray_run).facts()
    with Image.open(gray_run / BEST / SAMPLES) as sheet:
        row = sheet.convert("RGBA").crop((0, 0, sheet.width, 28 + 2 * GAP))
    pairs = nearest_pairs(read_bundle(gray_run), row, count=4)
    assert [pair.generated.size for pair in pairs] == [(28, 28)] * 4
    for pair in pairs:
        assert set(np.unique(np.asarray(pair.training))) == {0, 255}
        assert pair.distance > 0


def test_all_sources_are_read_in_gray(gray_run: Path, folder: Path, tmp_path: Path) -> None:
    """Pictures, drawings, archives of them and a bundle's own icons; a gray bundle is a source of colors, too."""
    icons = load_icons([folder], size=28, background=(255,))
    assert icons.pixels.shape == (24, 28, 28, 1)
    assert {"sunny.svg", "icon-00.png"} <= set(icons.names)
    assert (icons.report.colors, icons.report.gray_share) == ("gray", 1.0)
    assert not icons.report.warnings, "nobody wonders that icons are gray who asked for it"
    archive = shutil.make_archive(str(tmp_path / "icons"), "zip", folder)
    assert sorted(load_icons([Path(archive)], size=28, background=(255,)).pixels.tolist()) == sorted(
        icons.pixels.tolist()
    )
    bundle = read_bundle(gray_run)
    again = load_icons([gray_run / BEST], size=28, background=(255,))
    assert (again.pixels == bundle.all_icons()).all()
    colored = load_icons([gray_run / BEST], size=28, background=(0, 0, 0, 0))
    assert (colored.pixels[..., :3] == bundle.all_icons()).all()
    assert (colored.pixels[..., 3] == 255).all()
    written = train("icons", folder, "--size", "28", "--threshold", "0.4", "--out", tmp_path / "written")
    assert written.exit_code == 0, written.output
    with Image.open(next((tmp_path / "written").glob("*.png"))) as picture:
        assert (picture.mode, picture.size, set(np.unique(np.asarray(picture)))) == ("L", (28, 28), {0, 255})


def test_an_emoji_font_is_read_on_the_gray(tmp_path: Path) -> None:
    font = write_font(tmp_path / "x.ttf", {"😀": draw_transparent(3).resize((SIZE, SIZE))})
    (gray,) = read_source(font, Request(size=28, background=(29,))).icons
    (colored,) = read_source(font, Request(size=28, background=(29, 29, 29))).icons
    assert (gray.decoded.pixels == in_gray(colored.decoded.pixels)).all()
    (drawing,) = read_source(font, Request(size=28, background=(255,), threshold=0.4)).icons
    assert set(np.unique(drawing.decoded.pixels)) == {0, 255}


def test_a_hidden_icon_is_told_of_without_what_gray_cannot_do(tmp_path: Path) -> None:
    for number in range(20):
        draw_transparent(number).save(tmp_path / f"{number}.png")
    Image.new("RGBA", (28, 28), (255, 255, 255, 9)).save(tmp_path / "pale.png")
    (warning,) = (one for one in load_icons([tmp_path], size=28, background=(255,)).report.warnings if "hides" in one)
    assert warning == "The background #ffffff hides 1 icon: name another color with --background."


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--gray", "--alpha"), "--gray makes opaque icons: leave out --alpha."),
        (("--gray", "--background", "transparent"), "--gray makes opaque icons: leave out --background transparent."),
        (("--threshold", "0.5", "--alpha"), "--threshold makes opaque icons: leave out --alpha."),
        (("--threshold", "2"), "--threshold: '2' is no threshold: give a luminance above 0 and up to 1, such as 0.5"),
        (("--gray", "--background", "grayish"), "--background: 'grayish' is not a color"),
    ],
)
def test_options_that_contradict_each_other_are_named(folder: Path, given: tuple[str, ...], sentence: str) -> None:
    for command in (("inspect", folder), ("fit", "--icons", folder)):
        result = train(*command, *given)
        assert result.exit_code == 2
        assert result.stderr.startswith(sentence)
        assert result.stderr.count("\n") == 1


def test_a_size_that_no_network_has_is_told_by_the_network(folder: Path) -> None:
    result = train("fit", "--icons", folder, "--gray", "--size", "30")
    assert result.exit_code == 2
    assert "an image size of 30" in result.stderr


def test_augmentation_the_guide_and_the_figures_take_gray() -> None:
    torch.manual_seed(0)
    icons, white = torch.rand(4, 1, 28, 28) * 2 - 1, torch.ones(1)
    full = Augmentation(translation=0.1, cutout=0.2, color=True)
    augmented = full(icons, white, torch.Generator().manual_seed(1))
    assert augmented.shape == icons.shape
    assert not torch.equal(augmented, icons)
    seen = views(icons, white, torch.Generator().manual_seed(1))
    colored = views(icons.expand(-1, 3, -1, -1), torch.ones(3), torch.Generator().manual_seed(1))
    assert seen.shape == (4, 3, VIEW, VIEW)
    assert torch.allclose(seen, colored, atol=1e-6)
    plain = plain_views(icons, white)
    assert torch.equal(plain[:, 0], plain[:, 2])
    pixels = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
    (judged,) = on_backgrounds(pixels)
    assert (judged == over(pixels, (0, 0, 0))).all()
    assert judged.shape == (3, 28, 28, 3)
