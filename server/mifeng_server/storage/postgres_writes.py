"""Writes on PostgreSQL: one statement for many rows of many kinds, in one array a column.

    WITH look0 AS (SELECT .. FOR UPDATE), ..       rows that must be as expected, and are held
         checked AS (SELECT count = how many, ..),
         change0 AS (UPDATE .. WHERE checked), ..  what is done if all of them are
    SELECT ok FROM checked

So a transaction is one trip to the database, and one that meets a conflict is no error there that
would fill its log. Rows are in the order of their keys, and kinds of rows in one order, so that two
nodes that write the same rows wait for each other and do not block.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_type_hints

import asyncpg

from mifeng_server.domain.protocols import ConflictError
from mifeng_server.domain.rows import KEYS, Delete, Insert, Put, Row, Swap, Write, key_of
from mifeng_server.storage.queries import listed, once
from mifeng_server.storage.tables import FIELDS, NAMES

__all__ = ["ARRAYS", "run"]

ARRAYS = {int: "bigint[]", str: "text[]", bytes: "bytea[]"}
"""How values of a field come, many at once."""

_ORDER = {kind: n for n, kind in enumerate(NAMES)}
_VERBS: dict[type, int] = {Swap: 0, Delete: 1, Put: 2, Insert: 3}


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """What is done alike to rows of one kind.

    Attributes:
        flag: `must_exist` of deletions; that swaps change nothing, and only look.
    """

    order: int
    verb_order: int
    flag: bool


class Statement(NamedTuple):
    """SQL, and where its arrays come from: the number of a part, `old`, `new` or `key`, a field."""

    text: str
    arrays: tuple[tuple[int, str, str], ...]


async def run(connection: asyncpg.Connection, writes: Iterable[Write]) -> None:
    """Run writes that touch no row twice: all of them, or none.

    Raises:
        ConflictError: an expectation was not met, and nothing was written.
    """
    groups: dict[Part, list[Write]] = {}
    for write in writes:
        flag = write.must_exist if isinstance(write, Delete) else _is_look(write)
        part = Part(_ORDER[_kind(write)], _VERBS[type(write)], flag)
        groups.setdefault(part, []).append(write)
    if not groups:
        return
    parts = tuple(sorted(groups))
    ordered = [sorted(groups[part], key=_key) for part in parts]
    statement = _statement(parts)
    arrays = [_values(ordered[at], which, field) for at, which, field in statement.arrays]
    try:
        is_ok = await connection.fetchval(statement.text, *arrays)
    except (
        asyncpg.UniqueViolationError,
        asyncpg.DeadlockDetectedError,
        asyncpg.SerializationError,
    ) as err:
        raise ConflictError(f"one of these was there already: {_named(parts)}") from err
    if not is_ok:
        raise ConflictError(f"one of these was not as expected: {_named(parts)}")


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


def _values(group: Sequence[Any], which: str, field: str) -> list[Any]:
    match which:
        case "key":
            at = KEYS[group[0].kind].index(field)
            return [write.key[at] for write in group]
        case "old":
            return [getattr(write.old, field) for write in group]
        case "new":
            return [getattr(write.new, field) for write in group]
    return [getattr(write.row, field) for write in group]


def _named(parts: Sequence[Part]) -> str:
    return ", ".join(list(NAMES.values())[part.order] for part in parts)


# ------------------------------------------------------------------ the text


@once
def _statement(parts: tuple[Part, ...]) -> Statement:
    """All parts as one statement: looks first, in their order, then changes."""
    arrays: list[tuple[int, str, str]] = []
    looks, counts, changes = list[str](), list[str](), list[str]()
    for at, part in enumerate(parts):
        kind, verb = list(_ORDER)[part.order], list(_VERBS)[part.verb_order]

        def given(which: str, fields: Sequence[str], at: int = at, kind: type[Row] = kind) -> str:
            """Rows made of one array a field."""
            hints, casts = get_type_hints(kind), list[str]()
            for field in fields:
                arrays.append((at, which, field))
                casts.append(f"${len(arrays)}::{ARRAYS[hints[field]]}")
            return f"unnest({', '.join(casts)}) AS given({listed(fields)})"

        only = verb is Swap and part.flag
        if verb is Swap or part.flag:
            first = len(arrays) + 1
            looks.append(f"look{at} AS ({_look(kind, verb, given, only=only)})")
            counts.append(f"(SELECT count(*) FROM look{at}) = cardinality(${first})")  # noqa: S608 - numbers
        if not only:
            changes.append(f"change{at} AS ({_change(kind, verb, given)})")
    checked = f"checked AS (SELECT {' AND '.join(counts) or 'true'} AS ok)"
    text = f"WITH {', '.join([*looks, checked, *changes])} SELECT ok FROM checked"  # noqa: S608
    return Statement(text, tuple(arrays))


def _look(kind: type[Row], verb: type, given: Any, *, only: bool) -> str:  # noqa: ANN401
    """Find the rows that are as expected, and hold them; what only looks lets others look too."""
    if verb is Delete:
        rows, same, lock = given("key", KEYS[kind]), _same(KEYS[kind]), "UPDATE"
    else:
        lock = "SHARE" if only else "NO KEY UPDATE"
        rows, same = given("old", FIELDS[kind]), _same(FIELDS[kind])
    return f'SELECT 1 FROM "{NAMES[kind]}" AS held, {rows} WHERE {same} FOR {lock} OF held'  # noqa: S608 - names of ours


def _change(kind: type[Row], verb: type, given: Any) -> str:  # noqa: ANN401
    table, keys, fields = f'"{NAMES[kind]}"', KEYS[kind], FIELDS[kind]
    rest = [field for field in fields if field not in keys]
    if verb is Delete:
        return (
            f"DELETE FROM {table} AS held USING {given('key', keys)} "  # noqa: S608 - likewise
            f"WHERE {_same(keys)} AND (SELECT ok FROM checked)"
        )
    if verb is Swap:
        return (
            f"UPDATE {table} AS held SET {_each(rest, 'given')} FROM {given('new', fields)} "  # noqa: S608 - likewise
            f"WHERE {_same(keys)} AND (SELECT ok FROM checked)"
        )
    insert = (
        f"INSERT INTO {table} ({listed(fields)}) SELECT {listed(fields)} "  # noqa: S608 - likewise
        f"FROM {given('row', fields)} WHERE (SELECT ok FROM checked)"
    )
    if verb is Insert:
        return insert
    assert verb is Put, "there are no others"
    done = f"UPDATE SET {_each(rest, 'excluded')}" if rest else "NOTHING"
    return f"{insert} ON CONFLICT ({listed(keys)}) DO {done}"


def _same(fields: Iterable[str]) -> str:
    return " AND ".join(f'held."{field}" = given."{field}"' for field in fields)


def _each(fields: Iterable[str], source: str) -> str:
    return ", ".join(f'"{field}" = {source}."{field}"' for field in fields)
