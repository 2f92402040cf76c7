"""A verified roster, so that a start does not verify it again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table; the next start fills it."""
    op.create_table(
        "roster_snapshots",
        sa.Column("name", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("snapshot", sa.LargeBinary(), nullable=False),
    )
