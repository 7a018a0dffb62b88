"""What this room brings: `/retrain`, the card's buttons, and a board that follows each job."""

from __future__ import annotations

from collections.abc import Iterator

from bot.models.library import ModelLibrary
from bot.models.versions import VersionService
from bot.retraining.board import DiscordBoard
from bot.retraining.card import JobButton
from bot.retraining.command import retrain_command
from bot.retraining.service import RetrainService
from bot.services import Services
from bot.talk.feature import Feature


def _services(house: Services) -> Iterator[object]:
    library, versions = house.get(ModelLibrary), house.get(VersionService)
    yield RetrainService(house.settings, house.database, library, versions, house.clock)


RETRAINING = Feature(
    commands=[retrain_command],
    buttons=[JobButton],
    services=_services,
    companions=lambda client: [DiscordBoard(client)],
)
