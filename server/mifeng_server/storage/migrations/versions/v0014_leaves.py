"""Since when a unit has had no holiday, and which of its devices cannot go on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the columns; units from before begin as after a holiday: nobody is removed for a day."""
    now = sa.text("0")
    op.add_column(
        "units", sa.Column("steady_since", sa.BigInteger(), nullable=False, server_default=now)
    )
    op.add_column(
        "units", sa.Column("asked", sa.LargeBinary(), nullable=False, server_default=sa.text("''"))
    )
