"""What Discord is told about the commands stays what it was, however the code behind them is arranged."""

from __future__ import annotations

import hashlib
import json

from bot.talk.translator import CommandTranslator
from tests.bot.world import World

PAYLOAD = "166cc8d22c489809ec975f8e638f6efcb5b0793200cac7707e7c009a08effa90"
"""SHA-256 over names, descriptions, options, choices, permissions and all translations, sorted. A command that is meant
to change changes it: then write the digest that the failing test shows here."""


async def test_the_payload_is_the_one_that_was_sent_before(world: World) -> None:
    tree = world.client.tree
    translator = CommandTranslator(world.client.texts)
    commands = sorted(tree.get_commands(), key=lambda command: command.name)
    payload = [await command.get_translated_payload(tree, translator) for command in commands]
    document = json.dumps(payload, sort_keys=True)
    assert hashlib.sha256(document.encode()).hexdigest() == PAYLOAD
