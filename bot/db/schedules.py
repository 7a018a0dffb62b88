"""The tables of the daily posts: when a channel gets one, and what became of each day's run."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum

from sqlalchemy import (
    Date,
    Enum,
    ForeignKey,
    Integer,
    SmallInteger,
    String,
    Time,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models import Base, Key, Snowflake

ERROR_LENGTH = 300
"""Characters of an error that are kept."""

LONGEST_LINE = 200
"""Characters of the line above a post."""


class PostContent(StrEnum):
    """What a schedule posts: icons that are new, or those that got the most votes in the week before."""

    FRESH = "fresh"
    TOP = "top"


class PauseReason(StrEnum):
    """Why a schedule rests: somebody asked for it, or Discord no longer takes its posts."""

    ASKED = "asked"
    CHANNEL_GONE = "channel_gone"
    FORBIDDEN = "forbidden"


class PostStatus(StrEnum):
    """What became of a run. CLAIMED is the only one that still changes."""

    CLAIMED = "claimed"
    SENT = "sent"
    MISSED = "missed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """There was nothing to post."""
    UNKNOWN = "unknown"


class Schedule(Base):
    """A channel's daily post. The table's index on `next_run_at` is what a process looks at when it wakes."""

    __tablename__ = "schedules"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - an id is never used twice: nonces are made of it

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    guild_id: Mapped[int] = mapped_column(Snowflake, index=True)
    channel_id: Mapped[int] = mapped_column(Snowflake, unique=True)
    user_id: Mapped[int] = mapped_column(Snowflake)
    """Who set it, and is told when nobody else can be."""
    local_time: Mapped[time] = mapped_column(Time)
    zone: Mapped[str] = mapped_column(String(64))
    """IANA name."""
    weekdays: Mapped[int] = mapped_column(SmallInteger)
    """Bit 0 is Monday, bit 6 Sunday."""
    count: Mapped[int] = mapped_column(SmallInteger)
    """Icons in a post: 1, 4 or 9."""
    content: Mapped[PostContent] = mapped_column(
        Enum(PostContent, native_enum=False, length=16, values_callable=lambda all_: [each.value for each in all_]),
        server_default=PostContent.FRESH.value,
    )
    text: Mapped[str | None] = mapped_column(String(LONGEST_LINE))
    """The line above each post, as somebody typed it; NULL: none."""
    role_id: Mapped[int | None] = mapped_column(Snowflake)
    """The role that each post pings; NULL: none."""
    model_id: Mapped[int | None] = mapped_column(Key)
    """The model that draws; NULL: the server's usual one. No foreign key: SQLite adds none later."""
    catch_up_hours: Mapped[int] = mapped_column(SmallInteger)
    """A run that was missed by at most so much is posted late, an older one is recorded as missed."""
    paused: Mapped[PauseReason | None] = mapped_column(
        Enum(PauseReason, native_enum=False, length=16, values_callable=lambda all_: [each.value for each in all_])
    )
    failures: Mapped[int] = mapped_column(Integer)
    """Runs that failed since the last one that went out."""
    next_run_at: Mapped[datetime | None] = mapped_column(index=True)
    """When it posts next: the instant of the plan and the schedule's own delay. NULL while it rests."""
    next_date: Mapped[date | None] = mapped_column(Date)
    """The local date of that run, whose instant may move when a zone gets new rules. NULL while it rests, and on rows
    from before this was written down."""
    created_at: Mapped[datetime]


class Post(Base):
    """One date's run of a schedule. The row is committed before anything is sent, so there is never a second one."""

    __tablename__ = "posts"
    __table_args__ = (UniqueConstraint("schedule_id", "local_date"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    schedule_id: Mapped[int] = mapped_column(Key, ForeignKey("schedules.id", ondelete="CASCADE"))
    local_date: Mapped[date] = mapped_column(Date)
    due_at: Mapped[datetime]
    status: Mapped[PostStatus] = mapped_column(
        Enum(PostStatus, native_enum=False, length=16, values_callable=lambda all_: [each.value for each in all_]),
        index=True,
    )
    claimed_at: Mapped[datetime | None]
    """When a process last took the run in hand; only who knows this instant may send. NULL: nobody ever did."""
    tried_at: Mapped[datetime | None]
    """When it was first handed to Discord, of the attempts that Discord has not refused; NULL: certainly not sent."""
    attempts: Mapped[int] = mapped_column(SmallInteger)
    generation_id: Mapped[int | None] = mapped_column(Key, ForeignKey("generations.id"))
    """The first icon of the post, known before it is sent, so that sending again sends the same."""
    message_id: Mapped[int | None] = mapped_column(Snowflake)
    error: Mapped[str | None] = mapped_column(String(ERROR_LENGTH))
