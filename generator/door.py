"""What every command line of the house has: sentences instead of tracebacks, -h, --version, options in panels.

Commands are imported when they are asked for: torch alone takes seconds, which help need not wait for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from generator.version import own_version

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
"""The option --device, which `choose_device` reads."""

Panels = Mapping[str, Sequence[str]]
"""Titles of panels, and the parameters whose options stand in each; others stand among the plain options."""


_METAVARS: dict[Any, str] = {int: "N", float: "X", str: "TEXT"}
"""Short ones, so that long options and their words have room on 80 columns."""


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


def add(app: typer.Typer, name: str, function: str, about: str, panels: Panels, among: str) -> None:
    """Add a command to a door.

    `function` is its place, `package.module:name`; `about` the first sentence of its help, which the list of commands
    shows without it; `among` the title of its panel there. The module's SHOWN_DEFAULTS, if it has any, are shown for
    parameters whose default is that of something else.
    """

    class Later(TyperCommand):
        def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
            return _import_command(name, function, panels).make_context(info_name, args, parent, **extra)

    app.command(name, cls=Later, help=about, rich_help_panel=among)(lambda: None)


def _import_command(name: str, function: str, panels: Panels) -> Any:
    place, _, attribute = function.partition(":")
    module, alone = import_module(place), typer.Typer(add_completion=False)
    alone.command(name)(getattr(module, attribute))
    command: Any = get_command(alone)
    shown = getattr(module, "SHOWN_DEFAULTS", {})
    titles = {parameter: title for title, parameters in panels.items() for parameter in parameters}
    for parameter in command.params:
        if parameter.param_type_name != "option":
            continue
        parameter.rich_help_panel = titles.get(parameter.name, parameter.rich_help_panel)
        parameter.metavar = parameter.metavar or _METAVARS.get(parameter.type_descriptor.annotation)
        parameter.show_default = shown.get(parameter.name, parameter.show_default)
    order = [None, *panels]  # the help shows panels in the order of their first options
    command.params.sort(key=lambda one: (*order, one.rich_help_panel).index(one.rich_help_panel))
    return command


def _print_version(asked: bool) -> None:
    if not asked:
        return
    typer.echo(f"Mojigan {own_version()}")
    raise typer.Exit
