"""How busy the graphics card was while a study was drafted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("predictions", sa.Column("gpu_use", sa.Float))
