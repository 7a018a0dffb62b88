"""What this room brings: `/neighbors`, the same in the menu of a message, and the button below an icon."""

from __future__ import annotations

from collections.abc import Iterator

from bot.icons.service import IconService
from bot.models.library import ModelLibrary
from bot.neighbors.card import NeighborsButton
from bot.neighbors.command import neighbors_command, neighbors_menu
from bot.neighbors.pictures import PictureReader
from bot.neighbors.service import NeighborService
from bot.services import Services
from bot.talk.feature import Feature


def _services(house: Services) -> Iterator[object]:
    pictures = PictureReader()
    yield pictures
    yield NeighborService(house.get(ModelLibrary), house.get(IconService), pictures)


NEIGHBORS = Feature(
    commands=[neighbors_command, neighbors_menu],
    buttons=[NeighborsButton],
    services=_services,
)
