"""Who is in which unit's tree, or was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table; units from before it fill it with their next commits."""
    op.create_table(
        "stays",
        sa.Column(
            "member_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "unit_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("left", sa.BigInteger(), nullable=False),
    )
