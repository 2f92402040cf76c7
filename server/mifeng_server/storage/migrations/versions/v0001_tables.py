"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "founding",
        sa.Column(
            "token_hash", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
    )
    op.create_table(
        "roster",
        sa.Column(
            "sequence", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "charters",
        sa.Column(
            "unit_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "sequence", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "grants",
        sa.Column(
            "unit_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "member_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
    )
    op.create_index("ix_grants_member_id", "grants", ["member_id"])
    op.create_table(
        "units",
        sa.Column(
            "unit_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("epoch_began", sa.BigInteger(), nullable=False),
        sa.Column("log_sequence", sa.BigInteger(), nullable=False),
        sa.Column("log_hash", sa.LargeBinary(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("rotated_at", sa.BigInteger(), nullable=False),
        sa.Column("heads", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "group_parts",
        sa.Column(
            "unit_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("part", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "log",
        sa.Column(
            "unit_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "generation", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "sequence", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "contents",
        sa.Column(
            "unit_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "generation", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "sequence", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_contents_deadline", "contents", ["deadline"])
    op.create_table(
        "trees",
        sa.Column(
            "unit_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "tree_hash", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("tree", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_trees_deadline", "trees", ["deadline"])
    op.create_table(
        "welcome_bodies",
        sa.Column(
            "unit_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "generation", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "sequence", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("tree_hash", sa.LargeBinary(), nullable=False),
        sa.Column("welcome", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_welcome_bodies_deadline", "welcome_bodies", ["deadline"])
    op.create_table(
        "welcomes",
        sa.Column(
            "welcome_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("device_id", sa.LargeBinary(), nullable=False),
        sa.Column("unit_id", sa.LargeBinary(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_welcomes_deadline", "welcomes", ["deadline"])
    op.create_index("ix_welcomes_device_id", "welcomes", ["device_id"])
    op.create_table(
        "key_packages",
        sa.Column("ref", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("device_id", sa.LargeBinary(), nullable=False),
        sa.Column("suite", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("key_package", sa.LargeBinary(), nullable=False),
    )
    op.create_index(
        "ix_key_packages_device_id_suite_not_after",
        "key_packages",
        ["device_id", "suite", "not_after"],
    )
    op.create_index("ix_key_packages_not_after", "key_packages", ["not_after"])
    op.create_table(
        "claims",
        sa.Column(
            "unit_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column(
            "device_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("key_package", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_claims_device_id", "claims", ["device_id"])
    op.create_index("ix_claims_not_after", "claims", ["not_after"])
    op.create_table(
        "cards",
        sa.Column(
            "member_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_cards_cursor", "cards", ["cursor"])
    op.create_table(
        "counters",
        sa.Column("name", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "files",
        sa.Column(
            "file_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("unit_id", sa.LargeBinary(), nullable=False),
        sa.Column("member_id", sa.LargeBinary(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("retain_until", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_files_deadline", "files", ["deadline"])
    op.create_table(
        "tokens",
        sa.Column(
            "token_hash", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("member_id", sa.LargeBinary(), nullable=False),
        sa.Column("device_id", sa.LargeBinary(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_tokens_deadline", "tokens", ["deadline"])
    op.create_index("ix_tokens_member_id", "tokens", ["member_id"])
    op.create_table(
        "idempotency",
        sa.Column(
            "author", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("key", sa.Text(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_idempotency_deadline", "idempotency", ["deadline"])
