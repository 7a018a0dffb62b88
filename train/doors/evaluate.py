"""`python -m train evaluate`: the figures of a bundle, each beside the same between real icons.

python -m train evaluate generator/default --icons NotoColorEmoji.ttf
python -m train evaluate runs/0007-sagan-faces/best --icons ./my-icons --json
"""

from __future__ import annotations

import time
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from generator.checkpoint import Bundle, read_bundle
from generator.door import Device
from generator.files import BundleError
from generator.networks import build_generator
from generator.quality import DISTANCE
from generator.studio import choose_device
from train.data.holdout import HELD_OUT_SHARE, digests, split
from train.data.icons import IconSet
from train.doors.terminal import UsageError, read_icons, sentences
from train.metrics import Judge
from train.metrics.judge import SAMPLES, SIDE
from train.metrics.membership import Membership, membership

READINGS = {
    "swd": "Textures against the training icons: lower is better.",
    "swd_white": "The same on white alone.",
    "swd_dark": "The same on a dark background alone.",
    "kid": "Shapes against other icons of the set: lower is better; around 0, there is no difference.",
    "precision": "Share of the icons that look like training icons: higher is better.",
    "recall": "Share of the training icons that the model could have drawn: higher is better.",
    "coverage": "Share of the training icons with one of the icons beside them: higher is better.",
    "ms_ssim": "Likeness of two icons: far above the real figure, the model draws the same again and again.",
    "nearest": f"Distance to the nearest training icon, by pixels: {DISTANCE}",
    "nearest_low": "The same of the nearest 5 %: far below the real figure, some are copies.",
    "form": "Forms as a network of natural images sees them: lower is better.",
    "copies": "Share of the icons that are practically copies of training icons: lower is better.",
    "chosen_precision": "Precision of icons that are chosen, the best of eight; beside it, of icons that are not.",
    "chosen_coverage": "The same of coverage: what choosing costs in variety.",
    "chosen_nearest": "Their distance to the nearest training icon, by pixels or by features: the smaller one.",
}


def evaluate_command(
    bundle: Annotated[Path, typer.Argument(help="A bundle, or a run: its best.", show_default=False)],
    icons: Annotated[
        list[Path],
        typer.Option("--icons", help="What to compare with: a folder, an archive, a collection, a bundle or a font."),
    ],
    only: Annotated[
        str, typer.Option(help="Only icons of these names or groups: 'cat*,faces'; see `inspect --help`.")
    ] = "",
    samples: Annotated[int, typer.Option(min=8, max=8192, help="Icons to generate.")] = SAMPLES,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure how good a model is: each figure beside the same between real icons, and how to read it.

    Figures can be compared when they were taken on the same icons, with as many samples and the same encoder.
    """
    with sentences():
        where = choose_device(device)
        try:
            model = read_bundle(bundle)
        except BundleError as error:
            raise UsageError(str(error)) from error
        card = model.card
        icon_set = read_icons(
            icons, size=model.image_size, background=model.background, only=only, threshold=model.threshold
        )
        started = time.monotonic()
        own, fresh = _is_own(icon_set, model), card.data.held_out
        share = fresh / len(icon_set.pixels) if own and fresh else HELD_OUT_SHARE
        training, held_out = split(icon_set.pixels, share)
        network = build_generator(model.config)
        network.load_state_dict(model.generator)
        with Console(stderr=True).status(f"comparing {samples:,} samples with {len(training):,} icons …"):
            parted = icon_set.pixels[training], icon_set.pixels[held_out]
            judge = Judge(*parted, where, samples)
            fakes = judge.sample(network.to(where).eval(), model.config.latent_size)
            figures = judge.compare(fakes)
            told_apart = membership(fakes, *parted, where) if own and fresh else None
        seconds = time.monotonic() - started
    known = "held out of its training" if own and fresh else "trained on, too" if own else "of another set than its own"
    if as_json:
        document = {
            "bundle": str(model.path),
            "digest": model.digest,
            "kimg": card.kimg,
            "icons": {"name": icon_set.name, "digest": icon_set.digest, "same_as_card": own},
            "training": len(training),
            "held_out": len(held_out),
            "held_out_are": known,
            "samples": samples,
            "icons_a_side": min(len(training) // 2, samples, SIDE),
            "encoder": judge.encoder_digest,
            "figures": {name: figure.model_dump() for name, figure in figures.items()}
            | ({"membership": asdict(told_apart)} if told_apart else {}),
            "seconds": round(seconds, 2),
        }
        typer.echo(dumps(document, indent=2))
        return
    table = Table("figure", "model", "real", "how to read it", box=None)
    for name, figure in figures.items():
        table.add_row(name, f"{figure.value:.3g}", f"{figure.real:.3g}", READINGS.get(name, ""))
    if told_apart:
        value, real = f"{told_apart.value:.3g}", f"{told_apart.real:g} ± {told_apart.spread:.2g}"
        table.add_row("membership", value, real, _reading(told_apart))
    console = Console()
    console.print(Text(f"{model.path}: {card.kimg:g} kimg, {samples} samples against {len(training):,} icons"))
    console.print(table)
    console.print(Text(f"{len(held_out)} icons to compare with: {known}. Encoder {judge.encoder_digest[:12]}."))
    if not told_apart:
        console.print(
            Text("No membership: it compares icons of the model's own set with some held out of its training.")
        )
    console.print(Text(f"{seconds:.1f} seconds"))


def _reading(told_apart: Membership) -> str:
    low, high = told_apart.by_chance
    return (
        "How often a training icon is nearer to a sample than a held-out one: far above .5, samples tell what was "
        f"trained on; with {told_apart.held_out} held out, {low:.2f} to {high:.2f} is chance."
    )


def _is_own(icon_set: IconSet, model: Bundle) -> bool:
    """Whether a model was made of this set: by its digest, or by the icons that the bundle brings, if it brings all."""
    data, icons = model.card.data, model.all_icons()
    return icon_set.digest == data.digest or (
        len(icons) == data.count + data.held_out and sorted(digests(icon_set.pixels)) == sorted(digests(icons))
    )
