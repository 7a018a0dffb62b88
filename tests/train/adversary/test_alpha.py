"""Training on transparent icons: sources, augmentation, figures over two backgrounds, and a whole run with --alpha."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner, Result

from generator.checkpoint import read_bundle
from generator.decode import TRANSPARENT
from generator.networks.sagan import SaganConfig, SaganGenerator
from generator.transparency import DARK, WHITE, as_pixels, over
from tests.conftest import draw_transparent
from tests.train.data.emoji_font import SIZE, write_font
from train.__main__ import app
from train.adversary.augmentation import Augmentation
from train.adversary.growth import GrowingGenerator, Stage
from train.data.emoji import Emoji
from train.data.fonts import draw_emoji, open_font
from train.data.icons import load_icons
from train.metrics.judge import on_backgrounds
from train.run.folder import BEST, Run


def run(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("transparent")
    for number in range(40):
        draw_transparent(number).save(folder / f"icon-{number:02d}.png")
    return folder


def test_a_set_keeps_its_transparency_through_files(
    folder: Path, tmp_path: Path, transparent_icons: NDArray[np.uint8]
) -> None:
    icons = load_icons([folder], background=TRANSPARENT)
    assert (icons.pixels == transparent_icons).all()
    assert icons.report.background == "transparent"
    result = run("icons", folder, "--alpha", "--out", tmp_path / "again")
    assert result.exit_code == 0, result.output
    assert load_icons([tmp_path / "again"], background=TRANSPARENT).digest == icons.digest
    assert load_icons([folder], background=WHITE).pixels.shape == (40, 64, 64, 3)


def test_a_bundle_is_a_source_of_both_kinds(
    tiny_bundle_path: Path, transparent_bundle_path: Path, transparent_icons: NDArray[np.uint8]
) -> None:
    assert (load_icons([transparent_bundle_path], background=TRANSPARENT).pixels == transparent_icons).all()
    flat = load_icons([transparent_bundle_path], background=DARK)
    assert (flat.pixels == over(transparent_icons, DARK)).all()
    opaque = load_icons([tiny_bundle_path], background=TRANSPARENT)
    assert (opaque.pixels[..., 3] == 255).all()
    assert any("stand on #ffffff, not on transparent" in warning for warning in opaque.report.warnings)


def test_a_font_is_drawn_with_its_own_opacity(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (SIZE, SIZE), (0, 255, 0, 0))
    picture.paste((200, 100, 0, 128), (0, 0, SIZE // 2, SIZE))
    font = open_font(write_font(tmp_path / "font.ttf", {"a": picture}))
    ((_, drawn),) = draw_emoji(font, [Emoji("a", "a", "faces")], TRANSPARENT)
    ((_, on_dark),) = draw_emoji(font, [Emoji("a", "a", "faces")], DARK)
    assert isinstance(drawn, Image.Image)
    assert on_dark is not None
    assert drawn.mode == "RGBa"
    pixels = np.array(drawn)
    assert np.abs(pixels[SIZE // 2, SIZE // 4].astype(int) - [100, 50, 0, 128]).max() <= 2
    assert pixels[SIZE // 2, -SIZE // 4].tolist() == [0, 0, 0, 0]
    assert np.abs(over(pixels, DARK).astype(int) - np.array(on_dark)).max() <= 2


def test_augmentation_moves_colors_with_their_opacity(transparent_icons: NDArray[np.uint8]) -> None:
    icons = torch.from_numpy(transparent_icons).permute(0, 3, 1, 2).float() / 127.5 - 1
    nothing = torch.full((4,), -1.0)
    rng = torch.Generator().manual_seed(0)
    colored = Augmentation(color=True)(icons, nothing, rng)
    assert torch.equal(colored[:, 3], icons[:, 3])
    empty = icons[:, 3] == -1
    assert bool(empty.any())
    assert float((colored[:, :3].movedim(1, -1)[empty] + 1).abs().max()) < 1e-5
    assert float((colored[:, :3] - icons[:, :3]).abs().amax(dim=(1, 2, 3)).min()) > 0.01
    moved = Augmentation(translation=0.2, cutout=0.5)(torch.ones(8, 4, 64, 64), nothing, rng)
    assert {tuple(pixel) for pixel in moved.movedim(1, -1).reshape(-1, 4).tolist()} == {(1.0,) * 4, (-1.0,) * 4}


def test_color_augmentation_does_to_opaque_icons_what_it_does_without_alpha() -> None:
    opaque = torch.rand(4, 3, 16, 16) * 2 - 1
    both = [
        Augmentation(color=True)(icons, torch.full((icons.shape[1],), -1.0), torch.Generator().manual_seed(1))
        for icons in (opaque, torch.cat([opaque, torch.ones(4, 1, 16, 16)], dim=1))
    ]
    assert torch.allclose(both[0], both[1][:, :3], atol=1e-5)


def test_figures_are_taken_on_both_backgrounds(
    drawn_icons: NDArray[np.uint8], transparent_icons: NDArray[np.uint8]
) -> None:
    (same,) = on_backgrounds(drawn_icons)
    assert same is drawn_icons
    light, dark = on_backgrounds(transparent_icons)
    assert (light[:, 0, 0] == WHITE).all()
    assert (dark[:, 0, 0] == DARK).all()


@pytest.mark.parametrize("stage", [Stage(16), Stage(32, 0.5), Stage(64)])
def test_no_network_gives_a_color_beyond_its_opacity(stage: Stage) -> None:
    torch.manual_seed(0)
    network = GrowingGenerator(SaganGenerator(SaganConfig(channels=4, width=8)))
    network.stage = stage
    icons = network(torch.randn(8, 64))
    assert icons.shape == (8, 4, stage.resolution, stage.resolution)
    assert icons[:, 3].std() > 0.05
    assert (icons[:, :3] <= icons[:, 3:] + 1e-6).all()


def test_a_run_with_alpha_draws_transparent_icons(folder: Path, tmp_path: Path) -> None:
    given = ("fit", "--icons", folder, "--alpha", "--batch", "4", "--width", "8", "--color", "--runs", tmp_path)
    result = run(*given, "--kimg", "0.016")
    assert result.exit_code == 0, result.output
    (path,) = (entry for entry in tmp_path.iterdir() if entry.is_dir())
    bundle = read_bundle(path / BEST)
    assert (bundle.channels, bundle.card.background) == (4, "transparent")
    white, dark, both = (bundle.card.metrics[name] for name in ("swd_white", "swd_dark", "swd"))
    assert both.value == pytest.approx((white.value + dark.value) / 2)
    assert white.value != dark.value
    with Run.open(path) as opened:
        assert {icon.tobytes() for icon in bundle.icons()} < {icon.tobytes() for icon in opened.icons()}
    with Image.open(path / BEST / "samples.png") as sheet:
        assert as_pixels(sheet).shape[2] == 4
    assert run("fit", "--resume", path, "--background", "black").exit_code == 2


def test_alpha_and_a_background_are_not_both_given(folder: Path) -> None:
    for command in (("inspect", folder), ("fit", "--icons", folder)):
        result = run(*command, "--alpha", "--background", "white")
        assert result.exit_code == 2
        assert "not both" in result.stderr
    assert "three channels only" in run("fit", "--icons", folder, "--alpha", "--preset", "sagan-seed").stderr
