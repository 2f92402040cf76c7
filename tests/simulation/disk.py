"""What survives a crash: the client's database and the server's store, with the moments between.

A write takes its time before it is durable and again before anybody hears that it is. A machine
that crashes meanwhile has the whole of it on its disk, or nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Self

from mifeng.errors import ProfileMissingError
from mifeng.store import Sealer
from mifeng.store.database import TABLES, Changes
from mifeng_crypto.errors import StorageError
from mifeng_server.domain.memory import MemoryStore
from mifeng_server.domain.protocols import ConflictError
from mifeng_server.domain.rows import Write

__all__ = ["Disk", "NoLock", "NoVault", "PowerOffError", "SimDatabase", "SimStore"]

DURABLE_S = 0.004
"""The longest that a write takes until it is durable, and again until that is known."""


class PowerOffError(StorageError):
    """Whoever still runs after the crash is told so; in truth nobody would be left to be told."""

    def __init__(self) -> None:
        super().__init__("the machine is off")


class Disk:
    """A client's disk: what is durable, and who may still write to it.

    Attributes:
        watch: is told of each transaction that has become durable.
        power: false from a crash until the machine starts again: whoever still runs writes nothing.
        crash_in: how many more writes until the power fails in the midst of one; 0: it does not.
        crash_written: whether that one is on the disk then; None leaves it to chance.
        writes: how many there were.
    """

    def __init__(self, chance: random.Random, crash: Callable[[], None]) -> None:
        self.chance = chance
        self.crash = crash
        self.header: dict[str, bytes] | None = None
        self.tables: dict[str, dict[bytes, bytes]] = {}
        self.watch: Callable[[Changes], None] = lambda _: None
        self.life = 0
        self.crash_in = 0
        self.crash_written: bool | None = None
        self.writes = 0

    def wipe(self) -> None:
        """Delete the profile's folder."""
        self.header, self.tables = None, {}


class SimDatabase:
    """`mifeng.store.Database` on a `Disk`; see there."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.life = disk.life
        self._sealer: Sealer | None = None
        self._turn = asyncio.Lock()

    @classmethod
    async def make(cls, disk: Disk) -> Self:
        if disk.header is not None:
            raise StorageError("there is a profile already")
        disk.header, disk.tables = {}, {table: {} for table in TABLES}
        return cls(disk)

    @classmethod
    async def open(cls, disk: Disk) -> Self:
        if disk.header is None:
            raise ProfileMissingError("there is no profile")
        return cls(disk)

    def unlock(self, sealer: Sealer, vault: NoVault) -> None:
        del vault
        self._sealer = sealer

    async def settle_keys(self) -> None:
        """There are none but the store key."""

    async def renew_state_keys(self) -> None:
        """There are none but the store key."""

    async def close(self) -> None:
        """Nothing to let go of."""

    async def header(self, name: str) -> bytes | None:
        assert self.disk.header is not None, "it was opened"
        return self.disk.header.get(name)

    async def put_header(self, name: str, value: bytes) -> None:
        assert self.disk.header is not None, "it was opened"
        if self.life == self.disk.life:
            self.disk.header[name] = value

    async def get(self, table: str, key: bytes) -> bytes | None:
        sealed = self.disk.tables[table].get(key)
        return None if sealed is None else self._opener.open(table, key, sealed)

    async def scan(
        self,
        table: str,
        prefix: bytes = b"",
        *,
        after: bytes = b"",
        first: int | None = None,
        last: int | None = None,
    ) -> list[tuple[bytes, bytes]]:
        rows = self.disk.tables[table]
        keys = sorted(key for key in rows if key.startswith(prefix) and key > after)
        if last is not None:
            keys = keys[max(len(keys) - last, 0) :]
        elif first is not None:
            keys = keys[:first]
        return [(key, self._opener.open(table, key, rows[key])) for key in keys]

    async def save(self, changes: Changes) -> None:
        if not changes:
            return
        opener, disk = self._opener, self.disk
        sealed = [
            (table, key, None if value is None else opener.seal(table, key, value))
            for (table, key), value in changes.items()
        ]
        async with self._turn:
            await asyncio.sleep(disk.chance.uniform(0, DURABLE_S))
            if disk.life != self.life:
                raise PowerOffError
            disk.writes += 1
            if disk.crash_in:
                disk.crash_in -= 1
                if not disk.crash_in:
                    written = disk.crash_written
                    if written is None:
                        written = disk.chance.random() < 0.5
                    if written:
                        self._write(sealed, changes)
                    disk.crash()
                    raise PowerOffError
            self._write(sealed, changes)
            await asyncio.sleep(disk.chance.uniform(0, DURABLE_S))

    def _write(self, sealed: list[tuple[str, bytes, bytes | None]], changes: Changes) -> None:
        for table, key, value in sealed:
            if value is None:
                self.disk.tables[table].pop(key, None)
            else:
                self.disk.tables[table][key] = value
        self.disk.watch(changes)

    @property
    def _opener(self) -> Sealer:
        assert self._sealer is not None, "the database has to be unlocked first"
        return self._sealer


class NoVault:
    """Stands where `Vault` stands: here everything is sealed under the store key."""

    @classmethod
    def create(cls, path: Path, store_key: bytes, *, rng: object) -> Self:
        del path, store_key, rng
        return cls()

    open = create

    def lock(self, until: int) -> None:
        """Nothing is locked."""

    def slots(self) -> tuple[()]:
        return ()

    def has_share(self, name: object) -> bool:
        """Nothing needs one."""
        del name
        return True

    def close(self) -> None:
        """There is nothing to close."""


class NoLock:
    """Stands where `ProfileLock` stands: here nobody else is at the folder."""

    def __init__(self, folder: Path) -> None:
        del folder

    def release(self) -> None:
        """There is nothing to release."""


class SimStore(MemoryStore):
    """The server's store: what is entered becomes durable in order, several batches at once."""

    def __init__(self, disk: MemoryStore, chance: random.Random, crash: Callable[[], None]) -> None:
        super().__init__()
        self._tables = disk._tables
        self._chance = chance
        self._waiting: list[tuple[Sequence[Write], asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._crash = crash
        self.is_on = True
        self.fails = False
        """Whether the power fails while the next batch is being written."""

    def write(self, batch: Sequence[Write]) -> Awaitable[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.add_done_callback(lambda f: f.cancelled() or f.exception())
        self._waiting.append((batch, done))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        return asyncio.shield(done)

    async def settle(self) -> None:
        if self._waiting:
            await asyncio.wait([self._waiting[-1][1]])

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._chance.uniform(0, 2 * DURABLE_S))
            if self.fails:
                await asyncio.sleep(self._chance.uniform(0, 0.5))
                self._crash()
            if not self.is_on:
                return
            group = self._chance.randint(1, len(self._waiting))
            for batch, done in self._waiting[:group]:
                try:
                    await super().write(batch)
                except ConflictError as err:
                    done.set_exception(err)
                else:
                    done.set_result(None)
            del self._waiting[:group]
        self._task = None
