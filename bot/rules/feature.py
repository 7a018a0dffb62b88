"""What this room brings: `/settings`, and the guard that holds every answer to them."""

from __future__ import annotations

from collections.abc import Iterator

from bot.rules.card import SettingControl
from bot.rules.command import settings_command
from bot.services import Services
from bot.talk.access import AccessService
from bot.talk.brakes import Burst, Cooldown
from bot.talk.feature import Feature
from bot.talk.guard import Guard


def _services(house: Services) -> Iterator[object]:
    access = AccessService(house.database, house.clock, house.settings.quota)
    yield access
    yield Guard(access, Cooldown())
    yield Burst()


RULES = Feature(commands=[settings_command], buttons=[SettingControl], services=_services)
