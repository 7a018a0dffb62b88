"""The door to training.

python -m train inspect ./my-icons            what is in a set of icons, and what is wrong with it
python -m train inspect iconify-json-openmoji.tgz --only 'cat*,dog*'      the same of a part of a collection
python -m train icons NotoColorEmoji.ttf --only faces --out ./faces      write the icons as PNG files, to prune them
python -m train fit --icons ./my-icons        train on them
python -m train evaluate BUNDLE --icons ./my-icons      how good a model is
python -m train encoder --icons NotoColorEmoji.ttf --report      how well copies are found
python -m train enlarger --icons iconify-json-noto.tgz --out enlarger.safetensors      train what draws icons large
python -m train bench                         how fast the presets train here
python -m train ablate --icons ./my-icons --out ./ablation    what each ingredient of the recipe is worth
python -m train report runs/0007-sagan-faces  draw report.png and report.html of a run anew
"""

import webbrowser
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from generator.door import Device, new_door
from generator.folders import require_empty
from generator.streams import plain_streams
from generator.studio import choose_device
from train.adversary.recipes import PRESETS
from train.data.emoji import GROUPS
from train.data.icons import write_icons, write_report
from train.data.summary import summarize
from train.doors.ablate import ablate_command
from train.doors.bench import bench, summarize_bench
from train.doors.encoder import encoder_command
from train.doors.enlarger import enlarger_command
from train.doors.evaluate import evaluate_command
from train.doors.fit import fit_command
from train.doors.options import read_recipe
from train.doors.terminal import behind, read_icons, sentences
from train.report.chronicle import PAGE, PICTURE, write_run_report

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
Alpha = Annotated[bool, typer.Option("--alpha", help="Four channels, even if all icons are opaque.")]
Only = Annotated[
    str,
    typer.Option(
        help="Take only the icons of these names, joined by commas: patterns such as 'cat*', categories of a "
        f"collection, or groups of emoji: {', '.join(GROUPS)}."
    ),
]

app = new_door("From a folder of icons to a model.")

app.command("fit")(fit_command)
app.command("ablate")(ablate_command)
app.command("evaluate")(evaluate_command)
app.command("encoder")(encoder_command)
app.command("enlarger")(enlarger_command)


@app.command()
def inspect(
    sources: Sources,
    size: Size = 64,
    background: Background = None,
    alpha: Alpha = False,
    only: Only = "",
    out: Annotated[
        Path | None, typer.Option(help="Write report.json, reals.png and mean.png into this folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Report on a set of icons before any training: what is in it, what was left out, what looks wrong."""
    with sentences():
        icons = read_icons(sources, size=size, background=behind(background, alpha=alpha), only=only)
        if out is not None:
            write_report(icons, out)
    if as_json:
        typer.echo(dumps(asdict(icons.report), indent=2, ensure_ascii=True))
    else:
        console = Console()
        console.print(summarize(icons.report))
        if out is not None:
            console.print(Text(f"\nreport.json, reals.png and mean.png are in {out}"))


@app.command("icons")
def icons_command(
    sources: Sources,
    out: Annotated[Path, typer.Option(help="A new or empty folder for the PNG files.", show_default=False)],
    size: Size = 64,
    background: Background = None,
    alpha: Alpha = False,
    only: Only = "",
) -> None:
    """Write the icons of the sources as PNG files, named and numbered, so that a person can prune them."""
    with sentences():
        require_empty(out)
        icons = read_icons(sources, size=size, background=behind(background, alpha=alpha), only=only)
        write_icons(icons, out)
    Console().print(
        Text(f"{len(icons.names):,} icons are in {out}: delete what you do not want, then train on the rest")
    )


@app.command("bench")
def bench_command(
    preset: Annotated[
        list[str] | None, typer.Option(help=f"Of {', '.join(PRESETS)}; may be given several times.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="How long to measure, in all.")] = 30.0,
    size: Annotated[int, typer.Option(help="Edge of an icon in pixels.")] = 64,
    batch: Annotated[int | None, typer.Option(min=2, help="Icons in a step.", show_default="the preset's")] = None,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure how fast presets train here, in turns: images/s, memory, and share of the matrix rate."""
    with sentences():
        recipes = [read_recipe(name, {"batch": batch}, size) for name in preset or PRESETS]
        result = bench(recipes, image_size=size, device=choose_device(device), seconds=seconds)
    if as_json:
        typer.echo(dumps(asdict(result), indent=2))
    else:
        Console().print(summarize_bench(result))


@app.command("report")
def report_command(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder, also of a run at work.", show_default=False)
    ],
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Draw `report.png` and `report.html` of a run: figures, curves, sheets over time, nearest training icons."""
    with sentences():
        write_run_report(run)
        Console().print(Text(f"{run / PICTURE}\n{run / PAGE}"), soft_wrap=True)
    if show and not webbrowser.open((run / PAGE).absolute().as_uri()):
        Console(stderr=True).print("No browser is found here: open the page by hand.")


if __name__ == "__main__":
    plain_streams()
    app(prog_name="python -m train")
