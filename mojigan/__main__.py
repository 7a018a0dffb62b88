"""The door to all doors, installed as the command `mojigan`.

mojigan preview                       what `python -m bot preview` is
mojigan icon --seed 42                what `python -m generator icon` is
mojigan train fit --icons ./my-icons  what `python -m train fit` is
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

from generator.door import new_door
from generator.streams import plain_streams

# A door is imported when it is asked for: help waits for no torch, and the bot's commands load no training.

TRAINING = "train"

DOORS = {
    "bot": {
        "preview": "Try the bot without Discord, in a page of the browser.",
        "run": "Join Discord and serve.",
        "check": "Say what is wrong, one line each.",
        "sync": "Tell Discord about the commands, if they changed.",
        "db": "Look after the database.",
    },
    "generator": {
        "icon": "Draw an icon.",
        "grid": "Draw a sheet of icons.",
        "morph": "Draw an animated walk from one icon to another.",
        "attention": "Draw what attention sees.",
        "export": "Draw many icons in their own size, to train on.",
        "neighbors": "Show an icon beside its nearest training icons.",
        "invert": "Find the icon that is most like a picture.",
        "info": "Say what a bundle is, and how good.",
    },
    "train": {TRAINING: "From a folder of icons to a model: `mojigan train --help` lists how."},
}
"""The commands of each door, with a sentence; training is a door within the door."""

PANELS = {"bot": "The bot", "generator": "Pictures without Discord", "train": "A model of your own"}

app = new_door("Mojigan: a Discord bot that posts icons nobody has drawn.")


class _Forwarded(TyperCommand):
    """A command whose words, options and -- among them, are left to its door."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = list(args)
        return []


def _forward(door: str, name: str) -> None:
    def command(context: typer.Context) -> None:
        own = [] if name == TRAINING else [name]
        prog = f"mojigan {TRAINING}" if name == TRAINING else "mojigan"
        import_module(f"{door}.__main__").app(args=[*own, *context.args], prog_name=prog)

    app.command(name, cls=_Forwarded, help=DOORS[door][name], rich_help_panel=PANELS[door])(command)


for _door, _commands in DOORS.items():
    for _name in _commands:
        _forward(_door, _name)


def main() -> None:
    """Run the command `mojigan`."""
    plain_streams()
    app(prog_name="mojigan", args=sys.argv[1:])


if __name__ == "__main__":
    main()
