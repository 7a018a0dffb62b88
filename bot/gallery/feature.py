"""What this room brings: `/gallery`, whose pages are turned and opened."""

from __future__ import annotations

from collections.abc import Iterator

from bot.gallery.card import PageButton, PickSelect
from bot.gallery.command import gallery_group
from bot.gallery.service import GalleryService
from bot.models.library import ModelLibrary
from bot.services import Services
from bot.talk.feature import Feature


def _services(house: Services) -> Iterator[object]:
    yield GalleryService(house.database, house.get(ModelLibrary), house.clock)


GALLERY = Feature(commands=[gallery_group], buttons=[PageButton, PickSelect], services=_services)
