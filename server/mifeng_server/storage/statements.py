"""From writes to SQL: each write as a statement, or many writes folded into few statements.

Folding makes group commit cheap: a hundred messages of a unit are one INSERT with a hundred
parameter sets, and one UPDATE of the unit from its first state to its last. Expectations stay
checked: a chain of swaps is checked where it begins against the row, and then link by link.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from sqlalchemy import Table, bindparam, delete, insert, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import Delete as DeleteSQL
from sqlalchemy.sql.dml import Insert as InsertSQL
from sqlalchemy.sql.dml import Update as UpdateSQL

from mifeng_server.domain.protocols import ConflictError
from mifeng_server.domain.rows import KEYS, Delete, Insert, Key, Put, Row, Swap, Write, key_of
from mifeng_server.storage.schema import TABLES

__all__ = ["NotFoldableError", "fold", "run"]

Parameters = dict[str, int | str | bytes]


class NotFoldableError(Exception):
    """These batches touch one row in ways that only running them one after another gets right."""


def fold(batches: Iterable[Sequence[Write]]) -> list[Write]:
    """Merge batches into one that has the same effect and touches no row twice.

    Raises:
        NotFoldableError: there is no such batch, or an expectation contradicts a write before it.
    """
    folded: dict[tuple[type[Row], Key], Write] = {}
    for batch in batches:
        for write in batch:
            name = _name(write)
            before = folded.get(name)
            folded[name] = write if before is None else _merge(before, write)
    return list(folded.values())


def _name(write: Write) -> tuple[type[Row], Key]:
    if isinstance(write, Delete):
        return write.kind, write.key
    row = write.new if isinstance(write, Swap) else write.row
    return type(row), key_of(row)


def _merge(before: Write, write: Write) -> Write:
    """Return the one write that does what `before` and then `write` do."""
    if isinstance(write, Swap):
        if isinstance(before, Swap) and before.new == write.old:
            return Swap(before.old, write.new)
        if isinstance(before, Insert) and before.row == write.old:
            return Insert(write.new)
    if isinstance(write, Put):
        if isinstance(before, Insert):
            return Insert(write.row)
        if isinstance(before, Put):
            return write
    raise NotFoldableError


async def run(connection: AsyncConnection, writes: Iterable[Write]) -> None:
    """Run writes that touch no row twice, few statements for many writes.

    Raises:
        ConflictError: an expectation was not met; the transaction must be rolled back.
    """
    runs: dict[tuple[type, type[Row], bool], list[Parameters]] = {}
    for write in writes:
        kind, _ = _name(write)
        must_exist = isinstance(write, Delete) and write.must_exist
        runs.setdefault((type(write), kind, must_exist), []).append(_parameters(write))
    for (verb, kind, must_exist), parameters in runs.items():
        try:
            result = await connection.execute(_statement(verb, TABLES[kind]), parameters)
        except IntegrityError as err:
            raise ConflictError(f"a {kind.__name__} was there already") from err
        if (verb is Swap or must_exist) and result.rowcount != len(parameters):
            raise ConflictError(f"a {kind.__name__} was not as expected")


def _parameters(write: Write) -> Parameters:
    if isinstance(write, Delete):
        return {f"k_{f}": v for f, v in zip(KEYS[write.kind], write.key, strict=True)}
    if isinstance(write, Swap):
        return {f"o_{f}": v for f, v in _fields(write.old).items()} | _fields(write.new)
    return _fields(write.row)


def _fields(row: Row) -> Parameters:
    return {column.name: getattr(row, column.name) for column in TABLES[type(row)].c}


@cache
def _statement(verb: type, table: Table) -> InsertSQL | UpdateSQL | DeleteSQL:
    keys = table.primary_key.columns
    if verb is Insert:
        return insert(table)
    if verb is Put:
        put = upsert(table)
        rest = {c.name: put.excluded[c.name] for c in table.c if not c.primary_key}
        if not rest:
            return put.on_conflict_do_nothing()
        return put.on_conflict_do_update(index_elements=list(keys), set_=rest)
    if verb is Swap:
        return update(table).where(*(c == bindparam(f"o_{c.name}") for c in table.c))
    return delete(table).where(*(c == bindparam(f"k_{c.name}") for c in keys))
