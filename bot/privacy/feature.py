"""What this room brings: `/privacy`, and the forgetting of servers that the bot was removed from."""

from __future__ import annotations

from collections.abc import Iterator

from bot.privacy.card import PrivacyButton
from bot.privacy.command import privacy_command
from bot.privacy.departures import DepartureService
from bot.privacy.service import PrivacyService
from bot.services import Companion, Services
from bot.talk.feature import Feature
from bot.talk.interaction import Bot


def _services(house: Services) -> Iterator[object]:
    yield PrivacyService(house.database, house.clock)
    yield DepartureService(house.database, house.clock)


def _companions(client: Bot) -> Iterator[Companion]:
    yield client.service(DepartureService)


PRIVACY = Feature(commands=[privacy_command], buttons=[PrivacyButton], services=_services, companions=_companions)
