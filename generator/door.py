"""What every command line of the house has: sentences instead of tracebacks, -h, --version."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
"""The option --device, which `choose_device` reads."""


def new_door(about: str) -> typer.Typer:
    """A command line without commands yet. `about` is its first sentence in the help."""
    app = typer.Typer(
        help=about,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def _options(
        _version: Annotated[
            bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
        ] = False,
    ) -> None:
        pass

    return app


def _print_version(asked: bool) -> None:
    if not asked:
        return
    try:
        typer.echo(f"Mojigan {version('mojigan')}")
    except PackageNotFoundError:
        typer.echo("Mojigan, not installed: its source is run as it lies there")
    raise typer.Exit
