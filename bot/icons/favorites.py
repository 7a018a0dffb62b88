"""Favorites: what people hold dear counts as votes for an icon, in whichever message it stands.

An icon is a model, a seed, a variation and a truncation (`bot.icons.rows.icon_key`). A person has one vote for it in
each server, and one outside of servers; the numbers that people see are of the place that they are in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, case, delete, func, select
from sqlalchemy.orm import aliased

from bot.db.models import Favorite, Generation, ModelRecord
from bot.db.session import Database, insert_into
from bot.icons.rows import GenerationGoneError, GenerationView, Origin, Ranked, joined_views, view_of
from bot.icons.sheets import Sheet

WEEK = timedelta(days=7)

_VOTES = func.count(Favorite.user_id.distinct())


class FavoriteService:
    """Counts votes, one for each person and icon."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def toggle(self, generation_id: int, where: Origin, *, private: bool) -> tuple[bool, int]:
        """Mark an icon as a person's favorite, or take the mark away: whether it is one now, and its votes here.

        In an answer for the person alone, a mark that was made elsewhere counts as well. What is taken away is taken
        away everywhere. Raises GenerationGoneError.
        """
        async with self._database.write() as session:
            icon = await session.scalar(select(Generation.icon).where(Generation.id == generation_id))
            if icon is None:
                raise GenerationGoneError(f"There is no icon {generation_id}.")
            mine = (Favorite.icon == icon) & (Favorite.user_id == where.user_id)
            here = mine if private or where.guild_id is None else mine & (Favorite.guild_id == where.guild_id)
            marked = await session.scalar(select(Favorite.id).where(here).limit(1)) is not None
            if marked:
                await session.execute(delete(Favorite).where(mine))
            else:
                row = {
                    "icon": icon,
                    "generation_id": generation_id,
                    "user_id": where.user_id,
                    "guild_id": where.guild_id,
                    "created_at": self._clock(),
                }
                await session.execute(insert_into(session, Favorite).values(row).on_conflict_do_nothing())
            votes = await session.scalar(select(_VOTES).where(Favorite.icon == icon, _here(where)))
        return not marked, votes or 0

    async def mine(self, generation_id: int, user_id: int) -> GenerationView | None:
        """A card that a person has marked, also one that was deleted since; None when it is none."""
        marked = (Favorite.generation_id == generation_id) & (Favorite.user_id == user_id)
        query = joined_views().join(Favorite, Favorite.generation_id == Generation.id).where(marked).limit(1)
        async with self._database.read() as session:
            found = (await session.execute(query)).one_or_none()
        return None if found is None else view_of(*found)

    async def credit(
        self, sheet: Sheet, where: Origin, *, visible: Collection[int] = (), since: datetime | None = None
    ) -> Sheet:
        """The sheet with the votes that each of its icons has here, and who found it in `visible` channels.

        `since`: the votes that came later are counted for themselves, too.
        """
        ids = [icon.id for icon in sheet.icons]
        async with self._database.read() as session:
            keys = dict(
                list(await session.execute(select(Generation.id, Generation.icon).where(Generation.id.in_(ids))))
            )
            counting = select(Favorite.icon, _VOTES).where(Favorite.icon.in_(keys.values()), _here(where))
            counting = counting.group_by(Favorite.icon)
            votes = dict(list(await session.execute(counting)))
            recent = dict(list(await session.execute(counting.where(Favorite.created_at > since)))) if since else {}
            first = select(func.min(Generation.id)).where(
                Generation.icon.in_(keys.values()), *_seen(where.guild_id, visible)
            )
            finding = select(Generation.icon, Generation.user_id).where(
                Generation.id.in_(first.group_by(Generation.icon))
            )
            found = dict(list(await session.execute(finding))) if visible else {}
        icons = []
        for icon in sheet.icons:
            key = keys.get(icon.id, "")
            fresh = recent.get(key, 0) if since else None
            icons.append(replace(icon, votes=votes.get(key, 0), recent=fresh, found_by=found.get(key)))
        return replace(sheet, icons=tuple(icons))

    async def top(self, guild_id: int, limit: int, visible: Collection[int]) -> list[GenerationView]:
        """A server's icons of `visible` channels with the most votes of the last seven days, at most `limit`."""
        query = ranking(guild_id, visible, since=self._clock() - WEEK).limit(limit)
        async with self._database.read() as session:
            return [each.row for each in ranked(await session.execute(query))]


def ranking(
    guild_id: int | None, visible: Collection[int], *, since: datetime | None = None, newest: bool = False
) -> Select[Generation, ModelRecord, int, int]:
    """A server's favorites that stand in `visible` channels, the most votes first, or the `newest` vote; see `ranked`.

    `since`: only the votes that came later count. Each icon is there once, by the first of its messages that stands.
    """
    cast = [Favorite.guild_id == guild_id, *([Favorite.created_at > since] if since is not None else [])]
    tally = select(Favorite.icon, _VOTES.label("votes"), func.max(Favorite.created_at).label("latest"))
    counted = tally.where(*cast).group_by(Favorite.icon).subquery()
    stands = case((Generation.deleted_at.is_(None), Generation.id))
    cards = select(Generation.icon, func.min(stands).label("shown"), func.min(Generation.id).label("first"))
    seen = cards.where(Generation.icon.in_(select(counted.c.icon)), *_seen(guild_id, visible))
    seen_once = seen.group_by(Generation.icon).subquery()
    finder = aliased(Generation)
    query = joined_views().add_columns(counted.c.votes, finder.user_id)
    query = query.join(seen_once, seen_once.c.shown == Generation.id).join(finder, finder.id == seen_once.c.first)
    query = query.join(counted, counted.c.icon == Generation.icon)
    order = [counted.c.latest.desc(), Generation.id.desc()]
    return query.order_by(*(order if newest else [counted.c.votes.desc(), *order]))


def ranked(found: Any) -> list[Ranked]:
    """What a query of `ranking` has found."""
    return [Ranked(view_of(row, model), votes, finder) for row, model, votes, finder in found]


def marked(user_id: int) -> Select[Generation, ModelRecord]:
    """A person's favorites, each icon once, the last one first. They stay when their messages are deleted."""
    latest = select(func.max(Favorite.id)).where(Favorite.user_id == user_id).group_by(Favorite.icon)
    query = joined_views().join(Favorite, Favorite.generation_id == Generation.id).where(Favorite.id.in_(latest))
    return query.order_by(Favorite.created_at.desc(), Favorite.id.desc())


def _here(where: Origin) -> ColumnElement[bool]:
    """The votes of a server, or of a conversation."""
    if where.guild_id is not None:
        return Favorite.guild_id == where.guild_id
    cards = select(Generation.id).where(Generation.channel_id == where.channel_id)
    return Favorite.guild_id.is_(None) & Favorite.generation_id.in_(cards)


def _seen(guild_id: int | None, visible: Collection[int]) -> Sequence[ColumnElement[bool]]:
    """The cards that an audience can see or could have seen: what its asker alone has seen stands in no message."""
    return (
        Generation.guild_id == guild_id,
        Generation.message_id.is_not(None),
        Generation.channel_id.in_(visible),
    )
