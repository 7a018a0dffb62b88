"""`icon`, `grid`, `morph`, `attention` and `export`: from seeds to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from rich.console import Console
from rich.text import Text

from generator.attention import look, picture
from generator.checkpoint import DEFAULT_BUNDLE, Bundle, read_bundle
from generator.choice import CANDIDATES, Choice
from generator.commands.shared import (
    BundlePath,
    FirstSeed,
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
from generator.door import Device
from generator.exports import MANIFEST, export
from generator.folders import require_empty
from generator.neighborhood import Neighborhood
from generator.pictures import WALK_STEPS, animation, enlarge, grid, paired
from generator.seeds import MOST_VARIATIONS
from generator.studio import Studio
from generator.transparency import as_image


def icon_command(
    seed: SeedText = "",
    bundle: BundlePath = DEFAULT_BUNDLE,
    size: Annotated[int, typer.Option(min=1, max=4096, help="Pixels along the edge.")] = 512,
    output: Output = None,
    wildness: Wildness = None,
    device: Device = "auto",
    plain: Annotated[bool, typer.Option("--plain", help="Enlarge by Lanczos, not by the enlarger.")] = False,
    candidates: Annotated[
        int, typer.Option(min=1, max=1024, help="Without a seed, how many icons to choose from; 1: no choice.")
    ] = CANDIDATES,
) -> None:
    """Draw one icon: that of a seed, or the best of some fresh ones.

    The same bundle, seed and options give the same file; within 1/255 on other machines.
    """
    with sentences():
        model, seeds = read_bundle(bundle), [parse_seed(seed) for _ in range(1 if seed else candidates)]
        icons = Studio(model, device).draw(seeds, truncation(wildness))
        place = Choice(model, Neighborhood(model)).choose(icons, 1)[0] if len(icons) > 1 else 0
        drawn, chosen = icons[place], seeds[place]
        file = target(output, model, chosen.stem)
        save(enlarge(drawn, size, plain=plain), file, f"seed {chosen.name}", model, Seed=chosen.name)


def grid_command(
    seed: FirstSeed = "1",
    bundle: BundlePath = DEFAULT_BUNDLE,
    count: Annotated[int, typer.Option(min=1, max=1024, help="How many seeds, from the first on.")] = 64,
    columns: Annotated[int, typer.Option(min=1, max=64, help="Icons in a row.")] = 8,
    neighbors: Annotated[bool, typer.Option("--neighbors", help="Below each icon its nearest training icon.")] = False,
    output: Output = None,
    wildness: Wildness = None,
    device: Device = "auto",
) -> None:
    """Draw a sheet of icons: the seed and those that follow it."""
    with sentences():
        model, chosen = read_bundle(bundle), parse_seed(seed)
        if chosen.near and count > MOST_VARIATIONS:
            raise UsageError(f"A seed has {MOST_VARIATIONS} variations: ask for at most so many.")
        seeds = [chosen.offset(i) for i in range(count)]
        icons = Studio(model, device).draw(seeds, truncation(wildness))
        sheet = paired(icons, _nearest(model, icons), columns) if neighbors else grid(icons, columns)
        shown = f"{seeds[0].name} to {seeds[-1].name}"
        file = target(output, model, f"{seeds[0].stem}-x{count}{'-neighbors' if neighbors else ''}")
        save(sheet, file, f"seeds {shown}", model, Seed=shown)


def _nearest(model: Bundle, icons: Sequence[Image.Image]) -> list[Image.Image]:
    neighborhood, training = Neighborhood(model), model.icons()
    return [as_image(training[neighborhood.search(icon, 1)[0].index]) for icon in icons]


def morph_command(
    start: Annotated[str, typer.Option("--from", help="The seed of one end: an integer, or any text.")],
    end: Annotated[str, typer.Option("--to", help="The seed of the other end.")],
    bundle: BundlePath = DEFAULT_BUNDLE,
    frames: Annotated[int, typer.Option(min=2, max=200, help="Icons on the way, the ends among them.")] = WALK_STEPS,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", "--output", help="The WebP file to write.", show_default="named by model and seeds"
        ),
    ] = None,
    wildness: Wildness = None,
    device: Device = "auto",
) -> None:
    """Draw an animated walk from one icon to another, there and back, as a WebP."""
    with sentences():
        model, first, last = read_bundle(bundle), parse_seed(start), parse_seed(end)
        icons = Studio(model, device).draw_walk(first, last, frames, truncation(wildness))
        file = target(output, model, f"{first.stem}-to-{last.stem}", ".webp")
        write(animation(icons), file, f"seeds {first.name} to {last.name}")


def attention_command(
    seed: FirstSeed = "1",
    count: Annotated[int, typer.Option(min=1, max=16, help="How many seeds, from the first on.")] = 3,
    bundle: BundlePath = DEFAULT_BUNDLE,
    output: Output = None,
    device: Device = "auto",
) -> None:
    """Draw what attention sees: beside each icon, for points in a ring, where in the icon they were taken from."""
    with sentences():
        model, first = read_bundle(bundle), parse_seed(seed)
        studio = Studio(model, device)
        looks = [look(studio, first.offset(i)) for i in range(count)]
        file = target(output, model, f"{first.stem}-attention")
        save(picture(looks), file, f"seed {first.name}, gain {looks[0].gain:.2f}", model, Seed=first.name)


def export_command(
    out: Annotated[Path, typer.Option(help="A new or empty folder for the PNG files.", show_default=False)],
    count: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many icons.")] = 1000,
    seed: FirstSeed = "1",
    bundle: BundlePath = DEFAULT_BUNDLE,
    wildness: Wildness = None,
    device: Device = "auto",
) -> None:
    """Write icons in their own size, a seed and those that follow: training data, with a manifest of its origin."""
    with sentences():
        require_empty(out)  # before the bundle is read
        model, chosen = read_bundle(bundle), parse_seed(seed)
        if chosen.near:
            raise UsageError(f"{chosen.name} is a variation, which no seeds follow: give the seed itself.")
        scale = truncation(wildness) or model.card.truncation
        with progress_bar() as bar:
            task = bar.add_task("icons", total=count)
            studio = Studio(model, device)
            export(studio, out, chosen.number, count, scale, lambda done: bar.update(task, completed=done))
    Console().print(Text(f"{count:,} icons and {MANIFEST} -> {out}"))
