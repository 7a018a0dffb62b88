"""The bot's texts: one JSON file per language in `locales/`, looked up by key, with named placeholders."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import resources

SOURCE_LOCALE = "en"
"""The language that has every text; a text that another language lacks is taken from it."""


class Texts:
    """All texts of all languages. A language is chosen by its Discord locale ("en-US", "de", "ja")."""

    def __init__(self, languages: Mapping[str, Mapping[str, str]]) -> None:
        self.languages = languages

    @classmethod
    def load(cls) -> Texts:
        """Read every file of `bot/talk/locales`."""
        folder = resources.files(__package__) / "locales"
        files = (entry for entry in folder.iterdir() if entry.name.endswith(".json"))
        return cls({entry.name.removesuffix(".json"): json.loads(entry.read_text("utf-8")) for entry in files})

    def say(self, key: str, locale: str = SOURCE_LOCALE, /, **parameters: str | int) -> str:
        """The text of a key in the language of `locale`, with its placeholders filled.

        Raises KeyError for a key that no language has, or a placeholder without a parameter.
        """
        text = self.find(key, locale)
        return (self.languages[SOURCE_LOCALE][key] if text is None else text).format(**parameters)

    def find(self, key: str, locale: str, /) -> str | None:
        """The bare text of a key in a language other than the source; None when that has none."""
        names = (locale, locale.partition("-")[0])
        found = (self.languages.get(name, {}).get(key) for name in names if name != SOURCE_LOCALE)
        return next((text for text in found if text is not None), None)

    def permissions(self, names: Iterable[str], locale: str = SOURCE_LOCALE, /) -> str:
        """Permissions by discord.py's names ("attach_files"), as Discord's settings call them, in a row."""
        known = self.languages[SOURCE_LOCALE]
        return ", ".join(
            self.say(f"permission.{name}", locale) if f"permission.{name}" in known else name.replace("_", " ")
            for name in names
        )
