"""The texts: none missing, none left over, none too long for its place."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import discord
import pytest

import bot
from bot.talk.texts import SOURCE_LOCALE, Texts

TEXTS = Texts.load()
ENGLISH = TEXTS.languages[SOURCE_LOCALE]
KEY = re.compile(r"[a-z]+(\.[a-z_]+)+")
LIMITS = {
    "command.": 100,
    "choice.": 100,
    "name.": 32,
    "menu.": 32,
    "button.": 80,
    "select.": 100,
    "option.": 100,
    "modal.": 45,
    "error.": 2000,
    "icon.alt": 1024,
    "neighbors.alt": 1024,
    "morph.alt": 1024,
    "gallery.alt": 1024 - 9 * 65,
    "gallery.option": 100,
    "icon.model_choice": 100,
    "neighbors.picture_alt": 1024,
}
"""Characters that Discord takes, by the beginning of the key."""

FILLING = {"seed": "x" * 20, "id": "abcdef", "permissions": "Send Messages, Attach Files, View Channel"}


def placeholders(text: str) -> set[str]:
    """The names of a text's placeholders."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def discord_length(text: str) -> int:
    """UTF-16 units: the client counts them, and a limit that holds for them holds for characters too."""
    return len(text.encode("utf-16-le")) // 2


def used_keys() -> set[str]:
    """All constants in the bot's source that look like the key of a text."""
    families = {key.partition(".")[0] for key in ENGLISH}
    found = set()
    for file in Path(bot.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            constant = node.value if isinstance(node, ast.Constant) else None
            if isinstance(constant, str) and KEY.fullmatch(constant) and constant.partition(".")[0] in families:
                found.add(constant)
    return found


def test_each_key_that_is_used_has_a_text_and_each_text_is_used() -> None:
    built = ("permission.", "name.")  # from discord.py's names; from the commands themselves
    fixed = {key for key in ENGLISH if not key.startswith(built)}
    assert used_keys() == fixed


def test_permissions_are_named_as_discord_py_does() -> None:
    names = {key.removeprefix("permission.") for key in ENGLISH if key.startswith("permission.")}
    assert names <= {name for name, _ in discord.Permissions()}  # without its aliases, such as view_channel


@pytest.mark.parametrize("locale", sorted(TEXTS.languages))
def test_each_language_is_whole_and_has_the_same_placeholders(locale: str) -> None:
    language = TEXTS.languages[locale]
    assert set(language) == set(ENGLISH)
    assert {key: placeholders(text) for key, text in language.items()} == {
        key: placeholders(text) for key, text in ENGLISH.items()
    }


@pytest.mark.parametrize("locale", sorted(TEXTS.languages))
def test_no_text_is_too_long_for_its_place(locale: str) -> None:
    for key, text in TEXTS.languages[locale].items():
        filled = text.format(**{name: FILLING.get(name, "9" * 20) for name in placeholders(text)})
        limit = next((limit for start, limit in LIMITS.items() if key.startswith(start)), 4000)
        assert 0 < discord_length(filled) <= limit, key


def test_a_language_is_found_by_its_locale_and_english_stands_in() -> None:
    texts = Texts({"en": {"a": "cat {n}", "b": "dog"}, "de": {"a": "Katze {n}"}, "pt-BR": {"a": "gato {n}"}})
    assert texts.say("a", "de", n=1) == "Katze 1"
    assert texts.say("a", "pt-BR", n="{n}") == "gato {n}"
    assert texts.say("a", "en-GB", n=3) == "cat 3"
    assert texts.say("a", "ja", n=3) == "cat 3"
    assert texts.say("b", "de") == "dog"
    with pytest.raises(KeyError, match="c"):
        texts.say("c")


def test_permissions_are_listed_by_their_names() -> None:
    assert TEXTS.permissions(["attach_files", "ban_members"]) == "Attach Files, ban members"
