"""Add variations of seeds, favorites, what a schedule posts, and an index on messages.

Revision 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("generations", sa.Column("near_path", sa.String(length=50), nullable=True))
    op.add_column("generations", sa.Column("near_strength", sa.Double(), nullable=True))
    op.create_index(op.f("ix_generations_message_id"), "generations", ["message_id"], unique=False)
    op.add_column("schedules", sa.Column("content", sa.String(length=16), nullable=False, server_default="fresh"))
    op.create_table(
        "favorites",
        sa.Column("generation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["generations.id"],
            name=op.f("fk_favorites_generation_id_generations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("generation_id", "user_id", name=op.f("pk_favorites")),
    )
    op.create_index(op.f("ix_favorites_guild_id_created_at"), "favorites", ["guild_id", "created_at"], unique=False)
    op.create_index(op.f("ix_favorites_user_id_created_at"), "favorites", ["user_id", "created_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_favorites_user_id_created_at"), table_name="favorites")
    op.drop_index(op.f("ix_favorites_guild_id_created_at"), table_name="favorites")
    op.drop_table("favorites")
    op.drop_column("schedules", "content")
    op.drop_index(op.f("ix_generations_message_id"), table_name="generations")
    op.drop_column("generations", "near_strength")
    op.drop_column("generations", "near_path")
