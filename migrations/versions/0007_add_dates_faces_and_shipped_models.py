"""Add the date of the next run, the face of a retraining's card, and which models came with Mojigan.

Revision 0007, after 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.add_column(sa.Column("shipped", sa.Boolean(), nullable=True))

    with op.batch_alter_table("retrain_jobs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("card", sa.String(length=32), nullable=True))

    # Cards of jobs that are over stand as they should: they are not drawn again.
    op.execute("UPDATE retrain_jobs SET card = state WHERE state NOT IN ('queued', 'running', 'waiting')")

    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.add_column(sa.Column("next_date", sa.Date(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.drop_column("next_date")

    with op.batch_alter_table("retrain_jobs", schema=None) as batch_op:
        batch_op.drop_column("card")

    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.drop_column("shipped")
