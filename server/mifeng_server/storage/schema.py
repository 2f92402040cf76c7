"""The tables as SQLAlchemy knows them: SQL types and indexes, for migrations and moves.

A change here needs a migration; a test compares the two.
"""

from __future__ import annotations

import dataclasses
from typing import get_type_hints

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

from mifeng_server.domain import rows
from mifeng_server.domain.rows import KEYS, Row
from mifeng_server.storage.tables import NAMES

__all__ = ["METADATA", "TABLES"]

METADATA = MetaData()

_SQL: dict[type, type[TypeEngine[int] | TypeEngine[str] | TypeEngine[bytes]]] = {
    int: BigInteger,
    str: Text,
    bytes: LargeBinary,
}

# What `find` and `count` ask for besides keys.
_INDEXES: tuple[tuple[type[Row], tuple[str, ...]], ...] = (
    (rows.GrantRow, ("member_id",)),
    (rows.PlaceRow, ("parent",)),
    (rows.ContentRow, ("deadline",)),
    (rows.TreeRow, ("deadline",)),
    (rows.WelcomeBodyRow, ("deadline",)),
    (rows.WelcomeRow, ("device_id",)),
    (rows.WelcomeRow, ("deadline",)),
    (rows.KeyPackageRow, ("device_id", "suite", "not_after")),
    (rows.KeyPackageRow, ("not_after",)),
    (rows.ClaimRow, ("not_after",)),
    (rows.ClaimRow, ("device_id",)),
    (rows.CardRow, ("cursor",)),
    (rows.CardRow, ("key_number",)),
    (rows.BoxRow, ("device_id",)),
    (rows.BoxRow, ("key_hash", "wanted")),
    (rows.FileRow, ("deadline",)),
    (rows.FileRow, ("member_id",)),
    (rows.FileRow, ("unit_id",)),
    (rows.TokenRow, ("member_id",)),
    (rows.TokenRow, ("deadline",)),
    (rows.SlotRow, ("deadline",)),
    (rows.LinkRow, ("device_id",)),
    (rows.LinkRow, ("deadline",)),
    (rows.IdempotencyRow, ("deadline",)),
    (rows.NonceRow, ("deadline",)),
    (rows.LeaseRow, ("deadline",)),
)


def _table(kind: type[Row]) -> Table:
    hints = get_type_hints(kind)
    columns = [
        Column(
            field.name,
            _SQL[hints[field.name]],
            primary_key=field.name in KEYS[kind],
            nullable=False,
            autoincrement=False,
        )
        for field in dataclasses.fields(kind)
    ]
    return Table(NAMES[kind], METADATA, *columns)


TABLES: dict[type[Row], Table] = {kind: _table(kind) for kind in KEYS}

for _kind, _fields in _INDEXES:
    Index(f"ix_{NAMES[_kind]}_{'_'.join(_fields)}", *(TABLES[_kind].c[f] for f in _fields))
