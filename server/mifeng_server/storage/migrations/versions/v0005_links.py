"""Mailboxes in which two devices of one person meet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "links",
        sa.Column(
            "link_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("device_id", sa.LargeBinary(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("reveal", sa.LargeBinary(), nullable=False),
        sa.Column("grant", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_links_device_id", "links", ["device_id"])
    op.create_index("ix_links_deadline", "links", ["deadline"])
