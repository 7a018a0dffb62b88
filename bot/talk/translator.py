"""Discord's side of the texts: names and descriptions of commands, options and choices in the person's language.

A command is written with its English texts; discord.py hands each of them to the translator, which knows its key.
"""

from __future__ import annotations

from discord import Locale, app_commands

from bot.talk.texts import SOURCE_LOCALE, Texts

FAMILIES = ("name.", "command.", "menu.", "choice.")
"""The beginnings of the keys whose texts Discord shows before a command runs."""


class CommandTranslator(app_commands.Translator):
    """Finds the translation of an English text by its key. Equal English texts have equal translations: a test sees."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._keys = {text: key for key, text in texts.languages[SOURCE_LOCALE].items() if key.startswith(FAMILIES)}

    async def translate(
        self, string: app_commands.locale_str, locale: Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        """The text in the language of `locale`; None where English stands: that is sent in any case."""
        key = string.extras.get("key") or self._keys.get(string.message)
        return None if key is None else self._texts.find(key, locale.value)

    def say(self, english: str, locale: str) -> str:
        """A name or description of a command, in the language of a Discord locale."""
        key = self._keys.get(english)
        return english if key is None else self._texts.say(key, locale)
