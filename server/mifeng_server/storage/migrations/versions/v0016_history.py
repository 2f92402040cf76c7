"""How long a part of a history lives at most, and who was in when a file was posted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the columns; of files from before nobody knows that, and they are no history."""
    for name in ("ceiling", "charter_sequence"):
        op.add_column(
            "files", sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0"))
        )
