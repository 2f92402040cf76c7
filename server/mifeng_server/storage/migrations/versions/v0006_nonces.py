"""Nonces that were used, and the key by which all nodes know theirs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "nonces",
        sa.Column("nonce", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_nonces_deadline", "nonces", ["deadline"])
    op.create_table(
        "server_keys",
        sa.Column("name", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
    )
