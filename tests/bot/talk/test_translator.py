"""Names and descriptions of all commands in all languages, by Discord's rules; texts name them as people see them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.client import Mojigan
from bot.clock import clock
from bot.daily.times import read_time, read_weekdays
from bot.db.session import Database
from bot.features import furnish
from bot.services import Services
from bot.talk.texts import SOURCE_LOCALE, Texts
from bot.talk.translator import FAMILIES, CommandTranslator
from tests.bot.talk.test_texts import ENGLISH, TEXTS, discord_length, placeholders
from tests.bot.world import World, settings_for

OTHERS = sorted(set(TEXTS.languages) - {SOURCE_LOCALE})
SLASH_NAME = re.compile(r"[-_'\w]{1,32}")
LONGEST, LONGEST_COMMAND = 100, 8000
MENTION = re.compile(r"(?<![\w/:.])/([\w-]+)(?: ([\w-]+))?")

Payload = dict[str, Any]


@pytest.fixture(scope="module")
def payloads(tmp_path_factory: pytest.TempPathFactory) -> list[Payload]:
    """What Discord is told about each command."""

    async def write() -> list[Payload]:
        folder = tmp_path_factory.mktemp("commands")
        settings = settings_for(Path(), folder)
        database = Database(settings.database_url)
        tree = Mojigan(furnish(Services(settings, database, clock)), serving=False).tree
        translator = CommandTranslator(TEXTS)
        return [await command.get_translated_payload(tree, translator) for command in tree.get_commands()]

    return asyncio.run(write())


def walk(nodes: list[Payload]) -> Iterator[Payload]:
    """Commands, subcommands, options and choices."""
    for node in nodes:
        yield node
        yield from walk(node.get("options", []))
        yield from walk(node.get("choices", []))


def is_menu(node: Payload) -> bool:
    """Whether it is an entry in the menu of a message or a person: the only thing with a name of several words."""
    return "description" not in node and "value" not in node


def test_each_name_and_description_has_a_translation(payloads: list[Payload]) -> None:
    for node in walk(payloads):
        if "value" in node and not re.search("[A-Za-z]", node["name"]):
            continue  # a choice such as 4 is the same everywhere
        assert sorted(node["name_localizations"]) == OTHERS, f"name.{node['name']}"
        if "description" in node:
            assert sorted(node["description_localizations"]) == OTHERS, node["description"]


def test_names_follow_the_rules_of_discord(payloads: list[Payload]) -> None:
    for node in walk(payloads):
        for name in (node["name"], *node.get("name_localizations", {}).values()):
            if "value" in node:
                assert discord_length(name) <= LONGEST
            elif is_menu(node):
                assert discord_length(name) <= 32
            else:
                assert SLASH_NAME.fullmatch(name), name
                assert name == name.lower()
        for text in (node.get("description", ""), *node.get("description_localizations", {}).values()):
            assert discord_length(text) <= LONGEST, text


@pytest.mark.parametrize("locale", OTHERS)
def test_no_two_siblings_have_the_same_name(payloads: list[Payload], locale: str) -> None:
    families = [[node for node in payloads if is_menu(node) is menus] for menus in (False, True)]
    families += [node["options"] for node in walk(payloads) if node.get("options")]
    for family in families:
        names = [node.get("name_localizations", {}).get(locale, node["name"]) for node in family]
        assert len(set(names)) == len(names), names


def test_no_command_is_too_large_for_discord(payloads: list[Payload]) -> None:
    for command in payloads:
        size = 0
        for node in walk([command]):
            for field in ("name", "description"):
                texts = [node.get(field, ""), *node.get(f"{field}_localizations", {}).values()]
                size += max(map(discord_length, texts))
            size += discord_length(str(node.get("value", "")))
        assert size <= LONGEST_COMMAND, command["name"]


def test_each_name_that_has_a_text_is_used(payloads: list[Payload]) -> None:
    names = {node["name"] for node in walk(payloads) if "value" not in node and not is_menu(node)}
    assert {key.removeprefix("name.") for key in ENGLISH if key.startswith("name.")} == names


@pytest.mark.parametrize("locale", OTHERS)
def test_the_same_words_are_translated_in_the_same_way(locale: str) -> None:
    language = TEXTS.languages[locale]
    seen: dict[str, str] = {}
    for key, text in ENGLISH.items():
        if key.startswith(FAMILIES):
            assert seen.setdefault(text, language[key]) == language[key], key


@pytest.mark.parametrize("locale", TEXTS.languages)
def test_texts_name_commands_that_people_see(payloads: list[Payload], locale: str) -> None:
    paths = {}
    for command in payloads:
        name = command["name_localizations"].get(locale, command["name"])
        paths[name] = {
            option["name_localizations"].get(locale, option["name"])
            for option in command.get("options", [])
            if option["type"] == discord.AppCommandOptionType.subcommand.value
        }
    for key, text in TEXTS.languages[locale].items():
        mentions = [match.groups() for match in MENTION.finditer(text)]
        assert len(mentions) == len(MENTION.findall(ENGLISH[key])), key
        for name, child in mentions:
            assert name in paths, f"{key}: /{name}"
            assert not paths[name] or child is None or child in paths[name], f"{key}: /{name} {child}"


def test_placeholders_are_no_words_of_commands() -> None:
    assert not any(placeholders(text) for key, text in ENGLISH.items() if key.startswith(FAMILIES))


@pytest.mark.parametrize(
    ("locale", "typed", "days"),
    [
        ("de", "mo-fr", {0, 1, 2, 3, 4}),
        ("de", "sa so", {5, 6}),
        ("de", "jeden Tag", set(range(7))),
        ("fr", "lun-ven", {0, 1, 2, 3, 4}),
        ("fr", "sam dim", {5, 6}),
        ("fr", "tous les jours", set(range(7))),
        ("ja", "月-金", {0, 1, 2, 3, 4}),
        ("ja", "月\uff5e金", {0, 1, 2, 3, 4}),
        ("ja", "土\u3000日", {5, 6}),
        ("ja", "土、日", {5, 6}),
        ("ja", "毎日", set(range(7))),
        ("ja", "mon-fri", {0, 1, 2, 3, 4}),
    ],
)
def test_the_days_that_the_texts_suggest_are_understood(locale: str, typed: str, days: set[int]) -> None:
    assert read_weekdays(typed, TEXTS, locale) == days


@pytest.mark.parametrize("typed", ["18h30", "18:30", "\uff11\uff18\uff1a\uff13\uff10"])
def test_the_times_that_the_texts_suggest_are_understood(typed: str) -> None:
    assert f"{read_time(typed, TEXTS, 'ja'):%H:%M}" == "18:30"


async def test_a_changed_translation_is_sent_again(world: World) -> None:
    world.client.texts = Texts({**TEXTS.languages, "de": {**TEXTS.languages["de"], "name.icon": "bildchen"}})
    assert await world.client.sync_commands()
    assert not await world.client.sync_commands()
