"""What this room brings: `/mix`."""

from __future__ import annotations

from bot.icons.service import IconService
from bot.mix.command import mix_command
from bot.mix.service import MixService
from bot.models.library import ModelLibrary
from bot.talk.feature import Feature

MIX = Feature(
    commands=[mix_command],
    services=lambda house: [MixService(house.get(ModelLibrary), house.get(IconService))],
)
