"""Whose files, and in which unit: quotas ask for both."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the two indexes."""
    op.create_index("ix_files_member_id", "files", ["member_id"])
    op.create_index("ix_files_unit_id", "files", ["unit_id"])
