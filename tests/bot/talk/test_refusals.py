"""What is refused has a text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bot.icons import service as icons_module
from bot.models.library import ModelGoneError
from bot.talk.refusals import ServiceError


def test_every_refusal_has_a_text() -> None:
    texts = json.loads((Path(icons_module.__file__).parents[1] / "talk" / "locales" / "en.json").read_text("utf-8"))

    def kinds(error: type[ServiceError]) -> Sequence[type[ServiceError]]:
        return [error, *(kind for below in error.__subclasses__() for kind in kinds(below))]

    for kind in kinds(ServiceError):
        assert kind.key in texts
    assert len({kind.key for kind in kinds(ServiceError)}) == len(kinds(ServiceError))
    assert "{version}" in texts[ModelGoneError.key]
