"""What is turned down: each error names a text of the bot's locales by key, with its parameters. Knows no Discord."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

Parameter: TypeAlias = str | int | tuple[str, ...]


class Refusal(Exception):  # noqa: N818 - a person asked for something that is not to be had; nothing is broken
    """What an answer turns down: a text key and its parameters (a tuple stands for permissions)."""

    def __init__(self, key: str, /, **parameters: Parameter) -> None:
        super().__init__(key, parameters)
        self.key = key
        self.parameters = parameters


class ServiceError(Exception):
    """What a service turns down. `str()` is the English sentence for logs and command lines."""

    key: ClassVar[str] = "error.service"
    """The text in `bot/talk/locales`; `parameters` fill its placeholders."""

    def __init__(self, sentence: str, **parameters: str | int) -> None:
        super().__init__(sentence)
        self.parameters = parameters
