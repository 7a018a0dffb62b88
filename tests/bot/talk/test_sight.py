"""Who may see what: any server that Discord can describe, against discord.py's own sum of permissions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.talk.sight import in_sight, open_to_readers

SERVER, OWNER, ME, UNKNOWN = 1, 2, 7, 99
FORGOTTEN = 14
"""A role that people have, and that the bot does not remember."""
ROLES, MEMBERS, CHANNELS, THREADS = (11, 12, 13), (21, 22), (31, 32, 33), (41, 42)
VIEW, ADMIN = discord.Permissions(view_channel=True).value, discord.Permissions(administrator=True).value
TEXT, VOICE, NEWS, FORUM, PUBLIC_THREAD, PRIVATE_THREAD = 0, 2, 5, 15, 11, 12

overwrite = st.sampled_from([(0, 0), (VIEW, 0), (0, VIEW)])
overwrites = st.dictionaries(st.sampled_from([SERVER, *ROLES, *MEMBERS, FORGOTTEN]), overwrite, max_size=4)


@st.composite
def servers(draw: st.DrawFn) -> discord.Guild:
    """A server with roles, channels of all kinds and threads, some of them private, some without their channel."""
    permissions = [draw(st.sampled_from([0, VIEW])), *(draw(st.sampled_from([0, 0, VIEW, ADMIN])) for _ in ROLES)]
    channels = [
        {"id": each, "type": draw(st.sampled_from([TEXT, TEXT, NEWS, FORUM, VOICE])), "rules": draw(overwrites)}
        for each in CHANNELS
    ]
    threads = [
        (each, draw(st.sampled_from([*CHANNELS, UNKNOWN])), draw(st.sampled_from([PUBLIC_THREAD, PRIVATE_THREAD])))
        for each in THREADS
    ]
    return server(permissions, channels, threads)


def server(permissions: list[int], channels: list[Any], threads: list[tuple[int, int, int]]) -> discord.Guild:
    """As the gateway describes it."""
    state = discord.Client(intents=discord.Intents(guilds=True))._connection
    state.user = SimpleNamespace(id=ME)  # type: ignore[assignment]
    roles = [
        {"id": str(each), "name": "", "permissions": str(granted), "position": place}
        for place, (each, granted) in enumerate(zip((SERVER, *ROLES), permissions, strict=True))
    ]
    described: Any = {
        "id": str(SERVER),
        "name": "",
        "owner_id": str(OWNER),
        "roles": roles,
        "channels": [
            {
                "id": str(each["id"]),
                "type": each["type"],
                "name": "",
                "position": 0,
                "bitrate": 1,
                "user_limit": 0,
                "permission_overwrites": [
                    {"id": str(target), "type": int(target in (*MEMBERS, ME)), "allow": str(allow), "deny": str(deny)}
                    for target, (allow, deny) in each["rules"].items()
                ],
            }
            for each in channels
        ],
        "threads": [thread(*each) for each in threads],
        "members": [{"user": user(ME), "roles": [], "joined_at": None, "flags": 0}],
    }
    return discord.Guild(data=described, state=state)


def thread(id_: int, parent: int, kind: int) -> dict[str, Any]:
    about = {"archived": False, "auto_archive_duration": 60, "archive_timestamp": "2026-01-01T00:00:00+00:00"}
    counts = {"message_count": 0, "member_count": 0, "rate_limit_per_user": 0}
    return {
        "id": str(id_),
        "parent_id": str(parent),
        "owner_id": "5",
        "name": "",
        "type": kind,
        "guild_id": str(SERVER),
        "thread_metadata": about,
        **counts,
    }


def user(id_: int) -> dict[str, Any]:
    return {"id": str(id_), "username": "", "discriminator": "0", "avatar": None}


def people(guild: discord.Guild) -> Iterator[discord.Member]:
    """Everybody there can be: each set of roles, for those with overwrites of their own and for others."""
    known = (*ROLES, FORGOTTEN)
    for roles in chain.from_iterable(combinations(known, count) for count in range(len(known) + 1)):
        for each in (*MEMBERS, 29, OWNER):
            data: Any = {"user": user(each), "roles": [str(role) for role in roles], "joined_at": None, "flags": 0}
            yield discord.Member(data=data, guild=guild, state=guild._state)


def place_of(guild: discord.Guild, id_: int) -> Any:
    """The channel whose permissions count, where there is one that is known."""
    found = guild.get_channel_or_thread(id_)
    return found.parent if isinstance(found, discord.Thread) else found


def is_open(guild: discord.Guild, id_: int) -> bool:
    """Whether it is a text channel, a forum or a public thread of one, and known."""
    found = guild.get_channel_or_thread(id_)
    if isinstance(found, discord.Thread) and found.is_private():
        return False
    return isinstance(place_of(guild, id_), discord.TextChannel | discord.ForumChannel)


@settings(max_examples=100, deadline=None)
@given(servers(), st.sampled_from([*CHANNELS, *THREADS, UNKNOWN]))
def test_a_public_answer_shows_what_each_of_its_readers_can_see_and_all_of_that(
    guild: discord.Guild, here: int
) -> None:
    shown, place = open_to_readers(guild, here), place_of(guild, here)
    assert here in shown
    if not isinstance(place, discord.TextChannel | discord.ForumChannel):
        assert shown == {here}
        return
    readers = [each for each in people(guild) if place.permissions_for(each).view_channel]
    for there in {*CHANNELS, *THREADS, UNKNOWN} - {here}:
        expected = is_open(guild, there) and all(
            place_of(guild, there).permissions_for(each).view_channel for each in readers
        )
        assert (there in shown) is expected


@settings(max_examples=40, deadline=None)
@given(servers(), st.sampled_from([*CHANNELS, *THREADS, UNKNOWN]), st.integers(0, 63))
def test_a_private_answer_shows_what_its_reader_can_see(guild: discord.Guild, here: int, number: int) -> None:
    member = list(people(guild))[number]
    interaction: Any = SimpleNamespace(
        guild_id=SERVER, channel_id=here, user=member, client=SimpleNamespace(get_guild=lambda _: guild)
    )
    shown = in_sight(interaction, private=True)
    for there in {*CHANNELS, *THREADS, UNKNOWN} - {here}:
        expected = is_open(guild, there) and place_of(guild, there).permissions_for(member).view_channel
        assert (there in shown) is expected
    assert here in shown
    assert in_sight(interaction, private=False) == open_to_readers(guild, here)


@pytest.mark.parametrize("private", [True, False])
def test_where_the_server_is_not_known_only_the_place_itself_is_in_sight(private: bool) -> None:
    outage: Any = {"id": "1", "unavailable": True}
    empty = discord.Guild(data=outage, state=discord.Client(intents=discord.Intents.none())._connection)
    member = SimpleNamespace(id=5)
    for guild in (None, empty):
        interaction: Any = SimpleNamespace(
            guild_id=SERVER, channel_id=31, user=member, client=SimpleNamespace(get_guild=lambda _, g=guild: g)
        )
        assert in_sight(interaction, private=private) == {31}
    nowhere: Any = SimpleNamespace(guild_id=None, channel_id=None, user=member, client=None)
    assert in_sight(nowhere, private=private) == frozenset()


def test_the_overwrites_of_bots_let_nobody_in() -> None:
    """A channel that bots were added to is as open as it was before."""
    channels = [
        {"id": 31, "type": TEXT, "rules": {SERVER: (0, VIEW), 11: (VIEW, 0), 12: (VIEW, 0), ME: (VIEW, 0)}},
        {"id": 32, "type": TEXT, "rules": {SERVER: (0, VIEW), 11: (VIEW, 0)}},
    ]
    guild = server([VIEW, 0, 0, 0], channels, [])
    assert open_to_readers(guild, 31) == {31}
    bots = guild.get_role(12)
    assert bots is not None
    bots.tags = discord.RoleTags({"bot_id": 7})
    assert open_to_readers(guild, 31) == {31, 32}


@pytest.mark.parametrize(
    ("here", "there", "shown"),
    [
        ({11: (VIEW, 0)}, {11: (VIEW, 0), 21: (0, VIEW)}, False),  # a member is denied, whatever roles let in
        ({11: (VIEW, 0), 21: (0, VIEW)}, {11: (VIEW, 0)}, True),
        ({11: (VIEW, 0), 21: (VIEW, 0)}, {11: (VIEW, 0)}, False),
        ({11: (VIEW, 0), 12: (VIEW, 0)}, {11: (VIEW, 0)}, False),
        ({11: (VIEW, 0)}, {11: (VIEW, 0), 12: (0, VIEW)}, True),  # among roles, allowing counts more
        ({11: (VIEW, 0)}, {FORGOTTEN: (VIEW, 0)}, False),
        ({11: (VIEW, 0)}, {ME: (VIEW, 0), 12: (0, VIEW), 11: (0, VIEW)}, False),
        ({SERVER: (VIEW, 0)}, {ME: (VIEW, 0), SERVER: (VIEW, 0), FORGOTTEN: (0, VIEW)}, False),
        ({SERVER: (VIEW, 0)}, {SERVER: (VIEW, 0), ME: (0, VIEW)}, True),
    ],
)
def test_cases_that_chance_rarely_meets(here: dict[int, Any], there: dict[int, Any], shown: bool) -> None:
    channels = [{"id": 31, "type": TEXT, "rules": here}, {"id": 32, "type": TEXT, "rules": there}]
    assert (32 in open_to_readers(server([0, 0, 0, 0], channels, []), 31)) is shown
