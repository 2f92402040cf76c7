"""The reads of a store in SQLAlchemy Core, for whichever database. Parameters are named."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Select, Table, bindparam, func, literal_column, select

__all__ = [
    "bounds",
    "count_statement",
    "due_statement",
    "find_statement",
    "get_statement",
    "total_statement",
]

Parameters = dict[str, int | str | bytes]


@cache
def get_statement(table: Table) -> Select[Any]:
    """One row, by its key."""
    return select(table).where(*(c == bindparam(c.name) for c in table.primary_key.columns))


@cache
def find_statement(
    table: Table, order: str, equal: tuple[str, ...], *, after: bool, until: bool
) -> Select[Any]:
    """Rows in order, within bounds."""
    statement = select(table).where(*(table.c[f] == bindparam(f) for f in equal))
    if after:
        statement = statement.where(table.c[order] > bindparam("v_after"))
    if until:
        statement = statement.where(table.c[order] <= bindparam("v_until"))
    rest = [c for c in table.primary_key.columns if c.name != order and c.name not in equal]
    return statement.order_by(table.c[order], *rest).limit(bindparam("v_limit"))


@cache
def due_statement(table: Table, field: str, equal: tuple[str, ...], *, until: bool) -> Select[Any]:
    """Keys of rows that end. Without an order: to sort all that end at one time takes longer than
    to delete them.
    """
    statement = select(*table.primary_key.columns).where(
        *(table.c[f] == bindparam(f) for f in equal), table.c[field] > literal_column("0")
    )
    if until:
        statement = statement.where(table.c[field] <= bindparam("v_until"))
    return statement.limit(bindparam("v_limit"))


def bounds(after: int | None, until: int | None, limit: int) -> Parameters:
    """The parameters of `find_statement` besides the equal ones."""
    given = {"v_after": after, "v_until": until, "v_limit": limit}
    return {name: bound for name, bound in given.items() if bound is not None}


@cache
def count_statement(table: Table, equal: tuple[str, ...]) -> Select[Any]:
    """How many rows have these values."""
    counted = select(func.count()).select_from(table)
    return counted.where(*(table.c[f] == bindparam(f) for f in equal))


@cache
def total_statement(table: Table, field: str, equal: tuple[str, ...]) -> Select[Any]:
    """The sum of a field over the rows that have these values."""
    summed = select(func.coalesce(func.sum(table.c[field]), literal_column("0")))
    return summed.where(*(table.c[f] == bindparam(f) for f in equal))
