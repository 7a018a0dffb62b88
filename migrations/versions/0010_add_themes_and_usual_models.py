"""Add themes of models, and the models of servers and schedules.

Revision 0010, after 0009.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.add_column(sa.Column("theme", sa.String(length=32), nullable=True))

    with op.batch_alter_table("guild_settings", schema=None) as batch_op:
        batch_op.add_column(sa.Column("model_id", KEY, nullable=True))

    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.add_column(sa.Column("model_id", KEY, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.drop_column("model_id")

    with op.batch_alter_table("guild_settings", schema=None) as batch_op:
        batch_op.drop_column("model_id")

    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.drop_column("theme")
