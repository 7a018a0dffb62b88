"""Votes are for icons, not for messages: merge them. Add points, and the second parent of a mix.

Revision 0008, after 0007.
"""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT_ONCE = 5_000

_generations = sa.table(
    "generations",
    sa.column("id"),
    sa.column("model_id"),
    sa.column("seed"),
    sa.column("near_path"),
    sa.column("near_strength"),
    sa.column("truncation"),
    sa.column("icon"),
)
_favorites = sa.table(
    "favorites",
    sa.column("icon"),
    sa.column("generation_id"),
    sa.column("user_id"),
    sa.column("guild_id"),
    sa.column("created_at"),
)


def upgrade() -> None:
    op.add_column("generations", sa.Column("point", sa.LargeBinary(), nullable=True))
    op.add_column("generations", sa.Column("icon", sa.String(length=32), nullable=False, server_default=""))
    op.add_column("generations", sa.Column("other_parent_id", _KEY, nullable=True))
    _name_icons()
    op.create_index(op.f("ix_generations_icon"), "generations", ["icon"], unique=False)
    there = sa.text("point IS NOT NULL")
    op.create_index("ix_generations_seed", "generations", ["seed"], sqlite_where=there, postgresql_where=there)

    old: list[sa.ColumnClause[Any]] = [
        sa.column(name) for name in ("generation_id", "user_id", "guild_id", "created_at")
    ]
    both = sa.join(sa.table("favorites", *old), _generations, old[0] == _generations.c.id)
    # The latest vote stays, of those of a person for an icon in a server.
    found = op.get_bind().execute(sa.select(_generations.c.icon, *old).select_from(both).order_by(old[3], old[0]))
    merged = {(row.icon, row.user_id, row.guild_id): dict(row._mapping) for row in found}
    _drop_favorites()
    op.create_table(
        "favorites",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("icon", sa.String(length=32), nullable=False),
        sa.Column("generation_id", _KEY, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _to_generations(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_favorites")),
        sa.UniqueConstraint("icon", "user_id", "guild_id", name=op.f("uq_favorites_icon_user_id_guild_id")),
    )
    _create_indexes()
    _fill(list(merged.values()))


def downgrade() -> None:
    names = ("generation_id", "user_id", "guild_id", "created_at")
    query = sa.select(*(_favorites.c[name] for name in names)).order_by(_favorites.c.created_at)
    merged = {(row.generation_id, row.user_id): dict(row._mapping) for row in op.get_bind().execute(query)}
    _drop_favorites()
    op.create_table(
        "favorites",
        sa.Column("generation_id", _KEY, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _to_generations(),
        sa.PrimaryKeyConstraint("generation_id", "user_id", name=op.f("pk_favorites")),
    )
    _create_indexes()
    _fill(list(merged.values()))
    op.drop_index("ix_generations_seed", table_name="generations")
    op.drop_index(op.f("ix_generations_icon"), table_name="generations")
    op.drop_column("generations", "other_parent_id")
    op.drop_column("generations", "icon")
    op.drop_column("generations", "point")


def _name_icons() -> None:
    """Fill in `icon`, as bot.icons.rows.icon_key does."""
    connection, last, column = op.get_bind(), 0, _generations.c
    naming = _generations.update().where(column.id == sa.bindparam("number")).values(icon=sa.bindparam("name"))
    while True:
        query = sa.select(_generations).where(column.id > last).order_by(column.id).limit(_AT_ONCE)
        rows = connection.execute(query).all()
        if not rows:
            return
        connection.execute(naming, [{"number": row.id, "name": _icon(row)} for row in rows])
        last = rows[-1].id


def _icon(row: sa.Row[tuple[object, ...]]) -> str:
    near = f"{row.near_path}@{row.near_strength!r}" if row.near_path and row.near_strength is not None else ""
    what = f"{row.model_id}:{row.seed}:{near}:{row.truncation!r}"
    return hashlib.blake2b(what.encode(), digest_size=16).hexdigest()


def _to_generations() -> sa.ForeignKeyConstraint:
    name = op.f("fk_favorites_generation_id_generations")
    return sa.ForeignKeyConstraint(["generation_id"], ["generations.id"], name=name, ondelete="CASCADE")


def _create_indexes() -> None:
    op.create_index(op.f("ix_favorites_guild_id_created_at"), "favorites", ["guild_id", "created_at"], unique=False)
    op.create_index(op.f("ix_favorites_user_id_created_at"), "favorites", ["user_id", "created_at"], unique=False)


def _drop_favorites() -> None:
    op.drop_index(op.f("ix_favorites_user_id_created_at"), table_name="favorites")
    op.drop_index(op.f("ix_favorites_guild_id_created_at"), table_name="favorites")
    op.drop_table("favorites")


def _fill(rows: list[dict[str, object]]) -> None:
    for start in range(0, len(rows), _AT_ONCE):
        op.get_bind().execute(_favorites.insert(), rows[start : start + _AT_ONCE])
