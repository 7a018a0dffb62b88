"""The tables: models, the icons drawn with them, people's favorites, and which commands Discord has been told."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from generator.seeds import LONGEST_PATH

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint has a name, so that a later migration can drop it."""

NOBODY = 0
"""The user id of somebody who has asked to be forgotten."""

LONGEST_THEME = 32
"""Characters of a model's theme."""

GLOBAL_COMMANDS = 0
"""The guild id of `command_syncs` that stands for commands known everywhere: NULL would not be unique."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, UTC with zone, on both databases; SQLite itself would drop the zone.

    Raises ValueError for a time without a zone: nobody can know which instant it means.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: any zone becomes UTC."""
        if value is None:
            return None
        if value.tzinfo is None or value.utcoffset() is None:
            raise ValueError(f"The time {value.isoformat()} has no zone; the database stores instants.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: always UTC, with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Key = BigInteger().with_variant(Integer(), "sqlite")
"""64-bit keys that count up by themselves; SQLite does so only for a column called INTEGER."""

Snowflake = BigInteger
"""Ids that Discord gives out: 64 bits."""


class Base(DeclarativeBase):
    """What all tables share: named constraints, instants in UTC."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: UtcDateTime()}  # noqa: RUF012 - SQLAlchemy reads it from the class


class ModelState(StrEnum):
    """Where a model stands: it draws, it is kept for old messages, it was turned down, or its bundle was deleted."""

    ACTIVE = "active"
    KEPT = "kept"
    REJECTED = "rejected"
    GONE = "gone"


class GenerationKind(StrEnum):
    """What made somebody draw an icon."""

    ICON = "icon"
    ANOTHER = "another"
    OPENED = "opened"
    """One icon of a sheet or of a gallery, alone."""
    VARIATION = "variation"
    TOP = "top"
    """In a post of the icons with the most votes."""
    DAILY = "daily"
    NEIGHBORS = "neighbors"
    """By /neighbors, for a seed."""
    MORPH = "morph"
    """An end of a walk."""
    MIX = "mix"
    """A child of two icons, which are its parents."""
    FRAME = "frame"
    """A moment of a walk between its parents."""
    PARENT = "parent"
    """What was mixed by its seed, and stands in no message of its own."""
    LIKE = "like"
    """The nearest to a person's picture, or a variation of that."""


class ModelRecord(Base):
    """A bundle known to the bot."""

    __tablename__ = "models"
    __table_args__ = (
        Index(
            "uq_models_active",
            "state",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
        {"sqlite_autoincrement": True},  # an id is never used twice: versions and old buttons name it
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the bundle's card, in hex."""
    path: Mapped[str] = mapped_column(String(200))
    """The library's copy of the bundle, relative to the data folder."""
    metrics: Mapped[dict[str, dict[str, float]]] = mapped_column(JSON)
    """The card's figures: name -> value, and the same between two halves of the training icons."""
    state: Mapped[ModelState] = mapped_column(
        Enum(ModelState, native_enum=False, length=16, values_callable=lambda states: [s.value for s in states])
    )
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    """When it last began to draw; NULL: never, or before this was written down."""
    configured_at: Mapped[datetime | None]
    """When the settings began to name it. While they go on naming the same one, what was adopted since then serves."""
    theme: Mapped[str | None] = mapped_column(String(LONGEST_THEME))
    """What people ask for it by beside its version, such as "flags": one model's alone. NULL: none."""
    shipped: Mapped[bool | None] = mapped_column(Boolean)
    """Whether the settings named it because it came with Mojigan: an update, which may bring another one, is no choice
    of somebody's. NULL: never named, or before this was written down."""

    @property
    def version(self) -> str:
        """The short name that people see: `m3-9f2c`."""
        return f"m{self.id}-{self.digest[:4]}"

    @property
    def name(self) -> str:
        """What cards call it."""
        return model_name(self.version, self.theme)


def model_name(version: str, theme: str | None) -> str:
    """A model as cards call it: its version, after the theme where it has one."""
    return version if theme is None else f"{theme} · {version}"


class Generation(Base):
    """One generated icon. Its id is what the buttons of its message carry."""

    __tablename__ = "generations"
    __table_args__ = (
        UniqueConstraint("sheet_id", "position"),
        Index("ix_generations_guild_id_seed", "guild_id", "seed"),  # a daily post looks for seeds never used there
        Index("ix_generations_message_id", "message_id"),  # the menu of a message looks for the icons in it
        Index("ix_generations_icon", "icon"),  # votes are for icons
        Index(  # who types the name of a point looks for it
            "ix_generations_seed",
            "seed",
            sqlite_where=text("point IS NOT NULL"),
            postgresql_where=text("point IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    model_id: Mapped[int] = mapped_column(Key, ForeignKey("models.id"))
    seed_text: Mapped[str] = mapped_column(String(100))
    """What the person typed, or the digits of the seed."""
    seed: Mapped[int] = mapped_column(BigInteger)
    """0 <= seed < 2**63."""
    near_path: Mapped[str | None] = mapped_column(String(LONGEST_PATH))
    """The steps from the seed to a variation (`generator.seeds.Near`); NULL for the seed itself."""
    near_strength: Mapped[float | None]
    point: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The latent that the seed's name stands for, float32, little-endian; NULL where it is drawn from the number."""
    truncation: Mapped[float]
    icon: Mapped[str] = mapped_column(String(32), server_default=text("''"))
    """The same for the same model, seed, variation and truncation (`bot.icons.rows.icon_key`): what votes are for."""
    kind: Mapped[GenerationKind] = mapped_column(
        Enum(GenerationKind, native_enum=False, length=16, values_callable=lambda kinds: [k.value for k in kinds])
    )
    sheet_id: Mapped[int | None] = mapped_column(Key, ForeignKey("generations.id"))
    """The first icon of the sheet that this one was posted in (the first names itself); NULL for a single icon."""
    position: Mapped[int] = mapped_column(SmallInteger)
    """Place in the sheet, row by row from 0; 0 for a single icon."""
    parent_id: Mapped[int | None] = mapped_column(Key, ForeignKey("generations.id"))
    """The icon whose button made this one, or that was mixed; NULL after another command."""
    other_parent_id: Mapped[int | None] = mapped_column(Key)
    """The second of two icons that were mixed. No foreign key: SQLite adds none to a table that is there."""
    guild_id: Mapped[int | None] = mapped_column(Snowflake)
    channel_id: Mapped[int | None] = mapped_column(Snowflake)
    user_id: Mapped[int] = mapped_column(Snowflake)
    message_id: Mapped[int | None] = mapped_column(Snowflake)
    """NULL until the message stands in Discord, and for ever when only the asker can see it."""
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    """When its message was deleted through the bot; the row stays."""


class Favorite(Base):
    """An icon that somebody has marked somewhere: a vote there."""

    __tablename__ = "favorites"
    __table_args__ = (
        UniqueConstraint("icon", "user_id", "guild_id"),
        Index("ix_favorites_guild_id_created_at", "guild_id", "created_at"),
        Index("ix_favorites_user_id_created_at", "user_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    icon: Mapped[str] = mapped_column(String(32))
    """As `Generation.icon`."""
    generation_id: Mapped[int] = mapped_column(Key, ForeignKey("generations.id", ondelete="CASCADE"))
    """The card of it that the person had before them."""
    user_id: Mapped[int] = mapped_column(Snowflake)
    guild_id: Mapped[int | None] = mapped_column(Snowflake)
    """The server that the vote counts in; NULL: none."""
    created_at: Mapped[datetime]


class CommandSync(Base):
    """The commands that Discord was last told, so that they are sent again only when they changed."""

    __tablename__ = "command_syncs"

    application_id: Mapped[int] = mapped_column(Snowflake, primary_key=True, autoincrement=False)
    guild_id: Mapped[int] = mapped_column(Snowflake, primary_key=True, autoincrement=False)
    """GLOBAL_COMMANDS, or the development guild."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 over the commands' payload and the library's version, in hex."""
    command_ids: Mapped[dict[str, int]] = mapped_column(JSON)
    """Name -> id, for links to commands."""
    synced_at: Mapped[datetime]
