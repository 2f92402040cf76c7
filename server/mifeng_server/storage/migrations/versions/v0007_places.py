"""Where units stand in the tree; of those that are there already, by their charters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mifeng_crypto.ledger.charter_entry import CharterEntry, Create, UnitKind
from mifeng_crypto.tls import decode

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table and fill it."""
    places = op.create_table(
        "places",
        sa.Column(
            "unit_id", sa.LargeBinary(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("parent", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_places_parent", "places", ["parent"])
    charters = sa.table("charters", sa.column("sequence"), sa.column("entry"))
    first = sa.select(charters.c.entry).where(charters.c.sequence == 1)
    for (raw,) in op.get_bind().execute(first).all():
        tbs = decode(CharterEntry, raw).tbs
        body = tbs.body
        if isinstance(body, Create) and body.kind in (UnitKind.BUSINESS, UnitKind.CHANNEL):
            row = {"unit_id": tbs.unit_id, "parent": body.parent or b""}
            op.get_bind().execute(sa.insert(places).values(row))
