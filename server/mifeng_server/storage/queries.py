"""The reads of a store as SQL that both databases understand. Parameters are named: `:unit_id`.

The text is made here and not by SQLAlchemy, which a server on SQLite then need not load: it takes
20 MiB, and a fifth of the time to start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import ParamSpec, TypeVar, cast

from mifeng_server.domain.rows import KEYS, Row
from mifeng_server.storage.tables import FIELDS, NAMES

__all__ = [
    "Parameters",
    "among_query",
    "bounds",
    "count_query",
    "due_query",
    "find_query",
    "get_query",
    "listed",
    "numbered",
    "once",
    "same",
    "total_query",
]

Parameters = dict[str, int | str | bytes]

P = ParamSpec("P")
T = TypeVar("T")


def once(make: Callable[P, T]) -> Callable[P, T]:
    """Make each query once: `cache`, which does not know that classes of rows can be keys."""
    return cast("Callable[P, T]", cache(make))


def listed(fields: Iterable[str]) -> str:
    """Columns, quoted: some are words of SQL as well."""
    return ", ".join(f'"{field}"' for field in fields)


def same(fields: Iterable[str]) -> list[str]:
    """That each column is what its parameter says."""
    return [f'"{field}" = :{field}' for field in fields]


def _from(kind: type[Row], conditions: Iterable[str]) -> str:
    where = " AND ".join(conditions)
    return f'FROM "{NAMES[kind]}"' + (f" WHERE {where}" if where else "")


@once
def get_query(kind: type[Row]) -> str:
    """One row, by its key."""
    return f"SELECT {listed(FIELDS[kind])} {_from(kind, same(KEYS[kind]))}"


@once
def find_query(
    kind: type[Row], order: str, equal: tuple[str, ...], *, after: bool, until: bool
) -> str:
    """Rows in order, within bounds."""
    conditions = same(equal)
    if after:
        conditions.append(f'"{order}" > :v_after')
    if until:
        conditions.append(f'"{order}" <= :v_until')
    rest = [field for field in KEYS[kind] if field != order and field not in equal]
    return (
        f"SELECT {listed(FIELDS[kind])} {_from(kind, conditions)} "
        f"ORDER BY {listed((order, *rest))} LIMIT :v_limit"
    )


@once
def among_query(kind: type[Row], field: str, count: int) -> str:
    """Rows with one of so many values."""
    values = ", ".join(f":v_{n}" for n in range(count))
    return f"SELECT {listed(FIELDS[kind])} " + _from(kind, [f'"{field}" IN ({values})'])


def numbered(values: Iterable[bytes]) -> Parameters:
    """The parameters of `among_query`."""
    return {f"v_{n}": value for n, value in enumerate(values)}


@once
def due_query(kind: type[Row], field: str, equal: tuple[str, ...], *, until: bool) -> str:
    """Keys of rows that end. Without an order: to sort all that end at one time takes longer than
    to delete them.
    """
    conditions = [*same(equal), f'"{field}" > 0']
    if until:
        conditions.append(f'"{field}" <= :v_until')
    return f"SELECT {listed(KEYS[kind])} {_from(kind, conditions)} LIMIT :v_limit"


@once
def count_query(kind: type[Row], equal: tuple[str, ...]) -> str:
    """How many rows have these values."""
    return f"SELECT count(*) {_from(kind, same(equal))}"


@once
def total_query(kind: type[Row], field: str, equal: tuple[str, ...]) -> str:
    """The sum of a field over the rows that have these values."""
    return f'SELECT coalesce(sum("{field}"), 0) {_from(kind, same(equal))}'


def bounds(after: int | None, until: int | None, limit: int) -> Parameters:
    """The parameters of `find_query` besides the equal ones."""
    given = {"v_after": after, "v_until": until, "v_limit": limit}
    return {name: bound for name, bound in given.items() if bound is not None}
