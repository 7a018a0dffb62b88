"""`python -m train report`: a run as a picture and as a page."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from train.doors.terminal import sentences
from train.report.chronicle import PAGE, PICTURE, write_run_report


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
