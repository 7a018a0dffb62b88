"""The one place that decides which channels' icons an answer may show: those that all who will see the answer can see.

It is an allow list. What the bot does not know for certain is not in it: a channel that is gone, a thread that was
archived, who is in a private thread, a server that it is no member of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import TypeAlias

import discord

from bot.talk.interaction import Interaction, home

Place: TypeAlias = discord.TextChannel | discord.ForumChannel
"""What has permissions of its own and icons in it, or in threads of it. In voice channels, reading has other rules."""

Say: TypeAlias = bool | None
"""What an overwrite says of viewing a channel: allowed, denied, nothing."""


def in_sight(interaction: Interaction, *, private: bool) -> frozenset[int]:
    """The channels and threads whose icons an answer to this interaction may show.

    `private`: the person alone will see it; otherwise everybody who can read the channel that it is given in.
    """
    guild, here = home(interaction), interaction.channel_id
    if not private:
        return open_to_readers(guild, here)
    person = interaction.user
    found = set() if here is None else {here}
    if guild is not None and isinstance(person, discord.Member):
        found |= {id_ for place, id_ in _known(guild) if place.permissions_for(person).view_channel}
    return frozenset(found)


def open_to_readers(guild: discord.Guild | None, channel_id: int | None) -> frozenset[int]:
    """The channels and threads that everybody can see who can see this one, whoever that may be."""
    found = set() if channel_id is None else {channel_id}
    here = None if guild is None or channel_id is None else guild.get_channel_or_thread(channel_id)
    place = here.parent if isinstance(here, discord.Thread) else here
    if guild is not None and isinstance(place, Place):
        mine, verdicts = _rules(place), dict[int, bool]()
        for there, id_ in _known(guild):
            if there.id not in verdicts:
                verdicts[there.id] = _includes(_rules(there), mine, guild)
            if verdicts[there.id]:
                found.add(id_)
    return frozenset(found)


def _known(guild: discord.Guild) -> Iterator[tuple[Place, int]]:
    """Each channel and public thread that is known: the channel whose permissions count, and the id."""
    channels: list[Place] = [*guild.text_channels, *guild.forums]
    yield from ((channel, channel.id) for channel in channels)
    for thread in guild.threads:
        if isinstance(thread.parent, Place) and not thread.is_private():
            yield thread.parent, thread.id


@dataclass(frozen=True)
class _Rules:
    """Who can view a channel, by its overwrites; those of this bot and of other bots' roles let no person in."""

    everyone: Say
    others: Mapping[int, Say]
    """By the id of a role or a member."""
    members: frozenset[int]
    """Which of these are members."""


def _rules(place: Place) -> _Rules:
    found, members = dict[int, Say](), set[int]()
    me: discord.Member | None = place.guild.me
    for target, overwrite in place.overwrites.items():
        if target == me or (isinstance(target, discord.Role) and target.is_bot_managed()):
            continue
        found[target.id] = overwrite.view_channel
        kind = target.type if isinstance(target, discord.Object) else type(target)
        if not issubclass(kind, discord.Role):
            members.add(target.id)
    return _Rules(found.pop(place.guild.id, None), found, frozenset(members))


def _includes(there: _Rules, here: _Rules, guild: discord.Guild) -> bool:
    """Whether everybody who can see `here` can see `there`, whatever roles they have.

    Discord adds the roles' permissions up, then applies the overwrites of everyone, of all roles (allowing counts more)
    and of the member. Somebody who sees one channel and not the other needs at most two roles for that: one that is
    denied there, and one that lets them in here. So it is enough to try all pairs of roles that differ.
    """
    if there == here:
        return True
    by_default = guild.default_role.permissions.view_channel
    grants = dict.fromkeys(there.others.keys() | here.others.keys(), False)  # also those that are not remembered
    grants |= {role.id: role.permissions.view_channel for role in guild.roles if not role.is_bot_managed()}
    sees_all = {role.id for role in guild.roles if role.permissions.administrator}
    people = there.members | here.members
    roles = {
        (there.others.get(role), here.others.get(role), granted)
        for role, granted in grants.items()
        if role not in people and role not in sees_all and role != guild.id
    }
    members = {(there.others.get(each), here.others.get(each)) for each in people}
    nothing = (None, None, False)
    for pair, (said_there, said_here) in product(
        combinations_with_replacement({nothing, *roles}, 2), {(None, None), *members}
    ):
        granted = by_default or any(each for _, _, each in pair)
        if _sees(here.everyone, [each for _, each, _ in pair], said_here, granted=granted) and not _sees(
            there.everyone, [each for each, _, _ in pair], said_there, granted=granted
        ):
            return False
    return True


def _sees(everyone: Say, roles: list[Say], member: Say, *, granted: bool) -> bool:
    """Discord's rules for one permission of somebody who is no administrator and not the owner."""
    found = granted if everyone is None else everyone
    if any(roles):
        found = True
    elif False in roles:
        found = False
    return found if member is None else member
