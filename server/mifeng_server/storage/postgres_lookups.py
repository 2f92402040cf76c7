"""Rows by their keys: what is asked for while an answer is under way becomes one question.

A lookup costs a trip to the database, whatever it asks for; so a hundred requests that each look
for a row of one kind share two trips, and each is answered with what was there after it had asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast, get_type_hints

from mifeng_server.domain.rows import KEYS, Key, Row
from mifeng_server.storage.postgres_writes import ARRAYS
from mifeng_server.storage.queries import listed, once
from mifeng_server.storage.tables import FIELDS, NAMES

__all__ = ["Lookups"]

R = TypeVar("R", bound=Row)

Fetch = Callable[[str, Sequence[Sequence[Any]]], Awaitable[Sequence[Any]]]


TOO_GREAT = 1 << 63
"""The first number that is too great for a column."""


class Lookups:
    """One question at a time for each kind of row.

    Args:
        fetch: runs a query with its arguments, and returns rows.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._asked: dict[type[Row], dict[Key, asyncio.Future[Row | None]]] = {}
        self._asking: dict[type[Row], asyncio.Task[None]] = {}

    async def get(self, kind: type[R], key: Key) -> R | None:
        """Return the row of this key.

        Raises:
            StorageError: the database failed.
        """
        if any(isinstance(part, int) and not -TOO_GREAT <= part < TOO_GREAT for part in key):
            return None  # it would fail the question of everybody who asks in this moment
        asked = self._asked.setdefault(kind, {})
        found = asked.get(key)
        if found is None:
            asked[key] = found = asyncio.get_running_loop().create_future()
            if kind not in self._asking:
                self._asking[kind] = asyncio.create_task(self._ask(kind))
        # Who gives up waiting takes it from nobody else.
        return cast("R | None", await asyncio.shield(found))

    async def _ask(self, kind: type[Row]) -> None:
        while asked := self._asked.pop(kind, None):
            try:
                rows = await self._fetch(_query(kind), list(zip(*asked, strict=True)))
                found = {tuple(row[k] for k in KEYS[kind]): kind(**row) for row in rows}
            except Exception as err:  # noqa: BLE001 - whoever waits is told
                for waiting in asked.values():
                    waiting.set_exception(err)
            else:
                for key, waiting in asked.items():
                    waiting.set_result(found.get(key))
        del self._asking[kind]


@once
def _query(kind: type[Row]) -> str:
    hints, keys = get_type_hints(kind), listed(KEYS[kind])
    arrays = ", ".join(f"${n}::{ARRAYS[hints[name]]}" for n, name in enumerate(KEYS[kind], 1))
    return (
        f"SELECT {listed(FIELDS[kind])} FROM unnest({arrays}) AS asked({keys}) "  # noqa: S608 - names of ours
        f'JOIN "{NAMES[kind]}" USING ({keys})'
    )
