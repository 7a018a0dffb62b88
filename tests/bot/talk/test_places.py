"""What SimCord does not know of: people who installed the bot for themselves, threads, other languages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from bot.talk.places import answer_locale, check_place
from bot.talk.refusals import Refusal

SERVER = 77


def asked(
    permissions: discord.Permissions, *, member: bool, channel: object = None, guild_id: int | None = SERVER
) -> Any:
    """An interaction, as far as the check looks at it."""
    client = SimpleNamespace(get_guild=lambda number: object() if member and number == SERVER else None)
    return SimpleNamespace(
        client=client, guild_id=guild_id, channel=channel, app_permissions=permissions, extras={}, guild=None
    )


def missing(interaction: Any) -> tuple[str, ...]:
    """The permissions that are named as missing."""
    try:
        check_place(interaction)
    except Refusal as refusal:
        return cast("tuple[str, ...]", refusal.parameters["permissions"])
    return ()


def test_installed_for_a_person_it_needs_to_attach_files_only() -> None:
    assert missing(asked(discord.Permissions(attach_files=True), member=False)) == ()
    assert missing(asked(discord.Permissions(send_messages=True), member=False)) == ("attach_files",)


def test_as_a_member_it_needs_to_see_and_to_write() -> None:
    assert missing(asked(discord.Permissions(attach_files=True), member=True)) == ("read_messages", "send_messages")


def test_in_a_thread_it_needs_the_permission_for_threads() -> None:
    thread = object.__new__(discord.Thread)
    given = discord.Permissions(attach_files=True, view_channel=True, send_messages=True)
    assert missing(asked(given, member=True, channel=thread)) == ("send_messages_in_threads",)
    given.update(send_messages_in_threads=True, send_messages=False)
    assert missing(asked(given, member=True, channel=thread)) == ()


def test_in_a_direct_message_nothing_is_needed() -> None:
    assert missing(asked(discord.Permissions.none(), member=False, guild_id=None)) == ()


@pytest.mark.parametrize(
    ("server", "spoken"), [(discord.Locale.japanese, "ja"), (discord.Locale.german, "de"), (None, "fr")]
)
def test_an_answer_that_all_see_speaks_the_language_of_the_server(server: discord.Locale | None, spoken: str) -> None:
    interaction: Any = SimpleNamespace(guild_locale=server, locale=discord.Locale.french, extras={})
    assert answer_locale(interaction) == spoken
