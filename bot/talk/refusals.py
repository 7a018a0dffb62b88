"""What a service refuses: each error names a text of the bot's locales by key, with its parameters."""

from __future__ import annotations

from typing import ClassVar


class ServiceError(Exception):
    """A refusal that a person is told about. `str()` is the English sentence for logs and command lines."""

    key: ClassVar[str] = "error.service"
    """The text in `bot/talk/locales`; `parameters` fill its placeholders."""

    def __init__(self, sentence: str, **parameters: str | int) -> None:
        super().__init__(sentence)
        self.parameters = parameters


class BusyError(ServiceError):
    """Too many icons are waiting to be drawn. No parameters."""

    key = "error.busy"


class ModelGoneError(ServiceError):
    """The model of an old message can no longer be loaded. Parameter: `version`."""

    key = "error.model_gone"


class GenerationGoneError(ServiceError):
    """There is no such icon in the database, or it was deleted. No parameters."""

    key = "error.generation_gone"


class VariationsEndError(ServiceError):
    """An icon is so many variations away from its seed that no further ones are made. No parameters."""

    key = "error.variations_end"


class NotYoursError(ServiceError):
    """Only the person who asked for an icon, or a moderator, may delete it. No parameters."""

    key = "error.not_yours"
