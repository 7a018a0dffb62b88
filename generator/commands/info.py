"""`info`: a bundle's card."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from generator.checkpoint import DEFAULT_BUNDLE, read_bundle
from generator.commands.shared import BundlePath, printable, sentences
from generator.files import CARD
from generator.gray import in_words
from generator.wildness import wildness_of


def info_command(
    bundle: BundlePath = DEFAULT_BUNDLE,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Show a bundle's card; a damaged bundle is refused."""
    with sentences():
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
        "started from": f"the bundle {card.started_from}" if card.started_from else "nothing",
        "icons": f"{card.data.count} from {card.data.name}, and {card.data.held_out} held out",
        "license": card.data.credit,
        "colors": in_words(model.channels, model.threshold),
        "background": card.background,
        "wildness": f"{wildness_of(card.truncation)} % (truncation {card.truncation:g})",
        **{name: f"{figure.value:.4g}  (real against real {figure.real:.4g})" for name, figure in card.metrics.items()},
        "encoder": card.encoder or "none",
        "size": f"{sum((model.path / name).stat().st_size for name in (CARD, *card.files)) / 2**20:.1f} MiB",
    }
    for name, value in rows.items():
        table.add_row(Text(printable(name), style="dim"), Text(printable(value)))
    Console().print(table)
