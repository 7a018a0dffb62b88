"""What this room brings: `/privacy`, and the forgetting of servers that the bot was removed from."""

from __future__ import annotations

from bot.privacy.card import PrivacyButton
from bot.privacy.command import privacy_command
from bot.privacy.departures import DepartureService
from bot.privacy.service import PrivacyService
from bot.talk.feature import Feature

PRIVACY = Feature(
    commands=[privacy_command],
    buttons=[PrivacyButton],
    services=lambda house: [
        PrivacyService(house.database, house.clock),
        DepartureService(house.database, house.clock),
    ],
    companions=lambda client: [client.service(DepartureService)],
)
