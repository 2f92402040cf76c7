"""The slots of strict units that the vault has shares for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "slots",
        sa.Column(
            "unit_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("slot", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column(
            "deadline", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False
        ),
    )
    op.create_index("ix_slots_deadline", "slots", ["deadline"])
