"""`python -m train inspect` and `python -m train icons`: look at a set of icons before any training, and prune it."""

from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from generator.folders import require_empty
from train.data.emoji import GROUPS
from train.data.icons import write_icons, write_report
from train.data.summary import summarize
from train.doors.terminal import Alpha, Gray, ThresholdText, read_icons, read_look, sentences

Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="SOURCE",
        help="Folders or .zip and .tar archives of pictures, SVG too; Iconify collections (icons.json or the package); "
        "bundles; color emoji fonts. Several make one set.",
        show_default=False,
    ),
]
Size = Annotated[int, typer.Option(min=8, max=512, help="Pixels along the edge of an icon.")]
Background = Annotated[
    str | None, typer.Option(help="The color behind transparent and not square images.", show_default="nothing")
]
Only = Annotated[
    str,
    typer.Option(
        help="Take only the icons of these names, joined by commas: patterns such as 'cat*', categories of a "
        f"collection, or groups of emoji: {', '.join(GROUPS)}."
    ),
]


def inspect_command(
    sources: Sources,
    size: Size = 64,
    background: Background = None,
    alpha: Alpha = False,
    gray: Gray = False,
    threshold: ThresholdText = None,
    only: Only = "",
    out: Annotated[
        Path | None, typer.Option(help="Write report.json, reals.png and mean.png into this folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Report on a set of icons before any training: what is in it, what was left out, what looks wrong."""
    with sentences():
        color, cut = read_look(background, alpha=alpha, gray=gray, threshold=threshold)
        icons = read_icons(sources, size=size, background=color, only=only, threshold=cut)
        if out is not None:
            write_report(icons, out)
    if as_json:
        typer.echo(dumps(asdict(icons.report), indent=2, ensure_ascii=True))
    else:
        console = Console()
        console.print(summarize(icons.report))
        if out is not None:
            console.print(Text(f"\nreport.json, reals.png and mean.png are in {out}"))


def icons_command(
    sources: Sources,
    out: Annotated[Path, typer.Option(help="A new or empty folder for the PNG files.", show_default=False)],
    size: Size = 64,
    background: Background = None,
    alpha: Alpha = False,
    gray: Gray = False,
    threshold: ThresholdText = None,
    only: Only = "",
) -> None:
    """Write the icons of the sources as PNG files, named and numbered, so that a person can prune them."""
    with sentences():
        require_empty(out)
        color, cut = read_look(background, alpha=alpha, gray=gray, threshold=threshold)
        icons = read_icons(sources, size=size, background=color, only=only, threshold=cut)
        write_icons(icons, out)
    Console().print(
        Text(f"{len(icons.names):,} icons are in {out}: delete what you do not want, then train on the rest")
    )
