"""`neighbors` and `invert`: a picture beside what the bundle knows of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from rich.console import Console
from rich.table import Table
from rich.text import Text
from safetensors.torch import save as save_tensors

from generator.checkpoint import DEFAULT_BUNDLE, Bundle, read_bundle
from generator.commands.shared import (
    BundlePath,
    Output,
    SeedText,
    UsageError,
    Wildness,
    parse_seed,
    progress_bar,
    save,
    sentences,
    target,
    truncation,
    write,
)
from generator.decode import decode
from generator.door import Device
from generator.inversion import STEPS, invert
from generator.neighborhood import Neighborhood
from generator.pictures import beside, comparison
from generator.quality import DISTANCE
from generator.studio import Studio
from generator.transparency import as_image, as_pixels


def neighbors_command(
    seed: SeedText = "",
    picture: Annotated[Path | None, typer.Option(help="Compare this picture instead of a generated icon.")] = None,
    bundle: BundlePath = DEFAULT_BUNDLE,
    count: Annotated[int, typer.Option(min=1, max=12, help="How many training icons.")] = 3,
    output: Output = None,
    wildness: Wildness = None,
    device: Device = "auto",
) -> None:
    """Draw an icon beside its nearest training icons, with their distances, and say what these mean."""
    with sentences():
        if picture is not None and seed:
            raise UsageError("Give --seed or --picture, not both.")
        model = read_bundle(bundle)
        if picture is not None:
            asked = _decode(picture, model)
            caption, name = picture.name, picture.stem
        else:
            chosen = parse_seed(seed)
            asked = Studio(model, device).draw([chosen], truncation(wildness))[0]
            caption, name = f"seed {chosen.name}", chosen.stem
        found = Neighborhood(model).search(asked, count)
        pairs = [(as_image(model.icons()[one.index]), one.distance) for one in found]
        file = target(output, model, f"{name}-neighbors")
        save(comparison(asked, pairs, caption), file, caption, model)
    table = Table("", "training icon", "distance", box=None)
    for place, one in enumerate(found, start=1):
        table.add_row(str(place), f"#{one.index}", f"{one.distance:.2f}")
    console = Console()
    console.print(table)
    console.print(Text(f"Distance {DISTANCE}", style="dim"))


def invert_command(
    picture: Annotated[Path, typer.Argument(help="Any image file.", show_default=False)],
    bundle: BundlePath = DEFAULT_BUNDLE,
    steps: Annotated[int, typer.Option(min=1, max=10_000, help="How long to search.")] = STEPS,
    output: Output = None,
    device: Device = "auto",
) -> None:
    """Search for the latent whose icon is nearest to a picture: a best effort, some seconds long.

    Shows both side by side with their distance, and keeps the latent for programs, as safetensors.
    """
    with sentences():
        model = read_bundle(bundle)
        given = _decode(picture, model)
        file = target(output, model, f"{picture.stem}-inverted")
        with progress_bar() as bar:
            task = bar.add_task("steps", total=steps)
            found = invert(
                Studio(model, device), as_pixels(given), steps, lambda step: bar.update(task, completed=step)
            )
        texts = {"Model": model.digest, "Distance": f"{found.distance:.4f}"}
        sheet = beside([(given, picture.name), (found.icon, f"found, distance {found.distance:.3f}")])
        save(sheet, file, f"distance {found.distance:.3f} (before the search {found.start:.3f})", model, **texts)
        write(save_tensors({"latent": found.latent}, texts), file.with_suffix(".safetensors"), "its latent")


def _decode(picture: Path, model: Bundle) -> Image.Image:
    read = decode(picture, size=model.image_size, background=model.background, threshold=model.threshold)
    return as_image(read.pixels)
