"""`python -m train enlarger`: train the enlarger on vector icons, or report how near it comes to them.

python -m train enlarger --icons iconify-json-noto.tgz --icons iconify-json-fxemoji.tgz --out enlarger.safetensors
python -m train enlarger --icons iconify-json-openmoji.tgz --share 0.05 --report
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from generator.door import Device
from generator.enlarger import SHIPPED_ENLARGER, read_enlarger
from generator.studio import choose_device
from train.data.holdout import split
from train.doors.terminal import UsageError, sentences
from train.enlarger.pairs import read_pairs
from train.enlarger.report import report as judge
from train.enlarger.training import train_enlarger, write_enlarger


def enlarger_command(
    icons: Annotated[
        list[Path], typer.Option("--icons", help="Vectors, or pictures of at least 512 pixels: any source of icons.")
    ],
    out: Annotated[Path | None, typer.Option(help="Write the enlarger here.", show_default=False)] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Train for so long.")] = 8.0,
    steps: Annotated[int | None, typer.Option(min=1, help="Train for so many steps instead: repeats exactly.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of weights, order and faults.")] = 0,
    share: Annotated[
        list[float] | None,
        typer.Option(
            min=0.001,
            max=1,
            help="Take this share of the icons, by their names; one for each source, or for all.",
            show_default="1",
        ),
    ] = None,
    device: Device = "auto",
    report: Annotated[bool, typer.Option("--report", help="Only report on the enlarger that ships.")] = False,
) -> None:
    """Train the enlarger on nine tenths of the icons; report PSNR and SSIM on the others, beside Lanczos.

    With --report, all icons are those that it has not seen.
    """
    console = Console()
    with sentences():
        if report == (out is not None):
            raise UsageError("Give --out FILE to train an enlarger, or --report to measure the one that ships.")
        if out is not None and not out.parent.is_dir():
            raise UsageError(f"{out}: there is no folder {out.parent}.")
        shares = share or [1.0]
        if len(shares) not in (1, len(icons)):
            raise UsageError(f"Give --share once, or once for each of the {len(icons)} sources.")
        where = choose_device(device)
        with console.status("reading icons") as status:
            pairs = read_pairs(
                icons, shares * (len(icons) // len(shares)), lambda count: status.update(f"reading icons: {count:,}")
            )
        unseen = pairs
        if out is not None:
            training, held_out = split(pairs.small)
            with console.status("training") as status:
                network = train_enlarger(
                    pairs[training],
                    minutes=minutes,
                    steps=steps,
                    seed=seed,
                    device=where,
                    tell=lambda step, done, loss: status.update(f"{done:.0%}, step {step:,}, loss {loss:.4f}"),
                )
            write_enlarger(network, out)
            unseen = pairs[held_out]
        found = judge(read_enlarger(out or SHIPPED_ENLARGER), unseen)
    table = Table("icons", "enlarger dB", "Lanczos dB", "gain", "enlarger SSIM", "Lanczos SSIM", box=None)
    for name, (ours, lanczos) in (("clean", found.clean), ("with faults", found.faulty)):
        figures = (ours.psnr, lanczos.psnr, ours.psnr - lanczos.psnr)
        table.add_row(name, *(f"{value:.2f}" for value in figures), f"{ours.ssim:.4f}", f"{lanczos.ssim:.4f}")
    console.print(table)
    console.print(Text(f"Means over {found.icons:,} icons that it was not trained on, on white and on dark."))
