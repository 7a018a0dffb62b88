"""Add retrain jobs, and when models began to draw.

Revision 0004, after 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

RUNNING = sa.text("state = 'running'")


def upgrade() -> None:
    op.create_table(
        "retrain_jobs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=True),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("added", sa.Boolean(), nullable=False),
        sa.Column("kimg", sa.Double(), nullable=True),
        sa.Column("minutes", sa.Double(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("cancelled_by", sa.BigInteger(), nullable=True),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("baseline_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("model_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["baseline_id"], ["models.id"], name=op.f("fk_retrain_jobs_baseline_id_models")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_retrain_jobs_model_id_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retrain_jobs")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_retrain_jobs_state"), "retrain_jobs", ["state"], unique=False)
    op.create_index(
        "uq_retrain_jobs_running",
        "retrain_jobs",
        ["state"],
        unique=True,
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.add_column("models", sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("models", sa.Column("configured_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("models", "configured_at")
    op.drop_column("models", "activated_at")
    op.drop_index("uq_retrain_jobs_running", table_name="retrain_jobs")
    op.drop_index(op.f("ix_retrain_jobs_state"), table_name="retrain_jobs")
    op.drop_table("retrain_jobs")
