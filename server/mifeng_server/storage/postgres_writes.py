"""Writes on PostgreSQL: one statement for many rows of many kinds, in one array a column.

`unnest` makes rows of the arrays again; so a hundred swaps are one UPDATE, and its count says
whether all of them found what they expected. Rows are in the order of their keys, and kinds of
rows in one order, so that two nodes that write the same rows wait for each other and do not block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import (
    Table,
    bindparam,
    column,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.elements import KeyedColumnElement

from mifeng_server.domain.protocols import ConflictError
from mifeng_server.domain.rows import KEYS, Delete, Insert, Put, Row, Swap, Write, key_of
from mifeng_server.storage.queries import once
from mifeng_server.storage.schema import TABLES

__all__ = ["Query", "run"]

DIALECT = dialect.dialect()  # type: ignore[no-untyped-call]
_ORDER = {kind: n for n, kind in enumerate(TABLES)}
_NUMBER = re.compile(r"\$(\d+)")
_VERBS: dict[type, int] = {Swap: 0, Delete: 1, Put: 2, Insert: 3}


class Query(NamedTuple):
    """SQL with numbered parameters, and the names that they stand for."""

    text: str
    names: tuple[str, ...]
    constants: dict[str, Any]

    def arguments(self, given: dict[str, Any]) -> list[Any]:
        values = self.constants | given
        return [values[name] for name in self.names]


def compiled(statement: ClauseElement) -> Query:
    """Write a statement as PostgreSQL reads it."""
    done = statement.compile(dialect=DIALECT)
    assert done.positiontup is not None, "the dialect numbers its parameters"  # type: ignore[attr-defined]
    constants = {name: value for name, value in done.params.items() if value is not None}
    return Query(str(done), tuple(done.positiontup), constants)  # type: ignore[attr-defined]


async def run(connection: asyncpg.Connection, writes: Iterable[Write]) -> None:
    """Run writes that touch no row twice, in one trip.

    Raises:
        ConflictError: an expectation was not met; the transaction must be rolled back.
    """
    groups: dict[Part, list[Write]] = {}
    for write in writes:
        # What only has to be as it was is looked at under a lock that others may hold as well.
        flag = write.must_exist if isinstance(write, Delete) else _is_look(write)
        groups.setdefault(_part(_kind(write), type(write), flag), []).append(write)
    if not groups:
        return
    parts = tuple(sorted(groups, key=lambda part: part.place))
    arguments: list[Any] = []
    for part in parts:
        group = groups[part]
        group.sort(key=_key)
        arguments += _arrays(part.query, group)
    names = ", ".join(part.kind.__name__ for part in parts)
    try:
        found = await connection.fetchrow(_statement(parts), *arguments)
    except (
        asyncpg.UniqueViolationError,
        asyncpg.DeadlockDetectedError,
        asyncpg.SerializationError,
    ) as err:
        raise ConflictError(f"one of these was there already: {names}") from err
    if tuple(found) != tuple(len(groups[part]) for part in parts if part.expects):
        raise ConflictError(f"one of these was not as expected: {names}")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What is done alike to rows of one kind.

    Attributes:
        place: when it is done.
        kind: to which rows.
        query: how.
        expects: whether it must find as many rows as it is given, and say how many it found.
    """

    place: tuple[int, int, bool]
    kind: type[Row]
    query: Query
    expects: bool


@once
def _part(kind: type[Row], verb: type, flag: bool) -> Part:
    """`flag` is `must_exist` of a deletion, or that a swap changes nothing."""
    expects = verb is Swap or flag
    query = _query(verb, TABLES[kind], look=verb is Swap and flag)
    if expects and not (verb is Swap and flag):
        query = query._replace(text=query.text + " RETURNING 1")
    return Part((_ORDER[kind], _VERBS[verb], flag), kind, query, expects)


@once
def _statement(parts: tuple[Part, ...]) -> str:
    """All parts in one statement, which says how many rows those found that expect some.

    PostgreSQL does those first, in this order, and then the others, in one order as well.
    """
    texts, counts, n = list[str](), list[str](), 0
    for at, part in enumerate(parts):
        text = _NUMBER.sub(lambda found, by=n: f"${int(found[1]) + by}", part.query.text)  # type: ignore[misc]
        n += len(part.query.names)
        texts.append(f"part{at} AS ({text})")
        if part.expects:
            counts.append(f"(SELECT count(*) FROM part{at})")  # noqa: S608 - a number
    return f"WITH {', '.join(texts)} SELECT {', '.join(counts)}"


def _kind(write: Write) -> type[Row]:
    if isinstance(write, Delete):
        return write.kind
    return type(write.new if isinstance(write, Swap) else write.row)


def _key(write: Write) -> tuple[int | str | bytes, ...]:
    if isinstance(write, Delete):
        return write.key
    return key_of(write.new if isinstance(write, Swap) else write.row)


def _is_look(write: Write) -> bool:
    return isinstance(write, Swap) and write.old == write.new


def _arrays(query: Query, group: Sequence[Write]) -> list[list[Any]]:
    def values(name: str) -> list[Any]:
        which, _, field = name.partition("_")
        if which == "k":
            return [dict(zip(KEYS[w.kind], w.key, strict=True))[field] for w in group]  # type: ignore[union-attr]
        if which == "o":
            return [getattr(w.old, field) for w in group]  # type: ignore[union-attr]
        return [getattr(w.new if isinstance(w, Swap) else w.row, field) for w in group]  # type: ignore[union-attr]

    return [values(name) for name in query.names]


@cache
def _query(verb: type, table: Table, *, look: bool) -> Query:
    if verb is Insert or verb is Put:
        given = _unnested(table, "n")
        names = [c.name for c in table.c]
        statement = upsert(table).from_select(names, select(*(given[f"n_{n}"] for n in names)))
        if verb is Put:
            rest = {c.name: statement.excluded[c.name] for c in table.c if not c.primary_key}
            keys = list(table.primary_key.columns)
            statement = (
                statement.on_conflict_do_update(index_elements=keys, set_=rest)
                if rest
                else statement.on_conflict_do_nothing()
            )
        return compiled(statement)
    if verb is Delete:
        given = _unnested(table, "k", keys_only=True)
        same = (c == given[f"k_{c.name}"] for c in table.primary_key.columns)
        return compiled(delete(table).where(*same))
    if look:
        given = _unnested(table, "o")
        rows = select(table.primary_key.columns[0]).where(
            *(c == given[f"o_{c.name}"] for c in table.c)
        )
        return compiled(rows.with_for_update(read=True, of=table))
    given = _unnested(table, "o", "n")
    rest = {c.name: given[f"n_{c.name}"] for c in table.c if not c.primary_key}
    return compiled(update(table).values(rest).where(*(c == given[f"o_{c.name}"] for c in table.c)))


def _unnested(
    table: Table, *prefixes: str, keys_only: bool = False
) -> dict[str, KeyedColumnElement[Any]]:
    """Rows made of one array a column, by the columns' names with their prefixes."""
    columns = [
        (f"{prefix}_{c.name}", c.type)
        for prefix in prefixes
        for c in (table.primary_key.columns if keys_only else table.c)
    ]
    arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in columns]
    rows = func.unnest(*arrays).table_valued(*(column(n, k) for n, k in columns), name="given")
    derived = rows.render_derived()
    return {name: derived.c[name] for name, _ in columns}
