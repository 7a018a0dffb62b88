"""What this room brings: `/morph`."""

from __future__ import annotations

from bot.icons.service import IconService
from bot.models.library import ModelLibrary
from bot.morph.card import FramesButton
from bot.morph.command import morph_command
from bot.morph.service import MorphService
from bot.talk.feature import Feature

MORPH = Feature(
    commands=[morph_command],
    buttons=[FramesButton],
    services=lambda house: [MorphService(house.get(ModelLibrary), house.get(IconService))],
)
