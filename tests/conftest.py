"""What all rooms test with: a handful of drawn icons and a small real bundle."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from generator.card import DataSet
from generator.networks import GeneratorConfig, build_generator
from generator.networks.sagan import SaganConfig
from generator.sheets import draw_sheet
from generator.transparency import as_image, as_pixels
from generator.writing import Description, write_bundle


def draw_icon(number: int, size: int = 64) -> Image.Image:
    """A colored shape with a face, different for each number: RGB."""
    chance = random.Random(number)  # noqa: S311
    icon = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(icon)
    color = tuple(chance.randrange(40, 240) for _ in range(3))
    edge = chance.randrange(2, 8)
    box = (edge, edge, size - edge, size - edge)
    [
        pen.ellipse,
        pen.rectangle,
        lambda b, fill: pen.regular_polygon((size / 2, size / 2, size / 2 - edge), 6, fill=fill),
    ][number % 3](box, fill=color)
    for x in (size * 3 // 8, size * 5 // 8):
        pen.ellipse((x - 3, size * 3 // 8 - 3, x + 3, size * 3 // 8 + 3), fill="black")
    pen.arc(
        (size // 4, size // 4, size * 3 // 4, size * 3 // 4),
        chance.randrange(0, 60),
        chance.randrange(90, 180),
        "black",
        3,
    )
    return icon


def draw_transparent(number: int) -> Image.Image:
    """The same shape on nothing, with a green hidden there: RGBA."""
    icon = draw_icon(number).convert("RGBA")
    for corner in ((0, 0), (63, 0), (0, 63), (63, 63)):
        ImageDraw.floodfill(icon, corner, (0, 255, 0, 0))
    return icon


torch.set_num_threads(1)  # tests are many small networks: threads would only wait for each other
os.environ["OMP_NUM_THREADS"] = "1"  # so are the processes that tests start
for name in [name for name in os.environ if name.upper().startswith(("MOJIGAN_", "DISCORD_"))]:
    del os.environ[name]  # no test depends on the settings of whoever runs it


@pytest.fixture(scope="session")
def drawn_icons() -> NDArray[np.uint8]:
    """Forty drawn icons: (40, 64, 64, 3) uint8."""
    return np.stack([np.asarray(draw_icon(number)) for number in range(40)])


@pytest.fixture(scope="session")
def transparent_icons() -> NDArray[np.uint8]:
    """The same on nothing, premultiplied: (40, 64, 64, 4) uint8."""
    return np.stack([as_pixels(draw_transparent(number)) for number in range(40)])


@pytest.fixture(scope="session")
def tiny_bundle_path(tmp_path_factory: pytest.TempPathFactory, drawn_icons: NDArray[np.uint8]) -> Path:
    """A small real bundle. Copy it before you damage it."""
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny", drawn_icons)


@pytest.fixture(scope="session")
def transparent_bundle_path(tmp_path_factory: pytest.TempPathFactory, transparent_icons: NDArray[np.uint8]) -> Path:
    """A small real bundle of transparent icons. Copy it before you damage it."""
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "transparent", transparent_icons)


def write_gray_sources(folder: Path) -> Path:
    """Pictures and a drawing that `gray_run` is trained on: 24 icons, some of them transparent."""
    for number in range(23):
        (draw_icon(number) if number % 2 else draw_transparent(number)).save(folder / f"icon-{number:02d}.png")
    circle = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="3" fill="navy"/></svg>'
    (folder / "sunny.svg").write_text(circle)
    return folder


@pytest.fixture(scope="session")
def gray_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run on icons of 28 pixels in black and white. Copy it before you go on with it."""
    from train.__main__ import app

    folder, runs = write_gray_sources(tmp_path_factory.mktemp("sources")), tmp_path_factory.mktemp("gray-runs")
    given = ["--size", "28", "--gray", "--threshold", "0.4", "--batch", "4", "--width", "8", "--kimg", "0.016"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.adversary.average.RECALIBRATION_BATCHES", 2)
        patch.setattr("train.run.sitting.SAMPLES", 16)
        patch.setattr("train.doors.fit.write_run_report", lambda _path: None)
        result = CliRunner().invoke(app, ["fit", "--icons", str(folder), "--runs", str(runs), *given])
    assert result.exit_code == 0, result.output
    (run,) = (path for path in runs.iterdir() if path.is_dir())
    return run


def write_tiny_bundle(
    path: Path,
    icons: NDArray[np.uint8],
    config: GeneratorConfig | None = None,
    *,
    preset: str = "sagan",
    batch: int = 16,
) -> Path:
    """Write a small real bundle of such icons. Its network has learned nothing but statistics, of such batches."""
    from generator.neighbors import describe

    torch.manual_seed(0)
    config = config or SaganConfig(latent_size=16, width=8, channels=icons.shape[-1])
    network = build_generator(config)
    for _ in range(20):
        network(torch.randn(batch, config.latent_size))
    samples = io.BytesIO()
    as_image(icons[0]).save(samples, "PNG")
    write_bundle(
        path,
        Description(
            kimg=0.0,
            metrics={},
            data=DataSet(name="drawn", count=len(icons), digest="0" * 64, license="MIT"),
            preset=preset,
            background="transparent" if config.channels == 4 else "#ffffff",
            created="2026-01-01T00:00:00+00:00",
            code_version="0.1.0",
        ),
        config=config,
        weights=network.state_dict(),
        descriptors=describe(icons),
        sheet=draw_sheet(icons),
        samples=samples.getvalue(),
    )
    return path
