"""`python -m train encoder`: train the encoder on icons, or report how well it finds planted copies.

python -m train encoder --icons NotoColorEmoji.ttf --out encoder.safetensors --minutes 12
python -m train encoder --icons NotoColorEmoji.ttf --report
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from generator.encoder import SHIPPED_ENCODER, read_encoder
from generator.transparency import WHITE
from train.data.holdout import split
from train.doors.terminal import UsageError, read_icons, sentences
from train.encoder.planted import find_planted
from train.encoder.training import train_encoder, write_encoder


def encoder_command(
    icons: Annotated[
        list[Path], typer.Option("--icons", help="A folder, an archive, a collection, a bundle or a font.")
    ],
    out: Annotated[Path | None, typer.Option(help="Write the encoder here.", show_default=False)] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Train for so long.")] = 12.0,
    steps: Annotated[int | None, typer.Option(min=1, help="Train for so many steps instead: repeats exactly.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of weights, order and changes.")] = 0,
    report: Annotated[bool, typer.Option("--report", help="Only report on the encoder that ships.")] = False,
) -> None:
    """Train the encoder on nine tenths of the icons; find changed versions of the others among all of them."""
    console = Console()
    with sentences():
        if report == (out is not None):
            raise UsageError("Give --out FILE to train an encoder, or --report to measure the one that ships.")
        if out is not None and not out.parent.is_dir():
            raise UsageError(f"{out}: there is no folder {out.parent}.")
        pixels = read_icons(icons, size=64, background=WHITE, only="").pixels
        training, held_out = split(pixels)
        if out is not None:
            with console.status("training") as status:
                network = train_encoder(
                    pixels[training],
                    minutes=minutes,
                    steps=steps,
                    seed=seed,
                    tell=lambda step, share, loss: status.update(f"{share:.0%}, step {step:,}, loss {loss:.2f}"),
                )
            write_encoder(network, out)
        encoder = read_encoder(out or SHIPPED_ENCODER)
        found = find_planted(pixels, held_out.tolist(), encoder)
    table = Table("copy", "encoder", "shift-tolerant pixels", "plain pixels", box=None)
    for one in found:
        table.add_row(one.change, f"{one.encoder:.0%}", f"{one.shifted_pixels:.0%}", f"{one.pixels:.0%}")
    console.print(table)
    console.print(Text(f"Found first among {len(pixels):,} icons. Encoder {encoder.digest}"), soft_wrap=True)
