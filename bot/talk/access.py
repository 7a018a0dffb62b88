"""Who may use what in a server, and how much: settings, blocked people and quotas, all kept in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.guilds import EVERYWHERE, BlockedUser, GuildSettings, Quota
from bot.db.session import CLOCK_SKEW, Database, insert_into
from bot.talk.refusals import ServiceError

FAMILIES = ("icon", "morph", "neighbors", "gallery")
"""Families of commands, with their buttons, that a server can keep for some roles."""

QUOTA_TIME = timedelta(hours=1)
"""How long drawn icons count; the hour of a person begins with the first icon."""


class QuotaError(ServiceError):
    """A person has used up the icons of the hour. Parameters: `count` asked for, `left`, `limit`, `when` it ends."""

    key = "error.quota"


@dataclass(frozen=True)
class ServerSettings:
    """What a server has chosen; see `GuildSettings`."""

    language: str | None = None
    channels: tuple[int, ...] = ()
    roles: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    quota: int | None = None
    cooldown: int = 0
    spoiler: bool = False
    model_id: int | None = None


@dataclass(frozen=True)
class Charge:
    """Icons that were counted, to be given back if they are not delivered; for each quota its guild and its hour."""

    user_id: int
    icons: int
    hours: tuple[tuple[int, datetime], ...]


class AccessService:
    """Keeps settings, blocks and quotas. Two processes on one database count together."""

    def __init__(self, database: Database, clock: Callable[[], datetime], host_quota: int | None = None) -> None:
        """`host_quota`: icons per person and hour, in all servers and direct messages together."""
        self._database = database
        self._clock = clock
        self.host_quota = host_quota

    async def settings(self, guild_id: int) -> ServerSettings:
        """What a server has chosen."""
        async with self._database.read() as session:
            return _settings(await session.get(GuildSettings, guild_id))

    async def rules(self, guild_id: int, user_id: int) -> tuple[ServerSettings, bool]:
        """What a server has chosen, and whether it has blocked that person."""
        async with self._database.read() as session:
            settings = _settings(await session.get(GuildSettings, guild_id))
            return settings, await session.get(BlockedUser, (guild_id, user_id)) is not None

    async def change(self, guild_id: int, **changes: Any) -> ServerSettings:
        """Change some of a server's settings, by the names of ServerSettings; all of them as they are now."""
        async with self._database.write() as session:
            first = asdict(ServerSettings()) | changes
            insert = insert_into(session, GuildSettings).values(guild_id=guild_id, **first)
            await session.execute(insert.on_conflict_do_update(index_elements=["guild_id"], set_=changes))
            return _settings(await session.get(GuildSettings, guild_id))

    async def set_roles(self, guild_id: int, family: str, roles: Collection[int]) -> ServerSettings:
        """Keep a family of commands for some roles; none of them stands for everyone."""
        async with self._database.write() as session:
            insert = insert_into(session, GuildSettings).values(guild_id=guild_id, **asdict(ServerSettings()))
            await session.execute(insert.on_conflict_do_nothing())
            row = await session.get_one(GuildSettings, guild_id, with_for_update=True)
            row.roles = {**row.roles, family: sorted(roles)}
            return _settings(row)

    async def blocked(self, guild_id: int) -> list[int]:
        """Whom a server has blocked, the latest first."""
        query = select(BlockedUser.user_id).where(BlockedUser.guild_id == guild_id)
        async with self._database.read() as session:
            return list(await session.scalars(query.order_by(BlockedUser.created_at.desc(), BlockedUser.user_id)))

    async def block(self, guild_id: int, user_ids: Collection[int], *, by: int) -> None:
        """Block people in a server; who is blocked already stays so."""
        rows = [
            {"guild_id": guild_id, "user_id": each, "blocked_by": by, "created_at": self._clock()} for each in user_ids
        ]
        if not rows:  # only bots were chosen
            return
        async with self._database.write() as session:
            await session.execute(insert_into(session, BlockedUser).values(rows).on_conflict_do_nothing())

    async def unblock(self, guild_id: int, user_ids: Collection[int]) -> None:
        """Let people use the bot again."""
        async with self._database.write() as session:
            await session.execute(
                delete(BlockedUser).where(BlockedUser.guild_id == guild_id, BlockedUser.user_id.in_(user_ids))
            )

    async def consume(self, guild_id: int | None, user_id: int, icons: int, quota: int | None) -> Charge | None:
        """Count icons before they are drawn; None where nothing limits them.

        `guild_id` and `quota` are those of the server, None in a direct message. Raises QuotaError, and then nothing
        is counted.
        """
        limits = [(EVERYWHERE, self.host_quota), (guild_id, quota)]
        due = [(place, limit) for place, limit in limits if place is not None and limit is not None]
        if not due or not icons:
            return None
        async with self._database.write() as session:
            now = self._clock()
            await session.execute(delete(Quota).where(is_over(now)))
            hours = [(place, await _count(session, place, user_id, icons, limit, now)) for place, limit in due]
        return Charge(user_id, icons, tuple(hours))

    async def refund(self, charge: Charge) -> None:
        """Give back what was counted, if its hour still runs."""
        less = Quota.used - charge.icons
        async with self._database.write() as session:
            for place, started_at in charge.hours:
                same = (Quota.guild_id == place, Quota.user_id == charge.user_id, Quota.started_at == started_at)
                await session.execute(update(Quota).where(*same).values(used=case((less > 0, less), else_=0)))


def is_over(now: datetime) -> ColumnElement[bool]:
    """Which hours of quotas have ended; one from the future was begun before the clock was set back."""
    return or_(Quota.started_at <= now - QUOTA_TIME, Quota.started_at > now + CLOCK_SKEW)


async def _count(session: AsyncSession, place: int, user_id: int, icons: int, limit: int, now: datetime) -> datetime:
    """Add icons to a person's hour, in one statement; when the hour began. Raises QuotaError."""
    insert = insert_into(session, Quota).values(guild_id=place, user_id=user_id, started_at=now, used=icons)
    adding = insert.on_conflict_do_update(
        index_elements=["guild_id", "user_id"],
        set_={"used": Quota.used + insert.excluded.used},
        where=Quota.used + insert.excluded.used <= limit,
    )
    began: datetime | None = None
    if icons <= limit:  # a first row is not held against the limit by the statement
        began = await session.scalar(adding.returning(Quota.started_at))
    if began is not None:
        return began
    known = await session.get(Quota, (place, user_id))
    used, started_at = (known.used, known.started_at) if known is not None else (0, now)
    raise QuotaError(
        f"{user_id} asked for {icons} icons and has drawn {used} of {limit}",
        count=icons,
        left=max(0, limit - used),
        limit=limit,
        when=f"<t:{int((started_at + QUOTA_TIME).timestamp())}:R>",
    )


def _settings(row: GuildSettings | None) -> ServerSettings:
    if row is None:
        return ServerSettings()
    return ServerSettings(
        language=row.language,
        channels=tuple(row.channels),
        roles={family: tuple(roles) for family, roles in row.roles.items()},
        quota=row.quota,
        cooldown=row.cooldown,
        spoiler=row.spoiler,
        model_id=row.model_id,
    )
