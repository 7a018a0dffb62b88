"""What this room brings: `/icon`, "Icon info", and the buttons below an icon, each with what it asks for."""

from __future__ import annotations

from collections.abc import Iterator

from bot.icons.buttons import AnotherButton, DeleteButton, FavoriteButton, OpenSelect, VaryButton, VoteSelect
from bot.icons.command import icon_command, info_menu
from bot.icons.download import DownloadButton
from bot.icons.favorites import FavoriteService
from bot.icons.likeness import LikenessService
from bot.icons.pictures import PictureReader
from bot.icons.service import IconService
from bot.icons.use import UseButton, answer_form
from bot.models.library import ModelLibrary
from bot.services import Services
from bot.talk.feature import Feature


def _services(house: Services) -> Iterator[object]:
    icons = IconService(house.database, house.get(ModelLibrary), house.clock, house.settings.candidates)
    yield icons
    pictures = PictureReader()
    yield pictures
    yield LikenessService(house.get(ModelLibrary), icons, pictures)
    yield FavoriteService(house.database, house.clock)


ICONS = Feature(
    commands=[icon_command, info_menu],
    buttons=[
        AnotherButton,
        VaryButton,
        OpenSelect,
        DeleteButton,
        FavoriteButton,
        VoteSelect,
        UseButton,
        DownloadButton,
    ],
    forms=[answer_form],
    services=_services,
)
