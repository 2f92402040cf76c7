"""A step is one transaction: all of it is on the disk, or none."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mifeng.errors import (
    DiskFullError,
    ProfileBusyError,
    ProfileDamagedError,
    ProfileMissingError,
)
from mifeng.store import Database, ProfileLock, Sealer, Vault
from mifeng_crypto.errors import StorageError
from mifeng_crypto.secret import Secret

KEY = Secret(bytes(range(32)))


def unlock(database: Database, path: Path) -> None:
    """With the vault beside it."""
    vault = path.parent / "vault"
    make = Vault.open if vault.exists() else Vault.create
    database.unlock(Sealer(KEY, rng=os.urandom), make(vault, KEY, rng=os.urandom))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = await Database.create(tmp_path / "profile.db")
    unlock(made, tmp_path / "profile.db")
    yield made
    await made.close()


async def test_what_was_saved_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "profile.db"
    first = await Database.create(path)
    unlock(first, path)
    await first.save({("units", b"a"): b"one", ("mls", b"a1"): b"two"})
    await first.save({("units", b"a"): b"three", ("mls", b"a1"): None})
    await first.close()
    again = await Database.open(path)
    unlock(again, path)
    assert await again.get("units", b"a") == b"three"
    assert await again.get("mls", b"a1") is None
    await again.close()


async def test_a_scan_yields_a_prefix_in_order_from_a_place_or_from_the_end(
    database: Database,
) -> None:
    keys = [bytes([unit, n]) for unit in (1, 2, 255) for n in range(5)]
    await database.save({("messages", key): key for key in reversed(keys)})
    assert [k for k, _ in await database.scan("messages", b"\x02")] == keys[5:10]
    assert [k for k, _ in await database.scan("messages", b"\xff")] == keys[10:]
    assert [k for k, _ in await database.scan("messages")] == keys
    assert [k for k, _ in await database.scan("messages", b"\x01", after=b"\x01\x02")] == keys[3:5]
    assert [k for k, _ in await database.scan("messages", b"\x01", last=2)] == keys[3:5]
    assert [k for k, _ in await database.scan("messages", b"\x01", first=2)] == keys[0:2]


async def test_keys_are_told_of_a_range_with_both_its_ends(database: Database) -> None:
    keys = [bytes([unit, n]) for unit in (1, 2) for n in range(5)]
    await database.save({("messages", key): key for key in keys})
    assert await database.keys("messages", b"\x01\x03", b"\x02\x01") == set(keys[3:7])
    assert await database.keys("messages", b"\x01\x05", b"\x01\xff") == set()
    assert await database.keys("units", b"", b"\xff") == set()


async def test_no_value_stands_in_the_clear_in_any_file(database: Database, tmp_path: Path) -> None:
    await database.save({("messages", b"k"): b"the quarterly figures"})
    files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert sum(len(f) for f in files) > 4096
    assert not any(b"quarterly" in f for f in files)


@pytest.mark.parametrize("where", ["value", "key", "table"])
async def test_a_value_that_was_changed_or_moved_does_not_open(
    database: Database, tmp_path: Path, where: str
) -> None:
    await database.save({("units", b"a"): b"one", ("units", b"b"): b"two"})
    with sqlite3.connect(tmp_path / "profile.db") as raw:
        if where == "value":
            value = bytearray(
                raw.execute("SELECT value FROM units WHERE key=?", (b"a",)).fetchone()[0]
            )
            value[-1] ^= 1
            raw.execute("UPDATE units SET value=? WHERE key=?", (bytes(value), b"a"))
        elif where == "key":
            raw.execute("UPDATE units SET key=? WHERE key=?", (b"c", b"a"))
        else:
            raw.execute("INSERT INTO mls SELECT * FROM units WHERE key=?", (b"a",))
    raw.close()
    with pytest.raises(ProfileDamagedError):
        await database.scan("mls" if where == "table" else "units")


async def test_a_full_disk_is_named_and_nothing_of_the_step_is_saved(database: Database) -> None:
    await database.save({("units", b"a"): b"before"})
    pages = await (await database._db.execute("PRAGMA page_count")).fetchone()
    assert pages is not None
    await database._db.execute(f"PRAGMA max_page_count={pages[0]}")
    with pytest.raises(DiskFullError):
        await database.save(
            {("units", b"a"): b"after", ("messages", b"big"): bytes(1 << 20)},
        )
    assert await database.get("units", b"a") == b"before"
    await database._db.execute("PRAGMA max_page_count=100000")
    await database.save({("units", b"a"): b"after"})
    assert await database.get("units", b"a") == b"after"


async def test_no_profile_a_foreign_file_and_an_existing_profile_are_told_apart(
    tmp_path: Path,
) -> None:
    with pytest.raises(ProfileMissingError):
        await Database.open(tmp_path / "profile.db")
    (tmp_path / "text.db").write_bytes(b"this is not a database at all, but long enough" * 100)
    with pytest.raises(ProfileDamagedError):
        await Database.open(tmp_path / "text.db")
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(ProfileDamagedError):
        await Database.open(tmp_path / "other.db")
    with pytest.raises(StorageError, match="already"):
        await Database.create(tmp_path / "other.db")


async def test_it_writes_ahead_and_syncs_fully(database: Database) -> None:
    for pragma, expected in (("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1)):
        row = await (await database._db.execute(f"PRAGMA {pragma}")).fetchone()
        assert row is not None
        assert row[0] == expected


def test_a_second_process_is_refused_and_told_the_pid_of_the_first(tmp_path: Path) -> None:
    held = ProfileLock(tmp_path)
    with pytest.raises(ProfileBusyError) as caught:
        ProfileLock(tmp_path)
    assert caught.value.pid == os.getpid()
    held.release()
    ProfileLock(tmp_path).release()
