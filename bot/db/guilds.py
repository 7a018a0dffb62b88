"""What is stored of servers: what each has chosen, how much people have drawn, who is blocked, which are lost."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Boolean, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models import Base, Key, Snowflake

EVERYWHERE = 0
"""The guild id in `quotas` of the host's own quota, which counts all servers and direct messages together."""


class GuildSettings(Base):
    """What a server has chosen. No row: everything as it comes."""

    __tablename__ = "guild_settings"

    guild_id: Mapped[int] = mapped_column(Snowflake, primary_key=True, autoincrement=False)
    language: Mapped[str | None] = mapped_column(String(16))
    """One of the bot's languages; NULL: the server's own."""
    channels: Mapped[list[int]] = mapped_column(JSON)
    """Channels and categories for answers that all can see; empty: everywhere."""
    roles: Mapped[dict[str, list[int]]] = mapped_column(JSON)
    """Family of commands -> the roles that may use it; empty or absent: everyone."""
    quota: Mapped[int | None] = mapped_column(Integer)
    """Icons per person and hour; NULL: no limit."""
    cooldown: Mapped[int] = mapped_column(Integer)
    """Seconds between two answers to a person."""
    spoiler: Mapped[bool] = mapped_column(Boolean)
    """Pictures are posted hidden."""
    model_id: Mapped[int | None] = mapped_column(Key)
    """The model that draws where none is named; NULL: the one that serves. No foreign key: SQLite adds none later."""


class Quota(Base):
    """Icons that a person has drawn within an hour that began with the first of them."""

    __tablename__ = "quotas"

    guild_id: Mapped[int] = mapped_column(Snowflake, primary_key=True, autoincrement=False)
    """EVERYWHERE for the host's quota."""
    user_id: Mapped[int] = mapped_column(Snowflake, primary_key=True, autoincrement=False)
    started_at: Mapped[datetime] = mapped_column(index=True)
    used: Mapped[int] = mapped_column(Integer)


class BlockedUser(Base):
    """A person whom a server does not let use the bot."""

    __tablename__ = "blocked_users"

    guild_id: Mapped[int] = mapped_column(Snowflake, primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(Snowflake, primary_key=True, autoincrement=False)
    blocked_by: Mapped[int] = mapped_column(Snowflake)
    created_at: Mapped[datetime]


class LeftGuild(Base):
    """A server that the bot was removed from; what is stored of it is deleted some time later."""

    __tablename__ = "left_guilds"

    guild_id: Mapped[int] = mapped_column(Snowflake, primary_key=True, autoincrement=False)
    left_at: Mapped[datetime]
