"""The door to the generator: pictures from a bundle and a seed, without Discord.

python -m generator icon --seed 42                      one icon, enlarged to 512 pixels
python -m generator grid --seed 1 --count 64            a sheet of the seeds 1 to 64
python -m generator morph --from 1 --to 2               an animated walk from one icon to another and back
python -m generator neighbors --seed 42                 the icon beside its nearest training icons
python -m generator info                                what the bundle is and how good
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table
from rich.text import Text

from generator.checkpoint import CARD, DEFAULT_BUNDLE, FILES, Bundle, BundleError, read_bundle
from generator.decode import DecodeError, decode, parse_color
from generator.neighbors import NeighborIndex
from generator.pictures import WALK_STEPS, animation, comparison, enlarge, grid, png
from generator.seeds import Seed
from generator.studio import DeviceError, Studio

app = typer.Typer(
    help="From a bundle and a seed to a picture.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

BundlePath = Annotated[Path, typer.Option("--bundle", help="The bundle folder; by default the one that ships.")]
SeedText = Annotated[str, typer.Option("--seed", help="An integer, or any text.", show_default="a fresh one")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Truncation = Annotated[
    float | None,
    typer.Option(
        min=0.01, max=1, help="Scale of the latents: 1 as in training, less is tamer.", show_default="the bundle's"
    ),
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="The PNG file to write.", show_default="named by model and seed")
]


class _UsageError(Exception):
    """Options that cannot be followed: one sentence."""


@app.command()
def icon(
    seed: SeedText = "",
    bundle: BundlePath = DEFAULT_BUNDLE,
    size: Annotated[int, typer.Option(min=1, max=4096, help="Pixels along the edge.")] = 512,
    output: Output = None,
    truncation: Truncation = None,
    device: Device = "auto",
) -> None:
    """Draw one icon. The same bundle, seed and options give the same file, byte for byte."""
    with _sentences():
        model, chosen = read_bundle(bundle), _parse(seed)
        drawn = Studio(model, device).draw([chosen.number], truncation)[0]
        texts = {"Seed": chosen.text, "Model": model.digest}
        _save(enlarge(drawn, size), output or _default_name(model, str(chosen.number)), texts, f"seed {chosen.text}")


@app.command("grid")
def grid_command(
    seed: SeedText = "1",
    bundle: BundlePath = DEFAULT_BUNDLE,
    count: Annotated[int, typer.Option(min=1, max=1024, help="How many seeds, from the first on.")] = 64,
    columns: Annotated[int, typer.Option(min=1, max=64, help="Icons in a row.")] = 8,
    output: Output = None,
    truncation: Truncation = None,
    device: Device = "auto",
) -> None:
    """Draw a sheet of icons: the seed and those that follow it."""
    with _sentences():
        model, chosen = read_bundle(bundle), _parse(seed)
        seeds = [chosen.offset(i) for i in range(count)]
        icons = Studio(model, device).draw([one.number for one in seeds], truncation)
        texts = {"Seed": f"{seeds[0].text} to {seeds[-1].text}", "Model": model.digest}
        name = _default_name(model, f"{seeds[0].number}-x{count}")
        _save(grid(icons, columns), output or name, texts, f"seeds {texts['Seed']}")


@app.command()
def morph(
    start: Annotated[str, typer.Option("--from", help="The seed of one end: an integer, or any text.")],
    end: Annotated[str, typer.Option("--to", help="The seed of the other end.")],
    bundle: BundlePath = DEFAULT_BUNDLE,
    frames: Annotated[int, typer.Option(min=2, max=200, help="Icons on the way, the ends among them.")] = WALK_STEPS,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The WebP file to write.", show_default="named by model and seeds"),
    ] = None,
    truncation: Truncation = None,
    device: Device = "auto",
) -> None:
    """Draw an animated walk from one icon to another, there and back, as a WebP."""
    with _sentences():
        model, first, last = read_bundle(bundle), _parse(start), _parse(end)
        icons = Studio(model, device).draw_walk(first.number, last.number, frames, truncation)
        target = output or _default_name(model, f"{first.number}-to-{last.number}").with_suffix(".webp")
        _write(animation(icons), target, f"seeds {first.text} to {last.text}")


@app.command()
def neighbors(
    seed: SeedText = "",
    picture: Annotated[Path | None, typer.Option(help="Compare this picture instead of a generated icon.")] = None,
    bundle: BundlePath = DEFAULT_BUNDLE,
    count: Annotated[int, typer.Option(min=1, max=12, help="How many training icons.")] = 3,
    output: Output = None,
    truncation: Truncation = None,
    device: Device = "auto",
) -> None:
    """Draw an icon beside its nearest training icons, with their distances: 0 is a copy."""
    with _sentences():
        if picture is not None and seed:
            raise _UsageError("Give --seed or --picture, not both.")
        model = read_bundle(bundle)
        if picture is not None:
            decoded = decode(picture, size=model.image_size, background=parse_color(model.card.background))
            asked, caption, name = Image.fromarray(decoded.pixels), picture.name, picture.stem
        else:
            chosen = _parse(seed)
            asked = Studio(model, device).draw([chosen.number], truncation)[0]
            caption, name = f"seed {chosen.text}", str(chosen.number)
        found = NeighborIndex(model.descriptors).search(asked, count)
        pairs = [(Image.fromarray(np.asarray(model.icons()[one.index])), one.distance) for one in found]
        target = output or _default_name(model, f"{name}-neighbors")
        _save(comparison(asked, pairs, caption), target, {"Model": model.digest}, caption)
    table = Table("", "training icon", "distance", box=None)
    for place, one in enumerate(found, start=1):
        table.add_row(str(place), f"#{one.index}", f"{one.distance:.3f}")
    Console().print(table)


@app.command()
def info(
    bundle: BundlePath = DEFAULT_BUNDLE,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Show a bundle's card; a damaged bundle is refused."""
    with _sentences():
        model = read_bundle(bundle)
    card = model.card
    if as_json:
        typer.echo(card.model_dump_json(indent=2))
        return
    table = Table(box=None, show_header=False)
    options = ", ".join(f"{name} {value}" for name, value in card.network.items())
    rows = {
        "bundle": str(model.path),
        "digest": model.digest,
        "format": f"version {card.format_version}",
        "network": f"{card.architecture} ({options})",
        "parameters": f"{sum(value.numel() for value in model.generator.values()) / 1e6:.2f} M",
        "trained": f"{card.kimg:g} kimg with the preset {card.preset}, {card.created}, Mojigan {card.code_version}",
        "icons": f"{card.data.count} from {card.data.name}",
        "license": card.data.license,
        "background": card.background,
        "truncation": f"{card.truncation:g}",
        **{name: f"{figure.value:.4g}  (real against real {figure.real:.4g})" for name, figure in card.metrics.items()},
        "size": f"{sum((model.path / name).stat().st_size for name in (CARD, *FILES)) / 2**20:.1f} MiB",
    }
    for name, value in rows.items():
        table.add_row(Text(_printable(name), style="dim"), Text(_printable(value)))
    Console().print(table)


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn the errors that people can act on into one sentence on stderr and exit code 2."""
    try:
        yield
    except (BundleError, DecodeError, DeviceError, _UsageError) as error:
        Console(stderr=True).print(Text(_printable(str(error)), style="red"), soft_wrap=True)
        raise typer.Exit(2) from error


def _parse(seed: str) -> Seed:
    try:
        return Seed.parse(seed) if seed else Seed.random()
    except ValueError as error:
        raise _UsageError(str(error)) from error


def _default_name(model: Bundle, what: str) -> Path:
    return Path(f"mojigan-{model.digest[:4]}-{what}.png")


def _save(image: Image.Image, path: Path, texts: dict[str, str], caption: str) -> None:
    _write(png(image, texts), path, caption)


def _write(content: bytes, path: Path, caption: str) -> None:
    if path.exists() and not path.is_file():  # a folder, a device, a pipe that nobody reads
        raise _UsageError(f"{path}: cannot be written (it is there and is not a file).")
    try:
        path.write_bytes(content)
    except OSError as error:
        raise _UsageError(f"{path}: cannot be written ({error.strerror}).") from error
    Console().print(Text(_printable(f"{caption} -> {path}")))


def _printable(text: str) -> str:
    """The text without what could steer the terminal or cannot be encoded: a card or a seed may hold anything."""
    return "".join(c if c.isprintable() else "?" for c in text)


if __name__ == "__main__":
    app()
