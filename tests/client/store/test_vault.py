"""The vault: its keys die on the disk and in memory, and a crash at any step loses none in use."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mifeng.errors import ProfileDamagedError, ProfileMissingError
from mifeng.expiring import Expiring
from mifeng.store import Database, Sealer, SlotName, StateName, Vault, to_the_end
from mifeng.store.cells import CELL_BYTES, GROWTH_BYTES, CellFile
from mifeng_crypto.errors import StorageError
from mifeng_crypto.mls.group.epoch import SECRET_TREE, SECRETS
from mifeng_crypto.secret import MortalKey, Secret
from tests.support.patience import PATIENCE_S, until

KEY = Secret(bytes(range(32)))
UNIT, OTHER = b"u" * 16, b"v" * 16
SLOTS = [SlotName(UNIT, n, 1000 + n) for n in range(5)]


class Store:
    """A database and a vault in a folder, as `Home` has them."""

    opened: ClassVar[list[Store]] = []

    def __init__(self, folder: Path, database: Database, vault: Vault) -> None:
        self.folder, self.database, self.vault = folder, database, vault
        self.opened.append(self)

    @classmethod
    async def create(cls, folder: Path) -> Store:
        folder.mkdir()
        made = cls(
            folder,
            await Database.create(folder / "profile.db"),
            Vault.create(folder / "vault", KEY, rng=os.urandom),
        )
        made.database.unlock(Sealer(KEY, rng=os.urandom), made.vault)
        return made

    @classmethod
    async def open(cls, folder: Path) -> Store:
        vault = Vault.open(folder / "vault", KEY, rng=os.urandom)
        made = cls(folder, await Database.open(folder / "profile.db"), vault)
        made.database.unlock(Sealer(KEY, rng=os.urandom), vault)
        await made.database.settle_keys()
        return made

    async def close(self) -> None:
        self.opened.remove(self)
        await self.database.close()
        self.vault.close()


@pytest.fixture(autouse=True)
async def _close_all() -> AsyncIterator[None]:
    yield
    for store in list(Store.opened):
        await store.close()


def content(text: bytes, slot: int, unit_id: bytes = UNIT) -> Expiring:
    return Expiring.of(text, rest=b"over", unit_id=unit_id, slot=slot, deadline=1000 + slot)


def state(epoch: int, unit_id: bytes = UNIT) -> dict[tuple[str, bytes], bytes | None]:
    return {
        ("mls", unit_id + SECRETS): b"secrets of %d" % epoch,
        ("mls", unit_id + SECRET_TREE + b"1"): b"tree of %d" % epoch,
        ("mls", unit_id + b"public"): b"public of %d" % epoch,
    }


def key_bytes(vault: Vault, name: SlotName | StateName) -> bytes:
    key = vault.get_to_seal(name)
    assert key is not None
    found = bytearray(32)
    key.copy_into(memoryview(found))
    return bytes(found)


# ------------------------------------------------------------------ the file


def test_the_file_is_private_made_beforehand_and_shows_no_key(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    vault = Vault.create(path, KEY, rng=os.urandom)
    vault.make(SLOTS)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_blocks * 512 >= GROWTH_BYTES == path.stat().st_size
    assert all(key_bytes(vault, name) not in path.read_bytes() for name in SLOTS)


def test_keys_are_the_same_when_it_is_opened_again_and_grow_with_it(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    vault = Vault.create(path, KEY, rng=os.urandom)
    names = [SlotName(UNIT, n, n) for n in range(GROWTH_BYTES // CELL_BYTES + 10)]
    for name in names:
        vault.make([name])
    kept = [key_bytes(vault, name) for name in names]
    assert path.stat().st_size == 2 * GROWTH_BYTES
    vault.close()
    again = Vault.open(path, KEY, rng=os.urandom)
    assert [key_bytes(again, name) for name in names] == kept
    assert set(again.slots()) == set(names)
    again.destroy(names)
    again.make(names)
    assert path.stat().st_size == 2 * GROWTH_BYTES


def test_a_destroyed_key_is_overwritten_where_it_stood_and_wiped(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    vault = Vault.create(path, KEY, rng=os.urandom)
    vault.make(SLOTS)
    key = vault.get(SLOTS[2])
    assert isinstance(key, MortalKey)
    before = path.read_bytes()
    vault.destroy([SLOTS[2]])
    after = path.read_bytes()
    changed = {at // CELL_BYTES for at in range(len(before)) if before[at] != after[at]}
    (cell,) = changed
    assert not any(after[cell * CELL_BYTES : (cell + 1) * CELL_BYTES])
    assert not key.is_alive
    assert vault.get(SLOTS[2]) is None
    vault.close()
    assert set(Vault.open(path, KEY, rng=os.urandom).slots()) == {*SLOTS} - {SLOTS[2]}


def test_a_locked_key_opens_nothing_and_still_seals(tmp_path: Path) -> None:
    vault = Vault.create(tmp_path / "vault", KEY, rng=os.urandom)
    vault.make(SLOTS)
    vault.lock(1002)
    assert [vault.get(name) is None for name in SLOTS] == [True, True, True, False, False]
    assert all(vault.get_to_seal(name) for name in SLOTS)
    vault.lock(0)
    assert all(vault.get(name) for name in SLOTS)


@pytest.mark.parametrize("written", [0, 12, 40, 110])
def test_a_write_that_a_power_cut_has_cut_is_free_again(tmp_path: Path, written: int) -> None:
    path = tmp_path / "vault"
    vault = Vault.create(path, KEY, rng=os.urandom)
    vault.make(SLOTS[:1])
    empty = path.read_bytes()
    vault.make(SLOTS[1:2])
    vault.close()
    for before, after in ((empty, path.read_bytes()), (path.read_bytes(), empty)):
        at = next(
            n for n in range(0, len(after), CELL_BYTES) if before[n:][:128] != after[n:][:128]
        )
        cut = at + written
        path.write_bytes(before[:at] + after[at:cut] + before[cut:])
        vault = Vault.open(path, KEY, rng=os.urandom)
        assert SLOTS[0] in vault.slots()
        vault.make(SLOTS[1:2])
        vault.close()


def test_a_flipped_byte_another_key_and_no_vault_at_all_are_named(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    vault = Vault.create(path, KEY, rng=os.urandom)
    vault.make(SLOTS[:1])
    vault.close()
    whole = path.read_bytes()
    cell = next(n for n in range(CELL_BYTES, len(whole), CELL_BYTES) if any(whole[n : n + 128]))
    for at in (0, 40, cell, cell + 30, cell + 120):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ProfileDamagedError):
            Vault.open(path, KEY, rng=os.urandom)
    path.write_bytes(whole)
    with pytest.raises(ProfileDamagedError):
        Vault.open(path, Secret(bytes(32)), rng=os.urandom)
    path.unlink()
    with pytest.raises(ProfileMissingError):
        Vault.open(path, KEY, rng=os.urandom)


# ------------------------------------------------------------------ what is sealed under its keys


async def test_content_is_read_until_its_key_is_gone_and_then_what_is_left(tmp_path: Path) -> None:
    store = await Store.create(tmp_path / "p")
    rows = {("messages", UNIT + bytes([n])): content(b"text %d" % n, n) for n in range(3)}
    await store.database.save({**rows, ("messages", UNIT + b"\x09"): b"a commit"})
    store.vault.lock(1000)
    assert [v for _, v in await store.database.scan("messages")] == [
        b"over",
        b"text 1",
        b"text 2",
        b"a commit",
    ]
    store.vault.destroy([SLOTS[1]])
    store.vault.lock(0)
    await store.close()
    store = await Store.open(tmp_path / "p")
    assert [v for _, v in await store.database.scan("messages")] == [
        b"text 0",
        b"over",
        b"text 2",
        b"a commit",
    ]
    found = await store.database.rows_of_slots("messages", {SLOTS[2]})
    assert found == [(UNIT + b"\2", b"text 2")]


async def test_a_row_that_says_another_slot_is_named_and_not_taken_for_expired(
    tmp_path: Path,
) -> None:
    store = await Store.create(tmp_path / "home")
    await store.database.save({("messages", UNIT + b"1"): content(b"text", 1)})
    await store.close()
    with closing(sqlite3.connect(tmp_path / "home" / "profile.db")) as raw:
        (row,) = raw.execute("SELECT value FROM messages").fetchone()
        for at in range(17):  # slot, deadline, strict
            altered = bytearray(row)
            altered[5 + int.from_bytes(row[1:5], "big") + at] ^= 1
            raw.execute("UPDATE messages SET value=?", (bytes(altered),))
            raw.commit()
            store = await Store.open(tmp_path / "home")
            with pytest.raises(ProfileDamagedError):
                await store.database.get("messages", UNIT + b"1")
            await store.close()


async def test_a_new_epoch_replaces_the_key_of_its_units_state_and_of_no_other(
    tmp_path: Path,
) -> None:
    store = await Store.create(tmp_path / "p")
    await store.database.save(state(1) | state(1, OTHER) | {("outbox", UNIT + b"1"): b"waits"})
    (old,), (other,) = store.vault.states(UNIT), store.vault.states(OTHER)
    await store.database.save({("mls", UNIT + SECRET_TREE + b"1"): b"a message later"})
    assert store.vault.states(UNIT) == (old,)
    await store.database.save(state(2))
    assert store.vault.get(old) is None
    assert store.vault.states(OTHER) == (other,)
    assert await store.database.get("outbox", UNIT + b"1") == b"waits"
    await store.close()
    store = await Store.open(tmp_path / "p")
    assert dict(await store.database.scan("mls", UNIT)) == {
        key: value for (_, key), value in state(2).items()
    }


async def test_a_used_key_package_replaces_the_key_of_all(tmp_path: Path) -> None:
    store = await Store.create(tmp_path / "p")
    rows = {("key_packages", bytes([n])): b"private %d" % n for n in range(9)}
    await store.database.save(dict(rows))
    (old,) = store.vault.states(bytes(16))
    await store.database.save({("key_packages", b"\3"): None})
    assert store.vault.get(old) is None
    kept = [v for _, v in await store.database.scan("key_packages")]
    assert kept == [b"private %d" % n for n in range(9) if n != 3]


async def test_the_state_of_a_unit_that_was_left_takes_its_key_along(tmp_path: Path) -> None:
    store = await Store.create(tmp_path / "p")
    await store.database.save(state(1))
    await store.database.save(dict.fromkeys(state(1)))
    assert store.vault.states(UNIT) == ()


async def test_a_row_of_an_older_copy_of_the_database_does_not_open(tmp_path: Path) -> None:
    store = await Store.create(tmp_path / "p")
    await store.database.save(state(1))
    await store.close()
    shutil.copy(tmp_path / "p" / "profile.db", tmp_path / "older")
    store = await Store.open(tmp_path / "p")
    await store.database.save(state(2))
    await store.close()
    shutil.copy(tmp_path / "older", tmp_path / "p" / "profile.db")
    store = await Store.open(tmp_path / "p")
    with pytest.raises(ProfileDamagedError, match="not of one moment"):
        await store.database.get("mls", UNIT + SECRETS)


# ------------------------------------------------------------------ a crash at every step


class CrashError(Exception):
    """The power fails here."""


def crash_at(monkeypatch: pytest.MonkeyPatch, step: int) -> Callable[[], int]:
    """Fail at, and after, the n-th of the steps that reach the disk; say how many there were."""
    count = 0

    def around(before: Any) -> Any:  # noqa: ANN401 - whatever is patched
        def stepping(*args: Any, **named: Any) -> Any:  # noqa: ANN401
            nonlocal count
            count += 1
            if count >= step:
                raise CrashError
            return before(*args, **named)

        return stepping

    transaction = Database._transaction

    async def saving(self: Database, *args: Any) -> None:  # noqa: ANN401
        nonlocal count
        count += 1
        if count >= step:
            raise CrashError
        await transaction(self, *args)
        count += 1
        if count >= step:
            raise CrashError

    monkeypatch.setattr(CellFile, "write", around(CellFile.write))
    monkeypatch.setattr(CellFile, "sync", around(CellFile.sync))
    monkeypatch.setattr(Database, "_transaction", saving)
    return lambda: count


async def test_a_crash_at_any_step_of_an_epoch_leaves_the_one_or_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, step = set(), 0
    while True:
        step += 1
        folder = tmp_path / str(step)
        store = await Store.create(folder)
        await store.database.save(state(1) | {("outbox", UNIT + b"1"): b"waits"})
        with monkeypatch.context() as patch:
            crash_at(patch, step)
            try:
                await store.database.save(state(2) | {("messages", UNIT + b"1"): content(b"x", 1)})
                ended = True
            except (CrashError, StorageError):
                ended = False
        await store.close()
        store = await Store.open(folder)
        found = {
            (table, key)
            for table in ("mls", "outbox")
            for key, _ in await store.database.scan(table, UNIT)
        }
        assert len(found) == 4
        epoch = await store.database.get("mls", UNIT + SECRETS)
        now = 1 if epoch == b"secrets of 1" else 2
        for place, value in state(now).items():
            assert await store.database.get(*place) == value
        assert await store.database.get("outbox", UNIT + b"1") == b"waits"
        said = await store.database.get("messages", UNIT + b"1")
        assert said == (None if now == 1 else b"x")
        assert len(store.vault.states(UNIT)) == 1, "the other key was overwritten"
        await store.close()
        seen.add(now)
        if ended:
            break
    assert seen == {1, 2}
    assert step > 5


async def test_a_call_that_is_cut_off_after_its_commit_keeps_the_key_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.create(tmp_path / "p")
    await store.database.save(state(1))
    transaction = Database._transaction

    async def cancelled(self: Database, *args: Any) -> None:  # noqa: ANN401
        await transaction(self, *args)
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(Database, "_transaction", cancelled)
        with pytest.raises(asyncio.CancelledError):
            await store.database.save(state(2))
    assert len(store.vault.states(UNIT)) == 1
    assert await store.database.get("mls", UNIT + SECRETS) == b"secrets of 2"


async def test_a_crash_while_keys_are_destroyed_leaves_them_to_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (1, 2, 3):
        store = await Store.create(tmp_path / str(step))
        store.vault.make(SLOTS[:2])
        with monkeypatch.context() as patch:
            crash_at(patch, step)
            with pytest.raises(CrashError):
                store.vault.destroy(SLOTS[:2])
        await store.close()
        store = await Store.open(tmp_path / str(step))
        store.vault.destroy(SLOTS[:2])
        assert store.vault.slots() == ()
        await store.close()


def test_a_full_disk_makes_no_key_and_harms_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault.create(tmp_path / "vault", KEY, rng=os.urandom)
    vault.make(SLOTS[:1])
    vault._free = vault._free[:1]

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", full)
        with pytest.raises(StorageError, match="full"):
            vault.make(SLOTS[1:])
    assert vault.slots() == (SLOTS[0],)
    vault.make(SLOTS[1:])
    assert len(vault.slots()) == 5


async def test_a_save_that_is_given_up_leaves_no_second_key_of_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.create(tmp_path / "p")
    real = os.fdatasync

    begun, may_end = threading.Event(), threading.Event()

    def slow(fd: int) -> None:
        begun.set()
        assert may_end.wait(PATIENCE_S)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    saving = asyncio.create_task(store.database.save({("outbox", UNIT + b"1"): b"one"}))
    await until(begun.is_set)
    saving.cancel()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await saving
    await store.database.save({("outbox", UNIT + b"2"): b"two"})
    monkeypatch.undo()
    assert len(store.vault.states(UNIT)) == 1
    await store.close()
    again = await Store.open(tmp_path / "p")
    assert [value for _, value in await again.database.scan("outbox")] == [b"one", b"two"]


async def test_whoever_gives_up_waiting_finds_disk_and_memory_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []

    begun, may_end = asyncio.Event(), asyncio.Event()

    async def step() -> None:
        begun.set()
        await may_end.wait()
        done.append("on the disk")
        await asyncio.sleep(0)
        done.append("in memory")

    waiting = asyncio.create_task(to_the_end(step()))
    await begun.wait()
    waiting.cancel()
    await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == ["on the disk", "in memory"]
