"""Writes on SQLite: all of one verb to one kind of row are one statement, many times."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from mifeng_server.domain.protocols import ConflictError
from mifeng_server.domain.rows import (
    KEYS,
    Delete,
    Key,
    Put,
    Row,
    Swap,
    Write,
    values_getter,
)
from mifeng_server.storage.queries import listed, once
from mifeng_server.storage.tables import FIELDS, NAMES

__all__ = ["transact"]


class _Statement(NamedTuple):
    """SQL, and what makes its parameters of a write."""

    text: str
    parameters: Callable[[Write], Key]


def transact(connection: sqlite3.Connection, parts: Iterable[Sequence[Write]]) -> None:
    """Do all or nothing, durably. No part may touch a row twice.

    Raises:
        ConflictError: an expectation was not met.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        for writes in parts:
            _run(connection, writes)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have ended it
            connection.execute("ROLLBACK")
        raise


def _run(connection: sqlite3.Connection, writes: Sequence[Write]) -> None:
    groups: dict[tuple[type[Write], type[Row], bool], list[Write]] = {}
    for write in writes:
        groups.setdefault(_name(write), []).append(write)
    for (verb, kind, must_exist), group in groups.items():
        statement = _statement(verb, kind)
        try:
            done = connection.executemany(statement.text, map(statement.parameters, group))
        except sqlite3.IntegrityError as err:
            raise ConflictError(f"a {kind.__name__} was there already") from err
        if (verb is Swap or must_exist) and done.rowcount != len(group):
            raise ConflictError(f"a {kind.__name__} was not as expected")


def _name(write: Write) -> tuple[type[Write], type[Row], bool]:
    if isinstance(write, Delete):
        return Delete, write.kind, write.must_exist
    return type(write), type(write.new if isinstance(write, Swap) else write.row), False


@once
def _statement(verb: type[Write], kind: type[Row]) -> _Statement:
    table, fields, keys = f'"{NAMES[kind]}"', FIELDS[kind], KEYS[kind]
    values = values_getter(fields)
    if verb is Delete:
        return _Statement(
            f"DELETE FROM {table} WHERE {_all(keys)}",  # noqa: S608 - names of our own
            lambda write: write.key,  # type: ignore[union-attr]
        )
    rest = tuple(field for field in fields if field not in keys)
    if verb is Swap:
        changed = values_getter(rest)
        return _Statement(
            f"UPDATE {table} SET {_each(rest)} WHERE {_all(fields)}",  # noqa: S608 - likewise
            lambda write: changed(write.new) + values(write.old),  # type: ignore[union-attr]
        )
    insert = f"INSERT INTO {table} ({listed(fields)}) VALUES ({', '.join('?' * len(fields))})"  # noqa: S608
    if verb is Put:
        taken = ", ".join(f'"{field}" = excluded."{field}"' for field in rest)
        insert += f" ON CONFLICT ({listed(keys)}) DO "
        insert += f"UPDATE SET {taken}" if taken else "NOTHING"
    return _Statement(insert, lambda write: values(write.row))  # type: ignore[union-attr]


def _each(fields: Iterable[str]) -> str:
    return ", ".join(f'"{field}" = ?' for field in fields)


def _all(fields: Iterable[str]) -> str:
    return " AND ".join(f'"{field}" = ?' for field in fields)
