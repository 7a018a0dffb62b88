"""The list of features: whole, in an order in which they can be built, and each button on a card is somebody's."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

import bot
from bot import client
from bot.clock import clock
from bot.db.session import Database
from bot.features import FEATURES, furnish
from bot.services import Services
from bot.talk.feature import Feature
from tests.bot.world import settings_for

HERE = Path(bot.__file__).parent


def test_each_room_with_a_feature_is_listed() -> None:
    rooms = [
        import_module(f"bot.{file.parent.name}.feature")
        for file in HERE.glob("*/feature.py")
        if file.parent.name != "talk"
    ]
    found = [each for room in rooms for each in vars(room).values() if isinstance(each, Feature)]
    assert len(found) == len(rooms) == len(FEATURES)
    assert all(each in FEATURES for each in found)


def test_each_address_on_a_card_is_answered() -> None:
    source = "".join(file.read_text("utf-8") for file in HERE.rglob("*.py"))
    written = set(re.findall(r'\bbutton\(.*?(?:\)|\w), "(\w+)"', source)) | set(
        re.findall(r'custom_id=f"mj:(\w+):', source)
    )
    answered = {
        item.__discord_ui_compiled_template__.pattern.split(":")[1] for feature in FEATURES for item in feature.buttons
    }
    assert written == answered


def test_the_client_names_no_command_and_no_button() -> None:
    source = Path(client.__file__).read_text("utf-8")
    names = [item.__name__ for feature in FEATURES for item in feature.buttons]
    names += [build.__name__ for feature in FEATURES for build in feature.commands]
    assert [name for name in names if name in source] == []


async def test_a_service_that_nobody_brings_is_named(tmp_path: Path) -> None:
    settings = settings_for(Path(), tmp_path)
    services = furnish(Services(settings, Database(settings.database_url), clock))
    with pytest.raises(LookupError, match=r"No feature brings a Feature; bot/features\.py lists the features\."):
        services.get(Feature)
