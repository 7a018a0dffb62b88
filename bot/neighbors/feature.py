"""What this room brings: `/neighbors`, the same in the menu of a message, and the button below an icon."""

from __future__ import annotations

from collections.abc import Iterator

from bot.icons.pictures import PictureReader
from bot.icons.service import IconService
from bot.models.library import ModelLibrary
from bot.neighbors.card import NeighborsButton
from bot.neighbors.command import neighbors_command, neighbors_menu
from bot.neighbors.service import NeighborService
from bot.services import Services
from bot.talk.feature import Feature


def _services(house: Services) -> Iterator[object]:
    yield NeighborService(house.get(ModelLibrary), house.get(IconService), house.get(PictureReader))


NEIGHBORS = Feature(
    commands=[neighbors_command, neighbors_menu],
    buttons=[NeighborsButton],
    services=_services,
)
