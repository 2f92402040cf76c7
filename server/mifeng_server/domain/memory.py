"""Store, blobs and shares in memory: whole implementations of their contracts, for tests.

Nothing here survives the process; everything else is as on a disk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Generator, Sequence
from typing import TypeVar, cast

from mifeng_crypto.errors import StorageError
from mifeng_server.domain.protocols import Checksum, ConflictError, Hashing, checked
from mifeng_server.domain.rows import Delete, Insert, Key, Put, Row, Swap, Write, key_of

__all__ = ["MemoryBlobs", "MemoryShares", "MemoryStore"]

R = TypeVar("R", bound=Row)

Tables = dict[type[Row], dict[Key, Row]]

PIECE_BYTES = 1 << 20


class _Outcome:
    """An awaitable that is done, and that nobody has to await."""

    def __init__(self, error: ConflictError | None) -> None:
        self._error = error

    def __await__(self) -> Generator[None, None, None]:
        yield from ()
        if self._error is not None:
            raise self._error


class MemoryStore:
    """`Store` on dictionaries."""

    shared = False

    def __init__(self) -> None:
        self._tables: Tables = {}

    async def get(self, kind: type[R], *key: int | str | bytes) -> R | None:
        return cast("R | None", self._tables.get(kind, {}).get(key))

    async def find(
        self,
        kind: type[R],
        /,
        *,
        order: str,
        after: int | None = None,
        until: int | None = None,
        limit: int,
        **equal: int | str | bytes,
    ) -> tuple[R, ...]:
        rows = [
            row
            for row in self._matching(kind, equal)
            if (after is None or getattr(row, order) > after)
            and (until is None or getattr(row, order) <= until)
        ]
        rows.sort(key=lambda row: (getattr(row, order), key_of(row)))
        return tuple(cast("list[R]", rows[:limit]))

    async def among(self, kind: type[R], field: str, values: Sequence[bytes], /) -> tuple[R, ...]:
        rows = [row for row in self._matching(kind, {}) if getattr(row, field) in values]
        return tuple(cast("list[R]", rows))

    async def due(
        self,
        kind: type[Row],
        field: str,
        /,
        *,
        until: int | None = None,
        limit: int,
        **equal: int | str | bytes,
    ) -> tuple[Key, ...]:
        due = [
            key_of(row)
            for row in self._matching(kind, equal)
            if getattr(row, field) > 0 and (until is None or getattr(row, field) <= until)
        ]
        return tuple(due[:limit])

    async def count(self, kind: type[Row], /, **equal: int | str | bytes) -> int:
        return len(self._matching(kind, equal))

    async def total(self, kind: type[Row], field: str, /, **equal: int | str | bytes) -> int:
        return sum(getattr(row, field) for row in self._matching(kind, equal))

    def _matching(self, kind: type[Row], equal: dict[str, int | str | bytes]) -> list[Row]:
        return [
            row
            for row in self._tables.get(kind, {}).values()
            if all(getattr(row, field) == value for field, value in equal.items())
        ]

    def write(self, batch: Sequence[Write]) -> Awaitable[None]:
        undo: list[tuple[dict[Key, Row], Key, Row | None]] = []
        try:
            for write in batch:
                self._apply(write, undo)
        except ConflictError as err:
            for table, key, before in reversed(undo):
                if before is None:
                    table.pop(key, None)
                else:
                    table[key] = before
            return _Outcome(err)
        return _Outcome(None)

    def _apply(self, write: Write, undo: list[tuple[dict[Key, Row], Key, Row | None]]) -> None:
        if isinstance(write, Delete):
            kind, key, after = write.kind, write.key, None
        else:
            after = write.new if isinstance(write, Swap) else write.row
            kind, key = type(after), key_of(after)
        table = self._tables.setdefault(kind, {})
        before = table.get(key)
        met = {
            Insert: before is None,
            Put: True,
            Swap: isinstance(write, Swap) and before == write.old,
            Delete: isinstance(write, Delete) and (before is not None or not write.must_exist),
        }
        if not met[type(write)]:
            raise ConflictError(f"a {kind.__name__} was not as expected")
        undo.append((table, key, before))
        if after is None:
            table.pop(key, None)
        else:
            table[key] = after

    async def settle(self) -> None:
        """Every write is done when it is called."""

    async def scrub(self) -> None:
        """What was deleted is gone."""

    async def close(self) -> None:
        """Nothing to let go of."""


class MemoryBlobs:
    """`Blobs` on bytearrays."""

    def __init__(self) -> None:
        self._blobs: dict[bytes, bytearray] = {}

    async def append(
        self,
        key: bytes,
        offset: int,
        chunks: AsyncIterator[bytes],
        *,
        checksum: Checksum | None = None,
        hashing: Hashing | None = None,
    ) -> int:
        blob = self._blobs.setdefault(key, bytearray())
        if len(blob) != offset:
            raise ConflictError(f"the blob has {len(blob)} bytes, not {offset}")
        async for chunk in chunks if checksum is None else checked(chunks, checksum):
            if hashing is not None:
                hashing.update(chunk)
            blob += chunk
        return len(blob)

    async def size(self, key: bytes) -> int:
        return len(self._blobs.get(key, b""))

    async def room(self) -> int | None:
        return None

    async def read(self, key: bytes, start: int, end: int) -> AsyncIterator[bytes]:
        blob = self._blobs.get(key, bytearray())
        if end > len(blob):
            raise StorageError("a file is not whole on the server's disk: restore it from a backup")
        for at in range(start, end, PIECE_BYTES):
            yield bytes(blob[at : min(at + PIECE_BYTES, end)])

    async def delete(self, *keys: bytes) -> None:
        for key in keys:
            self._blobs.pop(key, None)

    async def keys(self) -> frozenset[bytes]:
        return frozenset(self._blobs)


class MemoryShares:
    """`Shares` in a dictionary."""

    def __init__(self) -> None:
        self._shares: dict[bytes, tuple[int, bytes]] = {}

    async def put(self, name: bytes, share: bytes, *, deadline: int) -> None:
        known = self._shares.get(name, (0, b""))
        self._shares[name] = max(known, (deadline, share))

    async def get(self, name: bytes) -> bytes | None:
        return self._shares[name][1] if name in self._shares else None

    async def destroy(self, *names: bytes) -> None:
        for name in names:
            self._shares.pop(name, None)

    async def expire(self, until: int) -> int:
        ended = [name for name, (deadline, _) in self._shares.items() if deadline <= until]
        await self.destroy(*ended)
        return len(ended)

    async def names(self) -> frozenset[bytes]:
        return frozenset(self._shares)

    async def close(self) -> None:
        """Nothing to let go of."""
