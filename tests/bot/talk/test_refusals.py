"""What is refused has a text."""

from __future__ import annotations

from collections.abc import Sequence

import bot.features  # noqa: F401 - brings all refusals along
from bot.models.library import ModelGoneError
from bot.talk.refusals import ServiceError
from bot.talk.texts import SOURCE_LOCALE, Texts


def test_every_refusal_has_a_text() -> None:
    texts = Texts.load().languages[SOURCE_LOCALE]

    def kinds(error: type[ServiceError]) -> Sequence[type[ServiceError]]:
        return [error, *(kind for below in error.__subclasses__() for kind in kinds(below))]

    for kind in kinds(ServiceError):
        assert kind.key in texts
    assert len({kind.key for kind in kinds(ServiceError)}) == len(kinds(ServiceError))
    assert "{version}" in texts[ModelGoneError.key]
