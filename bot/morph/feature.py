"""What this room brings: `/morph`."""

from __future__ import annotations

from collections.abc import Iterator

from bot.icons.service import IconService
from bot.models.library import ModelLibrary
from bot.morph.command import morph_command
from bot.morph.service import MorphService
from bot.services import Services
from bot.talk.feature import Feature


def _services(house: Services) -> Iterator[object]:
    yield MorphService(house.get(ModelLibrary), house.get(IconService))


MORPH = Feature(commands=[morph_command], services=_services)
