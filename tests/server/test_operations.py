"""What an operator does: look, copy, bring back, and change keys."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from mifeng_crypto.errors import StorageError, UsageError
from mifeng_crypto.ledger.roster_entry import RevokeDevice, ServerIdentity, SetServer
from mifeng_server.config import Folder, read_config
from mifeng_server.domain.protocols import Clock
from mifeng_server.domain.rows import ContentRow, FileRow, Insert
from mifeng_server.operations import keys
from mifeng_server.operations.backup import backup
from mifeng_server.operations.doctor import examine
from mifeng_server.operations.inspect import due, inspect, quota, stats, users
from mifeng_server.operations.restore import prove_backup, restore
from mifeng_server.serving import serving
from mifeng_server.storage.sqlite import open_sqlite
from mifeng_server.storage.tables import FIELDS, NAMES
from tests.support.nodes import initialised
from tests.support.patience import PATIENCE_S
from tests.support.peer import Peer, pair
from tests.support.postgres import Cluster, cluster
from tests.support.server import ManualClock, RunningServer, running_server

DAY_S = 86_400


@dataclass(slots=True)
class Used:
    """A server that two people have used."""

    server: RunningServer
    ann: Peer
    bob: Peer
    unit_id: bytes
    file_id: bytes

    @property
    def folder(self) -> Folder:
        return Folder(self.server.folder)


@pytest.fixture
async def used(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Used]:
    async with (
        running_server(tmp_path, clock=clock, tls=False) as server,
        pair(server) as (ann, bob, unit_id),
    ):
        file_id = await ann.upload(unit_id, os.urandom(5 << 20))
        await ann.send(unit_id, b"look", files=[file_id])
        await bob.catch_up(unit_id)
        yield Used(server, ann, bob, unit_id, file_id)


async def _backup(used: Used, target: Path) -> None:
    await backup(used.folder, read_config(used.folder), target, clock=used.server.clock)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


# ------------------------------------------------------------------ backup and restore


async def test_a_backup_of_a_running_server_is_restored_and_goes_on(
    used: Used, tmp_path: Path, clock: ManualClock
) -> None:
    await _backup(used, tmp_path / "backup")
    (tmp_path / "other").mkdir()
    fresh = Folder(tmp_path / "other" / "server")
    proof = await restore(tmp_path / "backup", fresh, clock=clock, vault=used.folder.vault)
    assert (proof.units, proof.files, proof.files_damaged, proof.files_unopenable) == (1, 1, 0, 0)
    assert proof.log_entries == used.bob.units[used.unit_id].log.sequence
    async with serving(fresh, clock=clock, rng=os.urandom, port=0) as restored:
        used.ann.url = restored.url
        await used.ann.send(used.unit_id, b"after the fire")
        status, data, _ = await used.ann.raw("GET", f"/v1/files/{used.file_id.hex()}")
        assert (status, len(data)) == (200, 5 << 20)


async def test_a_backup_holds_no_share_and_no_vault(used: Used, tmp_path: Path) -> None:
    share = await used.server.house.shares.get(used.file_id)
    assert share is not None
    await _backup(used, tmp_path / "backup")
    for path in (tmp_path / "backup").rglob("*"):
        assert path.name != "vault"
        assert not path.is_file() or share not in path.read_bytes()
    fresh = Folder(tmp_path / "fresh")
    proof = await restore(tmp_path / "backup", fresh, clock=used.server.clock)
    assert proof.files_unopenable == 1, "and it says so"


async def test_a_second_backup_copies_only_what_is_new_and_drops_what_ended(
    used: Used, tmp_path: Path, clock: ManualClock
) -> None:
    config, target = read_config(used.folder), tmp_path / "backup"
    first = await backup(used.folder, config, target, clock=clock)
    assert first.copied_bytes == 5 << 20
    assert (await backup(used.folder, config, target, clock=clock)).copied_bytes == 0
    more = await used.ann.upload(used.unit_id, b"more")
    await used.ann.send(used.unit_id, b"and this", files=[more])
    assert (await backup(used.folder, config, target, clock=clock)).copied_bytes == 4
    clock.advance(4 * DAY_S)
    await used.server.purge()
    assert (await backup(used.folder, config, target, clock=clock)).files == 0
    assert list((target / "blobs").iterdir()) == []


async def test_what_is_due_is_gone_before_a_restored_server_opens(
    used: Used, tmp_path: Path, clock: ManualClock
) -> None:
    await _backup(used, tmp_path / "backup")
    clock.advance(4 * DAY_S)
    fresh = Folder(tmp_path / "fresh")
    proof = await restore(tmp_path / "backup", fresh, clock=clock, vault=used.folder.vault)
    assert proof.purged > 0
    store = await open_sqlite(fresh.database)
    assert await store.count(FileRow) == 0
    assert (
        await store.find(ContentRow, order="deadline", after=0, until=clock.now() - 60_000, limit=1)
        == ()
    )
    await store.close()
    assert list(fresh.blobs.iterdir()) == []


async def test_a_damaged_backup_is_never_restored(used: Used, tmp_path: Path) -> None:
    await _backup(used, tmp_path / "backup")
    await prove_backup(tmp_path / "backup", clock=used.server.clock)
    whole = (tmp_path / "backup" / "server.db").read_bytes()
    damages = {
        "server.db": whole[:9000] + b"\xff" * 8 + whole[9008:],
        "manifest.json": b"{}",
    }
    for name, damaged in damages.items():
        copy = shutil.copytree(tmp_path / "backup", tmp_path / f"damaged-{name}")
        (copy / name).write_bytes(damaged)
        fresh = Folder(tmp_path / f"fresh-{name}")
        with pytest.raises((StorageError, UsageError)):
            await restore(copy, fresh, clock=used.server.clock)
        assert not fresh.config.exists(), "a folder without a configuration is not served"
    part = next((tmp_path / "backup" / "blobs").glob("*/*"))
    part.write_bytes(part.read_bytes()[:-1])
    proof = await prove_backup(tmp_path / "backup", clock=used.server.clock)
    assert proof.files_damaged == 1


async def test_a_backup_goes_nowhere_that_something_else_is(used: Used, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    for target in (tmp_path / "full", used.folder.path, used.folder.path / "inside"):
        with pytest.raises(UsageError):
            await _backup(used, target)
    await _backup(used, tmp_path / "backup")
    with pytest.raises(UsageError, match="holds a server"):
        await restore(tmp_path / "backup", used.folder, clock=used.server.clock)


async def test_a_backup_for_which_there_is_no_room_says_whose_disk_is_full(
    used: Used, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(sqlite3.Connection):
        def backup(self, *_: object, **__: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, factory=Full, **k))
    with pytest.raises(StorageError, match=f"{tmp_path}/backup has no room for the backup"):
        await _backup(used, tmp_path / "backup")
    monkeypatch.undo()
    await _backup(used, tmp_path / "backup")  # what was begun is in nobody's way
    await prove_backup(tmp_path / "backup", clock=used.server.clock)


async def test_writers_go_on_while_a_backup_reads(used: Used, tmp_path: Path) -> None:
    store = used.server.house.store
    rows = [ContentRow(b"x" * 16, 0, n, 0, os.urandom(4096)) for n in range(1000)]
    await store.write([Insert(row) for row in rows])
    loop, seen = asyncio.get_running_loop(), list[int]()

    async def write(n: int) -> None:
        await store.write([Insert(ContentRow(b"y" * 16, 0, n, 0, b"while it reads"))])
        await store.scrub()

    def between_two_steps(what: str, done: int) -> None:
        if what == "server.db":
            asyncio.run_coroutine_threadsafe(write(len(seen)), loop).result(60)
            seen.append(done)

    await backup(
        used.folder,
        read_config(used.folder),
        tmp_path / "backup",
        clock=used.server.clock,
        progress=between_two_steps,
    )
    assert len(seen) > 2, "the copy came in one step: nobody wrote between two"
    assert seen == sorted(set(seen)), "no write started the copy over"
    with closing(sqlite3.connect(tmp_path / "backup" / "server.db")) as copied:
        (theirs,) = copied.execute(
            "SELECT count(*) FROM contents WHERE unit_id = ?", (b"y" * 16,)
        ).fetchone()
    assert theirs == 0, "a backup is one moment"
    await prove_backup(tmp_path / "backup", clock=used.server.clock)


async def test_postgresql_is_backed_up_as_it_was_at_one_moment(
    tmp_path: Path, postgres: Cluster, clock: ManualClock
) -> None:
    nodes = await initialised(tmp_path, postgres.new_database(), clock=clock)
    async with nodes.node() as node, pair(node) as (ann, bob, unit_id):
        await ann.send(unit_id, b"before")
        folder = Folder(node.folder)
        await backup(folder, read_config(folder), tmp_path / "backup", clock=clock)
        fresh = Folder(tmp_path / "fresh")
        proof = await restore(tmp_path / "backup", fresh, clock=clock, vault=folder.vault)
        await bob.catch_up(unit_id)
        assert proof.log_entries == bob.units[unit_id].log.sequence
        assert not read_config(fresh).storage.database, "it is SQLite now"


async def test_a_restored_server_does_not_touch_the_bucket_of_the_one_that_goes_on(
    used: Used, tmp_path: Path, clock: ManualClock
) -> None:
    await _backup(used, tmp_path / "backup")
    config = tmp_path / "backup" / used.folder.config.name
    text = config.read_text(encoding="utf-8")
    said = re.sub(r"(?m)^(\[storage\])$", r'\1\nblobs = "s3://company/files"', text)
    config.write_text(said if said != text else text + '[storage]\nblobs = "s3://company/files"\n')
    fresh = Folder(tmp_path / "fresh")
    await restore(tmp_path / "backup", fresh, clock=clock)
    assert read_config(fresh).storage.blobs == ""
    assert "s3://company/files" in fresh.config.read_text(encoding="utf-8")


# ------------------------------------------------------------------ looking


async def _states(used: Used, clock: Clock | None = None) -> dict[str, str]:
    found = await examine(used.folder, read_config(used.folder), clock or used.server.clock)
    assert all(finding.remedy for finding in found if finding.state != "ok")
    return {finding.check: finding.state for finding in found}


async def test_the_doctor_finds_what_is_wrong_and_nothing_else(
    used: Used, tmp_path: Path, clock: ManualClock
) -> None:
    states = await _states(used)
    disk = states.pop("disk")
    assert disk in ("ok", "warn", "bad"), "that is this machine's"
    assert states.pop("backup") == "warn"
    assert set(states.values()) == {"ok"}, states
    await _backup(used, tmp_path / "backup")
    assert (await _states(used))["backup"] == "ok"
    # A doctor who looks a week later, while the server has not gone on.
    states = await _states(used, ManualClock(clock.now() + 8 * DAY_S * 1000))
    assert (states["backup"], states["purge"]) == ("warn", "bad")
    clock.advance(8 * DAY_S)
    await used.server.purge()
    assert (await _states(used))["purge"] == "ok"
    used.folder.checkpoint_key.chmod(0o644)
    assert (await _states(used))["permissions"] == "bad"
    used.folder.checkpoint_key.chmod(0o600)
    (used.folder.blobs / ("ab" * 16)).mkdir()
    (used.folder.blobs / ("ab" * 16) / "00000000").write_bytes(b"left over")
    assert (await _states(used))["blobs"] == "warn"
    clock.advance(-3 * 365 * DAY_S)
    assert (await _states(used))["clock"] == "bad"
    with sqlite3.connect(used.folder.database) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert (await _states(used))["schema"] == "bad"


async def test_who_may_not_read_the_folder_is_not_told_that_it_is_broken(
    used: Used, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: path != used.folder.checkpoint_key)
    found = await examine(used.folder, read_config(used.folder), used.server.clock)
    assert [f.check for f in found if f.state == "bad"] == ["user"]
    assert f"sudo -u {used.folder.checkpoint_key.owner()}" in found[0].remedy
    assert not any("backup" in finding.remedy for finding in found)


async def test_a_file_that_is_not_whole_is_found(used: Used) -> None:
    part = next((used.folder.blobs / used.file_id.hex()).glob("*"))
    part.write_bytes(part.read_bytes()[:-1])
    assert (await _states(used))["blobs"] == "bad"


async def test_inspection_shows_all_and_no_content(used: Used) -> None:
    store = used.server.house.store
    member = msgspec.json.encode(await inspect(store, used.ann.member_id)).decode()
    for known in (used.ann.device_id.hex(), used.unit_id.hex(), str(5 << 20), "owner"):
        assert known in member
    unit = msgspec.json.encode(await inspect(store, used.unit_id)).decode()
    for known in (used.ann.member_id.hex(), used.bob.device_id.hex(), "business", "retention_s"):
        assert known in unit
    with pytest.raises(UsageError):
        await inspect(store, bytes(16))
    people = await users(store)
    assert {row["member"] for row in people} == {p.member_id.hex() for p in (used.ann, used.bob)}
    facts = {row["fact"]: row["value"] for row in await stats(store)}
    assert (facts["members: person"], facts["rows: Unit"]) == (2, 1)
    assert facts["bytes of files"] == 5 << 20
    fullest = (await quota(store, read_config(used.folder)))[0]
    assert (fullest["used"], fullest["of"]) == (5 << 20, "member")


async def test_inspection_counts_every_row_that_names_somebody(used: Used) -> None:
    store = used.server.house.store
    found = {
        ("unit_id", "member_id"): ((used.unit_id,), await inspect(store, used.unit_id)),
        ("member_id", "device_id", "author"): (
            (used.ann.member_id, used.ann.device_id),
            await inspect(store, used.ann.member_id),
        ),
    }
    with closing(sqlite3.connect(used.folder.database)) as database:
        for names, (ids, rows) in found.items():
            facts = {row["fact"]: row["value"] for row in rows}
            for kind, table in NAMES.items():
                fields = ", ".join(f for f in FIELDS[kind] if f in names) or "1"
                there = database.execute(f"SELECT {fields} FROM {table}").fetchall()
                count = sum(any(value in ids for value in row) for row in there)
                told = facts.get(f"rows: {kind.__name__.removesuffix('Row')}", 0)
                assert (table, told) == (table, count)
            wrote = [row["value"] for row in rows if row["fact"] == "wrote"]
            assert [line for line in wrote if line.startswith(used.ann.device_id.hex())] != []
            assert all(line.endswith(" UTC") for line in wrote)


async def test_inspection_shows_what_a_revoked_device_has_left(used: Used) -> None:
    await used.bob.send(used.unit_id, b"the last from here")
    await used.ann.append_roster(RevokeDevice(used.bob.device_id))
    shown = await inspect(used.server.house.store, used.bob.member_id)
    device = used.bob.device_id.hex()
    assert [row["fact"] for row in shown if row["value"] == device] == ["device, revoked"]
    wrote = [row["value"] for row in shown if row["fact"] == "wrote"]
    assert [line.startswith(f"{device} 1 in {used.unit_id.hex()}") for line in wrote] == [True]


async def test_a_dry_run_counts_what_a_purge_destroys(used: Used, clock: ManualClock) -> None:
    store = used.server.house.store
    assert {row["due"] for row in await due(store, clock.now())} == {0}
    clock.advance(4 * DAY_S)
    found = {row["kind"]: row for row in await due(store, clock.now() - 60_000)}
    assert (found["File"]["due"], found["File"]["bytes"]) == (1, 5 << 20)
    await used.server.purge()
    async with asyncio.timeout(PATIENCE_S):  # the server's own purge has begun as well
        while {row["due"] for row in await due(store, clock.now() - 60_000)} != {0}:
            await asyncio.sleep(0.01)


# ------------------------------------------------------------------ keys


async def test_a_key_is_used_only_once_the_roster_names_it(used: Used, clock: ManualClock) -> None:
    folder, config = used.folder, read_config(used.folder)
    old = folder.checkpoint_key.read_bytes()
    with pytest.raises(UsageError, match="no next key"):
        keys.switch(folder, "log", used.ann.known)
    announced = keys.prepare(folder, config, "log", clock=clock, rng=os.urandom)
    assert keys.prepare(folder, config, "log", clock=clock, rng=os.urandom) == announced
    with pytest.raises(UsageError, match="announce it first"):
        keys.switch(folder, "log", used.ann.known)
    before = used.ann.known.server
    identity = ServerIdentity(before.addresses, before.tls_pins, bytes.fromhex(announced))
    await used.ann.fetch_roster()
    await used.ann.append_roster(SetServer(identity))
    keys.switch(folder, "log", used.ann.known)
    assert folder.checkpoint_key.read_bytes() != old
    assert folder.checkpoint_key.with_suffix(".key.old").read_bytes() == old


async def test_the_next_tls_key_is_for_the_same_addresses(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with running_server(tmp_path, clock=clock) as server:
        folder = Folder(server.folder)
        pin = keys.prepare(folder, read_config(folder), "tls", clock=clock, rng=os.urandom)
        assert bytes.fromhex(pin) != server.pin
        with pytest.raises(UsageError, match="announce it first"):
            keys.switch(folder, "tls", None)
