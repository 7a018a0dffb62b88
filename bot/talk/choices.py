"""What is offered while somebody types: as much as Discord shows of it."""

from __future__ import annotations

from collections.abc import Iterable

from discord import app_commands

from bot.talk.fitting import CHOICES, LABEL, fit


def offer(typed: str, known: Iterable[tuple[str, str]]) -> list[app_commands.Choice[str]]:
    """Of known labels and values, those whose label holds what was typed."""
    wanted = typed.strip().casefold()
    choices = [
        app_commands.Choice(name=fit(label, LABEL), value=value) for label, value in known if wanted in label.casefold()
    ]
    return choices[:CHOICES]
