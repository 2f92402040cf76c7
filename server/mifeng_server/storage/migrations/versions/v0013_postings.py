"""Whose messages show a file, and until when each was promised it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the table, and write down for each file who has posted it."""
    op.create_table(
        "postings",
        sa.Column(
            "file_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "member_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )
    op.execute(
        "INSERT INTO postings (file_id, member_id, until)"
        " SELECT file_id, member_id, retain_until FROM files WHERE retain_until > 0"
    )
