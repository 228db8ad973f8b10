"""Rollouts: one row each, whose revision tells who was first to change it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "rollouts",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("open", sa.Boolean, unique=True),
        sa.Column("phase", sa.String, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("weight", sa.Float, nullable=False),
        sa.Column("candidate", sa.String, nullable=False),
        sa.Column("champion", sa.String),
        sa.Column("makers", sa.JSON, nullable=False),
        sa.Column("held_by", sa.String),
        sa.Column("started_at", sa.String, nullable=False),
        sa.Column("since", sa.String, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("policy_sha256", sa.String(64), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
    )
