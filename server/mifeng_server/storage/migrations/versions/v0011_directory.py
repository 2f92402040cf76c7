"""Cards of units, pictures, and directory keys sealed to devices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """What was there are people's cards under the founder's key."""
    for name in ("kind", "key_number"):
        column = sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        op.add_column("cards", column)
    op.create_index("ix_cards_key_number", "cards", ["key_number"])
    op.create_table(
        "pictures",
        sa.Column(
            "member_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "directory_boxes",
        sa.Column(
            "key_hash", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "device_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_directory_boxes_device_id", "directory_boxes", ["device_id"])
    op.create_index("ix_directory_boxes_key_hash_wanted", "directory_boxes", ["key_hash", "wanted"])
