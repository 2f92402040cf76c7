"""Units whose content an admin has ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "doomed",
        sa.Column(
            "unit_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
    )
