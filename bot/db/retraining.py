"""The table of the retrainings: who asked for what, how far it came, and what became of the new model."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Boolean, Enum, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.models import Base, Key, Snowflake

ERROR_LENGTH = 500
"""Characters of an error that are kept."""


class JobState(StrEnum):
    """What became of a retraining. QUEUED, RUNNING and WAITING still change, and FAILED can be resumed."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    """Trained, but not clearly as good as the running model: a person decides."""
    ADOPTED = "adopted"
    DISCARDED = "discarded"
    CANCELLED = "cancelled"
    FAILED = "failed"


class IconSource(StrEnum):
    """Which icons somebody chose."""

    CURRENT = "current"
    """Those that the running model was trained on, as far as its bundle carries them."""
    SERVER = "server"
    """The emojis and stickers of the server."""
    FILES = "files"
    """What was attached."""


class RetrainJob(Base):
    """One retraining. Its files lie in the data folder, in `jobs/<id>`."""

    __tablename__ = "retrain_jobs"
    __table_args__ = (
        Index(
            "uq_retrain_jobs_running",
            "state",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
        {"sqlite_autoincrement": True},  # an id is never used twice: folders and buttons name it
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    guild_id: Mapped[int | None] = mapped_column(Snowflake)
    channel_id: Mapped[int] = mapped_column(Snowflake)
    message_id: Mapped[int | None] = mapped_column(Snowflake)
    """The card; NULL until it stands in Discord."""
    card: Mapped[str | None] = mapped_column(String(32))
    """The face (`JobStatus.face`) that the card was last drawn with; NULL: none, or before this was written down."""
    user_id: Mapped[int] = mapped_column(Snowflake)
    locale: Mapped[str] = mapped_column(String(16))
    """The language of the card."""
    source: Mapped[IconSource] = mapped_column(
        Enum(IconSource, native_enum=False, length=16, values_callable=lambda all_: [each.value for each in all_])
    )
    added: Mapped[bool] = mapped_column(Boolean)
    """Whether the icons join the current set; otherwise they take its place."""
    kimg: Mapped[float | None]
    minutes: Mapped[float | None]
    """The goal: one of the two."""
    state: Mapped[JobState] = mapped_column(
        Enum(JobState, native_enum=False, length=16, values_callable=lambda all_: [each.value for each in all_]),
        index=True,
    )
    cancelled_by: Mapped[int | None] = mapped_column(Snowflake)
    """Who wants it stopped; the process may still be at work."""
    metrics: Mapped[dict[str, dict[str, dict[str, float]]]] = mapped_column(JSON)
    """At the end: the figures of "new" and "old", name -> value and real."""
    verdict: Mapped[str | None] = mapped_column(String(32))
    error: Mapped[str | None] = mapped_column(String(ERROR_LENGTH))
    """One sentence, for people."""
    baseline_id: Mapped[int | None] = mapped_column(Key, ForeignKey("models.id"))
    """The model that the new one was compared with."""
    model_id: Mapped[int | None] = mapped_column(Key, ForeignKey("models.id"))
    """The new model, once it is kept."""
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
