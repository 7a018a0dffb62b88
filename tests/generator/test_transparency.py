"""Transparent icons, premultiplied all the way: decoding, sheets, bundles, the studio, pictures, and descriptors."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from typer.testing import CliRunner, Result

from generator.__main__ import app
from generator.checkpoint import Bundle, read_bundle
from generator.decode import TRANSPARENT, color_code, decode, parse_color
from generator.files import BundleError
from generator.neighborhood import Neighborhood
from generator.neighbors import NeighborIndex, describe
from generator.networks.layers import colored
from generator.pictures import animation, comparison, enlarge, grid
from generator.sheets import check_sheet, cut_sheet, draw_sheet
from generator.studio import Studio, to_pixels
from generator.tidy import Tidy
from generator.transparency import DARK, WHITE, as_image, as_pixels, over, premultiplied, straight
from tests.conftest import draw_icon, draw_transparent


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def bundle(transparent_bundle_path: Path) -> Bundle:
    return read_bundle(transparent_bundle_path)


def test_every_premultiplied_pixel_survives_a_straight_picture() -> None:
    alpha, color = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    pixels = np.stack([color, np.zeros_like(color), color // 2, alpha], axis=-1)
    np.minimum(pixels[..., :3], pixels[..., 3:], out=pixels[..., :3])
    assert (premultiplied(straight(pixels)) == pixels).all()
    with Image.open(io.BytesIO(encode(as_image(pixels)))) as image:
        assert image.mode == "RGBA"
        assert (as_pixels(image) == pixels).all()


def test_a_transparent_background_keeps_opacity_and_no_hidden_color() -> None:
    image = Image.new("RGBA", (64, 64), (0, 255, 0, 0))  # green hides where nothing is seen
    image.paste((200, 100, 0, 128), (0, 0, 32, 64))
    for size in (64, 32, 128):
        pixels = decode(encode(image), size=size, background=TRANSPARENT).pixels
        assert pixels.shape == (size, size, 4)
        assert (pixels[..., :3] <= pixels[..., 3:]).all()
        assert pixels[0, 0].tolist() == [100, 50, 0, 128]
        assert pixels[-1, -1].tolist() == [0, 0, 0, 0]
        assert (pixels[..., 1] <= pixels[..., 0]).all(), "green came out at the edge"


def test_what_is_not_square_stands_on_nothing_and_what_is_opaque_stays() -> None:
    pixels = decode(encode(Image.new("RGB", (64, 32), "red")), background=TRANSPARENT).pixels
    assert pixels[0, 0].tolist() == [0, 0, 0, 0]
    assert pixels[32, 32].tolist() == [255, 0, 0, 255]
    palette = Image.new("P", (64, 64), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    buffer = io.BytesIO()
    palette.save(buffer, "PNG", transparency=1)
    assert not decode(buffer.getvalue(), background=TRANSPARENT).pixels.any()
    deep = Image.fromarray(np.full((64, 64), 65535, np.uint16))
    buffer = io.BytesIO()
    deep.save(buffer, "PNG", transparency=65535)
    assert not decode(buffer.getvalue(), background=TRANSPARENT).pixels.any()


def test_on_a_color_it_is_what_decoding_on_that_color_gives() -> None:
    data = encode(draw_transparent(3))
    pixels = decode(data, background=TRANSPARENT).pixels
    for color in (WHITE, DARK):
        wanted = decode(data, background=color).pixels.astype(int)
        assert np.abs(over(pixels, color) - wanted).max() <= 1
    assert parse_color(color_code(TRANSPARENT)) == TRANSPARENT


def test_a_sheet_gives_back_the_same_icons(transparent_icons: NDArray[np.uint8]) -> None:
    content = draw_sheet(transparent_icons)
    check_sheet(content, 40, 64, 4)
    assert (cut_sheet(content, 40, 64) == transparent_icons).all()


def test_a_bundle_says_that_it_is_transparent(bundle: Bundle, transparent_icons: NDArray[np.uint8]) -> None:
    assert (bundle.card.background, bundle.background, bundle.channels) == ("transparent", TRANSPARENT, 4)
    assert (bundle.icons() == transparent_icons).all()


@pytest.mark.parametrize(("name", "value"), [("background", "#ffffff"), ("channels", 3)])
def test_a_card_that_contradicts_itself_is_refused(
    transparent_bundle_path: Path, tmp_path: Path, name: str, value: str | int
) -> None:
    path = Path(shutil.copytree(transparent_bundle_path, tmp_path / "bundle"))
    card = json.loads((path / "card.json").read_text())
    (card["network"] if name == "channels" else card)[name] = value
    (path / "card.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match="channels do not go with the background"):
        read_bundle(path)


def test_no_color_is_more_than_its_opacity() -> None:
    values = torch.tensor([1.0, -1.0, 0.0, 0.0])[None, :, None, None]
    assert to_pixels(values).flatten().tolist() == [128, 0, 128, 128]


def test_what_is_hardly_there_is_not_there() -> None:
    values = torch.tensor([[1.0, 1.0, 1.0, opacity / 127.5 - 1] for opacity in range(5)])[..., None, None]
    assert to_pixels(values).flatten(1).tolist() == [[0] * 4, [0] * 4, [0] * 4, [3] * 4, [4] * 4]


def test_resampling_leaves_no_ring_around_a_shape() -> None:
    image = Image.new("RGBA", (256, 256))
    ImageDraw.Draw(image).ellipse((40, 40, 215, 215), "red")
    small = decode(encode(image), background=TRANSPARENT).pixels
    large = np.array(enlarge(as_image(small), 512))
    rows, columns = np.mgrid[:512, :512] - 255.5
    for pixels in (small, large):
        outside = (rows**2 + columns**2 > 200**2)[:: 512 // len(pixels), :: 512 // len(pixels)]
        assert not pixels[outside].any()


def test_a_color_stays_while_its_opacity_falls() -> None:
    values = torch.randn(1, 4, 1, 2).mul(2).clamp(-3, 3)
    values[..., 1] = values[..., 0]
    values[:, 3] = torch.tensor([20.0, 0.0])  # opaque, and half
    icons = (colored(values) + 1) / 2
    assert (icons[0, 3, 0] == torch.tensor([1.0, 0.5])).all()
    assert torch.allclose(icons[0, :3, 0, 0], (values[0, :3, 0, 0].tanh() + 1) / 2)
    assert torch.allclose(icons[0, :3, 0, 1], icons[0, :3, 0, 0] / 2)


def test_the_studio_draws_straight_pictures_of_premultiplied_pixels(bundle: Bundle) -> None:
    studio = Studio(bundle, "cpu")
    (icon,) = studio.draw([5])
    assert icon.mode == "RGBA"
    with torch.no_grad():
        points = torch.zeros(8, 16)
        drawn = to_pixels(studio.network(points))[:1].permute(0, 2, 3, 1)
    wanted = Tidy(bundle.all_icons())(drawn)
    assert (wanted != drawn).any(), "the network draws where no training icon has anything"
    assert (as_pixels(studio.draw_latents(points[:1])[0]) == wanted[0].numpy()).all()


def test_a_training_icon_is_its_own_nearest(bundle: Bundle) -> None:
    index = NeighborIndex(bundle.descriptors)
    assert bundle.descriptors.shape == (40, 768)
    found = index.search(as_image(bundle.icons()[7]), 2)
    assert found[0].index == 7
    assert found[0].distance < 1e-3
    assert found[1].distance > 0.01
    around = Neighborhood(bundle)
    assert around.search(as_image(bundle.icons()[7]))[0].index == 7


@pytest.mark.parametrize("color", [WHITE, DARK])
def test_what_one_background_hides_the_other_shows(color: tuple[int, int, int]) -> None:
    hidden, nothing = np.zeros((2, 1, 64, 64, 4), np.uint8)
    hidden[:, 16:48, 16:48] = (*color, 255)
    assert (over(hidden, color) == over(nothing, color)).all()
    assert NeighborIndex(describe(nothing)).search(as_image(hidden[0]), 1)[0].distance > 0.1


def test_pictures_keep_transparency_and_show_no_hidden_color() -> None:
    image = Image.new("RGBA", (64, 64), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (16, 16, 48, 48))
    large = np.array(enlarge(image, 128, plain=True))
    seen = large[large[..., 3] > 8]
    assert len(seen) < 128 * 128
    assert seen[:, 1].max() <= 8, "hidden green is in the edge"
    bare = Image.new("RGBA", (64, 64))
    bare.paste((255, 0, 0, 255), (16, 16, 48, 48))
    assert enlarge(image, 512).tobytes() == enlarge(bare, 512).tobytes(), "hidden green is seen by the enlarger"
    sheet = grid([image] * 3, 2)
    assert sheet.mode == "RGBA"
    assert sheet.getpixel((0, 0)) == (0, 0, 0, 0)
    assert sheet.getpixel((4 + 32, 4 + 32)) == (255, 0, 0, 255)
    beside_neighbors = comparison(image, [(image, 0.0)])
    assert beside_neighbors.mode == "RGB"
    assert beside_neighbors.getpixel((30, 80)) == (255, 255, 255)
    with Image.open(io.BytesIO(animation([image, image.rotate(45)], size=64))) as walk:
        assert walk.convert("RGBA").getpixel((2, 2))[3] == 0  # type: ignore[index]  # a tuple, as it has four channels


def test_the_door_writes_transparent_files(transparent_bundle_path: Path, tmp_path: Path) -> None:
    draw_transparent(3).save(tmp_path / "three.png")
    given = ("--bundle", transparent_bundle_path)
    for command in (
        ("icon", "--seed", "1", "-o", tmp_path / "icon.png"),
        ("grid", "--count", "2", "-o", tmp_path / "grid.png"),
        ("morph", "--from", "1", "--to", "2", "--frames", "2", "-o", tmp_path / "walk.webp"),
        ("export", "--count", "2", "--out", tmp_path / "out"),
        ("neighbors", "--picture", tmp_path / "three.png", "-o", tmp_path / "near.png"),
        ("invert", tmp_path / "three.png", "--steps", "1", "-o", tmp_path / "found.png"),
    ):
        result = run(*command, *given)
        assert result.exit_code == 0, result.output
        if command[0] == "neighbors":
            first = next(line for line in result.stdout.splitlines() if "#" in line)
            assert first.split() == ["1", "#3", "0.00"]
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["background"] == "transparent"
    for file in (tmp_path / "icon.png", tmp_path / "grid.png", *tmp_path.glob("out/*.png")):
        with Image.open(file) as image:
            assert image.mode == "RGBA"


def test_opaque_icons_are_as_they_were(drawn_icons: NDArray[np.uint8]) -> None:
    assert as_image(drawn_icons[0]).mode == "RGB"
    assert over(drawn_icons, DARK) is drawn_icons
    assert (as_pixels(draw_icon(0)) == drawn_icons[0]).all()
    assert decode(encode(draw_icon(0))).pixels.shape == (64, 64, 3)
