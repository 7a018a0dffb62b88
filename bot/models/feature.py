"""What this room brings: the library that icons are drawn with, and `/model`."""

from __future__ import annotations

from collections.abc import Iterator

from bot.models.command import FiguresButton, model_group
from bot.models.library import ModelLibrary
from bot.models.versions import VersionService
from bot.services import Services
from bot.talk.feature import Feature


def _services(house: Services) -> Iterator[object]:
    library = ModelLibrary(house.settings, house.database, house.clock, house.metrics.generation.observe)
    yield library
    yield VersionService(house.settings, house.database, library)


MODELS = Feature(commands=[model_group], buttons=[FiguresButton], services=_services)
