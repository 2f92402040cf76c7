"""Which node does what only one should do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "leases",
        sa.Column("name", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("holder", sa.LargeBinary(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_leases_deadline", "leases", ["deadline"])
