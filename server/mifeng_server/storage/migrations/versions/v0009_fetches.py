"""Who has fetched a file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table; it says nothing of files from before it."""
    op.create_table(
        "fetches",
        sa.Column(
            "file_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "member_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
    )
