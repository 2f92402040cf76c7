"""The contracts that the domain stands on; `tests/contracts` runs one suite on each of them.

Every method may be called by many tasks at once. Whatever else goes wrong than what is listed is
a `StorageError`, and then nothing has changed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from mifeng_crypto.errors import MifengError, StorageError
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.receipt import Acceptance
from mifeng_server.domain.events import Event
from mifeng_server.domain.rows import Key, Row, Write

__all__ = [
    "Blobs",
    "Bus",
    "BusyError",
    "Clock",
    "ConflictError",
    "FullError",
    "Hints",
    "Locks",
    "Notary",
    "Notify",
    "Shares",
    "Store",
]

R = TypeVar("R", bound=Row)


class ConflictError(MifengError):
    """A batch met something other than what it was decided on; none of it was written."""


class FullError(StorageError):
    """The disk is full; nothing was written."""

    def __init__(self) -> None:
        super().__init__("the disk of the server is full; make room, then try again")


class BusyError(StorageError):
    """Too much is waiting to be written; nothing was written. Try again soon."""

    def __init__(self) -> None:
        super().__init__("the server has too much to write at the moment; try again in a second")


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> int:
        """Return Unix milliseconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when this clock has moved on by so much."""
        ...


class Store(Protocol):
    """Rows, and batches of writes that happen wholly or not at all.

    Attributes:
        shared: whether other processes write to it as well.
    """

    shared: bool

    async def get(self, kind: type[R], *key: int | str | bytes) -> R | None:
        """Return the row of this key, as it was last written durably."""
        ...

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
        """Return rows whose fields are `equal`, ascending by the field `order`.

        Args:
            kind: of these.
            order: the field to sort by.
            after: only rows with a greater `order`.
            until: only rows with an `order` not above this.
            limit: at most so many.
            equal: field and value.
        """
        ...

    async def among(self, kind: type[R], field: str, values: Sequence[bytes], /) -> tuple[R, ...]:
        """Return the rows whose `field` is one of these few hundred values, in no order."""
        ...

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
        """Return keys of rows whose `field` is above 0, in no order: thousands end at one time.

        Args:
            kind: of these.
            field: when they end; one that has an index.
            until: only those where it is not above this.
            limit: at most so many.
            equal: field and value.
        """
        ...

    async def count(self, kind: type[Row], /, **equal: int | str | bytes) -> int:
        """Return how many rows have these values."""
        ...

    async def total(self, kind: type[Row], field: str, /, **equal: int | str | bytes) -> int:
        """Return the sum of a field over the rows that have these values."""
        ...

    def write(self, batch: Sequence[Write]) -> Awaitable[None]:
        """Enter a batch at once; await its being durable.

        Batches take effect in the order of the calls, so a batch may build on one that is still
        under way: if that fails, this one fails too. When the awaited returns, the batch is on the
        disk and survives a power cut. It cannot be cancelled.

        Raises:
            BusyError: by the call: the queue is full.
            ConflictError: by the awaited: an expectation of the batch was not met.
            FullError: by the awaited: no space.
        """
        ...

    async def settle(self) -> None:
        """Return when every batch entered so far is durable or has failed."""
        ...

    async def scrub(self) -> None:
        """Let what was deleted leave the disk, as far as that is in the store's hands."""
        ...

    async def close(self) -> None:
        """Settle, and let go of the database."""
        ...


class Checksum(Protocol):
    """What all chunks of one `append` have to come to."""

    def update(self, data: bytes, /) -> None:
        """Take in what comes next; in any thread."""
        ...

    def check(self) -> None:
        """Raise if this is not what was to come."""
        ...


class Hashing(Protocol):
    """What is told of the bytes that an `append` writes."""

    def update(self, data: bytes, /) -> None:
        """Take in what is written next; in any thread."""
        ...


async def checked(chunks: AsyncIterator[bytes], checksum: Checksum) -> AsyncIterator[bytes]:
    """Hold chunks back, in memory, until all of them are known to be right."""
    held = deque[bytes]()
    async for chunk in chunks:
        checksum.update(chunk)
        held.append(chunk)
    checksum.check()
    while held:  # whoever takes them gathers an object of them: each is in memory once
        yield held.popleft()


class Blobs(Protocol):
    """Files under a key, written from front to back in pieces, read in ranges.

    Within a process one task at a time writes a blob; between processes that share the blobs nobody
    need see to it: whoever comes late overwrites nothing. Readers are free.
    """

    async def append(
        self,
        key: bytes,
        offset: int,
        chunks: AsyncIterator[bytes],
        *,
        checksum: Checksum | None = None,
        hashing: Hashing | None = None,
    ) -> int:
        """Write `chunks` at `offset`, which must be the blob's size; return the new size.

        What was returned is durable. If `chunks` raises, what came before is kept as far as
        possible, and the error goes on; `size` says how much it is. With a checksum, all is kept
        or nothing: if `chunks` raises, or the checksum is another, the blob is as it was.

        `hashing` is told of the bytes in their order. If this raises, that may be more than was
        kept, and never less; as many are the same ones.

        Raises:
            ConflictError: the size is another, or becomes so by another process meanwhile.
            FullError: no space; what came before may have been kept.
        """
        ...

    async def size(self, key: bytes) -> int:
        """Return how many bytes there are; 0 where there is no such blob."""
        ...

    async def room(self) -> int | None:
        """Return how many more bytes fit; None where there is no saying."""
        ...

    def read(self, key: bytes, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` up to `end` in pieces of at most 1 MiB.

        Raises:
            StorageError: they are not all there.
        """
        ...

    async def delete(self, *keys: bytes) -> None:
        """Delete blobs, durably; no harm if there are none. Many at once take less than each."""
        ...

    async def keys(self) -> frozenset[bytes]:
        """Return the keys of all blobs."""
        ...


class Shares(Protocol):
    """The server's halves of keys. They are nowhere else: not in the store, not in its backups.

    Each is sealed under a key that all shares of one end have in common, and the end of a share is
    its deadline, rounded up to ten minutes (`mifeng_server.vault.end_of`). Such a key is where it
    can be destroyed for good: a cell that is overwritten, or an object in an unversioned bucket.
    """

    async def put(self, name: bytes, share: bytes, *, deadline: int) -> None:
        """Keep a share durably until its deadline. One that is there already gets more time so.

        Args:
            name: at most 32 bytes; a file's id, or `slot_name` of a strict unit's hour.
            share: 32 bytes.
            deadline: Unix milliseconds.

        Raises:
            FullError: no space.
        """
        ...

    async def get(self, name: bytes) -> bytes | None:
        """Return the share, or None if it is destroyed.

        Raises:
            StorageError: it is damaged.
        """
        ...

    async def destroy(self, *names: bytes) -> None:
        """Destroy shares before their end, durably; no harm if there are none."""
        ...

    async def expire(self, until: int) -> int:
        """Destroy, durably, the keys of every end that is not after `until`; return how many."""
        ...

    async def names(self) -> frozenset[bytes]:
        """Return the names of all shares that can still be had."""
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...


class Locks(Protocol):
    """Mutual exclusion by name, first come, first served."""

    def of(self, name: bytes) -> AbstractAsyncContextManager[None]:
        """Return what holds the lock of this name while it is entered."""
        ...


class Notary(Protocol):
    """Signs, with the server's checkpoint key, what is durable. Never anything else."""

    @property
    def public_key(self) -> bytes:
        """The Ed25519 key that clients know it by, from the roster."""
        ...

    def has(self, public_key: bytes) -> bool:
        """Return whether this server has this key: its present one, or the one made to follow."""
        ...

    def use(self, public_key: bytes) -> bool:
        """Sign with this key from now on, as the roster says; return whether the server has it."""
        ...

    async def receipt(self, acceptance: Acceptance) -> bytes:
        """Return an encoded Receipt for what is on the disk. Those asked together share a
        signature.
        """
        ...

    def checkpoint(self, origin: str, head: Head) -> bytes:
        """Return the checkpoint of a ledger or log whose durable head this is."""
        ...


Hints = Sequence[bytes] | None
"""What other nodes said; None when some of it may have been lost."""


class Bus(Protocol):
    """Carries hints between the nodes of one server. It may lose, double and delay them."""

    def publish(self, hint: bytes) -> None:
        """Say something to all other nodes, soon."""
        ...

    async def run(self, take: Callable[[Hints], None]) -> None:
        """Tell and listen, until cancelled. Begins with `take(None)`."""
        ...


class Notify(Protocol):
    """Hears of what has become durable. Must not block and must not raise."""

    def __call__(self, event: Event, /) -> None:
        """Take note."""
        ...
