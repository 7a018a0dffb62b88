"""What a feature brings along. `bot/features.py` lists them; everything else follows from that list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.services import Companion, Services
from bot.talk.buttons import Pressed
from bot.talk.guard import Command
from bot.talk.interaction import Bot, Interaction
from bot.talk.texts import Texts


def _nothing(_: object) -> Iterable[Any]:
    return ()


@dataclass(frozen=True)
class Feature:
    """A thing that a person can ask for."""

    commands: Sequence[Callable[[Texts], Command]] = ()
    """What builds its commands, groups and entries in the menus of messages."""
    buttons: Sequence[type[Pressed[Any]]] = ()
    """All that the client has to know to answer presses on messages of earlier runs."""
    forms: Sequence[Callable[[Interaction], Awaitable[None]]] = ()
    """What answers forms that were filled in; each leaves those of others alone."""
    services: Callable[[Services], Iterable[object]] = _nothing
    """What it builds for the process, one after the other; each can be found by those after it."""
    companions: Callable[[Bot], Iterable[Companion]] = _nothing
    """What goes along with a login."""
