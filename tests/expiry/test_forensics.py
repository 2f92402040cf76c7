"""Nothing of what is over is found: beneath the file system, in files, or (keys) in memory."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mifeng import keychain
from mifeng.home import STORE_KEY
from mifeng.store import Database
from mifeng.store.cells import CellFile
from mifeng_crypto.expiry import Clock
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.secret import Secret
from tests.e2e.people import PASSPHRASE
from tests.expiry.forensics import hits_in, keys_of, memory_hits, settle, small_disk
from tests.expiry.stage import HOUR, Stage, stage

TEXTS = {f"text {n}": f"canary {n}: the merger is on Friday".encode() for n in range(3)}
Record = Callable[[str, object], None]


async def store_key_of(on: Stage) -> Secret:
    record = await on.ben.session.home.database.header(STORE_KEY)
    assert record is not None
    return keychain.unlock(record, PASSPHRASE)


async def talk(on: Stage) -> dict[str, bytes]:
    """Say what must be forgotten; return the keys of Ben's slots."""
    for text in TEXTS.values():
        await on.ada.unit.send(text.decode())
        on.clock.advance(HOUR)
    with tempfile.TemporaryDirectory() as elsewhere:
        path = Path(elsewhere) / "figures-of-the-merger.txt"
        path.write_text("canary file")
        await on.ada.unit.upload(path)
    await on.ben.sync()
    assert len(await on.ben.texts()) >= 3
    return keys_of(on.ben.folder, await store_key_of(on))


async def test_an_image_of_the_disk_holds_nothing_of_what_is_over(
    tmp_path: Path, record_property: Record
) -> None:
    with small_disk(tmp_path) as (mounted, image):
        async with stage(mounted, names=("Ben",)) as on:
            keys = await talk(on)
            assert len(keys) == 4
            shares = [
                await on.server.house.shares.get(n) for n in await on.server.house.shares.names()
            ]
            needles = TEXTS | keys | {"file name": b"figures-of-the-merger"}
            needles |= {f"share {n}": share for n, share in enumerate(shares) if share}
            needles |= _vault_keys_of_the_server(mounted / "server" / "vault")
            settle(mounted)
            before = hits_in(image, needles)
            assert sum("server's key" in name for name in before) > 0, "the search finds nothing"
            on.clock.advance(80 * HOUR)
            await on.ada.tick()
            await on.ada.unit.send("new")
            for device in (on.ada, on.ben):
                await device.sync()
                await device.tick()
            await on.server.purge()
            assert await on.ben.texts() == ["new"]
            settle(mounted)
            assert hits_in(image, needles) == {}
            assert hits_in(mounted, needles) == {}
        record_property("image", {"needles": len(needles), "hits": 0})


def _vault_keys_of_the_server(path: Path) -> dict[str, bytes]:
    from mifeng_server.vault import CELL_BYTES, EndKey, _decode  # noqa: PLC0415

    data = path.read_bytes()
    cells = (_decode(data[at : at + CELL_BYTES]) for at in range(CELL_BYTES, len(data), CELL_BYTES))
    keys = [cell.key for cell in cells if isinstance(cell, EndKey)]
    return {f"server's key {n}": key for n, key in enumerate(keys)}


async def test_a_crash_at_any_step_of_expiry_leaves_nothing_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path, names=("Ben",)) as on:
        await talk(on)
        store_key = await store_key_of(on)
        await on.ben.close()
        origin, steps = on.ben.folder, 0
        while True:
            steps += 1
            folder = tmp_path / f"crash {steps}"
            shutil.copytree(origin, folder)
            keys = keys_of(folder, store_key)
            on.ben.folder, on.ben.is_off_by = folder, 0
            with monkeypatch.context() as patch:
                crashed = _crash_at(patch, steps)
                await on.ben.open(online=False)
                on.ben.opened_at -= 80 * HOUR * 1000
                on.ben.is_off_by = 80 * HOUR
                on.ben.session.clock = _as_if_it_ran(on)
                try:
                    await on.ben.tick()
                except CrashError:
                    assert crashed()
                await on.ben.close()
            await on.ben.open(online=False)  # the next start
            on.ben.session.clock = _as_if_it_ran(on)
            await on.ben.tick()
            assert on.ben.session.home.vault.slots() == ()
            assert await on.ben.texts() == []
            await on.ben.close()
            assert hits_in(folder, TEXTS | keys) == {}
            assert keys_of(folder, store_key) == {}
            if not crashed():
                break
        assert steps > 3


class CrashError(Exception):
    """The power fails here."""


def _as_if_it_ran(on: Stage) -> Clock:
    """The clock of a process that was open all the while."""
    now = UnixMillis(on.clock.now())
    return dataclasses.replace(
        on.ben.session.clock, started_at=now, high_water=now, uptime_ms=80 * HOUR * 1000
    )


def _crash_at(monkeypatch: pytest.MonkeyPatch, step: int) -> Callable[[], bool]:
    """Fail at the n-th step that reaches the disk of one expiry."""
    count = 0
    erase, sync, transaction = CellFile.erase, CellFile.sync, Database._transaction
    expiring = False

    def step_on() -> None:
        nonlocal count
        if expiring:
            count += 1
            if count == step:
                raise CrashError

    def erasing(self: CellFile, cells: Any) -> None:  # noqa: ANN401 - passed on
        step_on()
        erase(self, cells)

    def syncing(self: CellFile) -> None:
        step_on()
        sync(self)

    async def writing(self: Database, puts: Any, drops: Any) -> None:  # noqa: ANN401
        nonlocal expiring
        expiring = expiring or bool(drops.get("messages") or puts.get("messages"))
        step_on()
        await transaction(self, puts, drops)
        step_on()

    monkeypatch.setattr(CellFile, "erase", erasing)
    monkeypatch.setattr(CellFile, "sync", syncing)
    monkeypatch.setattr(Database, "_transaction", writing)
    return lambda: count >= step


async def test_expired_keys_are_gone_from_memory_and_texts_after_a_restart(
    tmp_path: Path, record_property: Record
) -> None:
    async with stage(tmp_path, names=("Ben",)) as on:
        keys = await talk(on)
        await on.ben.close()
        now = on.clock.now()
        with _holding(on.ben.folder, now) as holder:
            assert int(_ask(holder, "read")) == 4
            try:
                live = memory_hits(holder.pid, keys | TEXTS)
            except PermissionError:
                pytest.skip("the memory of a process cannot be read here: needs ptrace")
            assert set(keys) <= set(live), "the search finds nothing"
            assert int(_ask(holder, f"expire {now + 80 * HOUR * 1000}")) == 4
            after = memory_hits(holder.pid, keys | TEXTS)
        assert {name: n for name, n in after.items() if name in keys} == {}
        with _holding(on.ben.folder, now + 80 * HOUR * 1000) as holder:
            assert int(_ask(holder, "read")) == 0
            assert memory_hits(holder.pid, keys | TEXTS) == {}
        record_property(
            "memory",
            {
                "keys": len(keys),
                "hits_of_keys": 0,
                "copies_of_texts_while_live": sum(n for name, n in live.items() if name in TEXTS),
                "copies_of_texts_after_expiry": sum(after.values()),
                "copies_of_texts_after_a_restart": 0,
            },
        )


class _holding:  # noqa: N801 - a context
    def __init__(self, profile: Path, now: int) -> None:
        self.command = [sys.executable, "-m", "tests.expiry.holder", str(profile), str(now)]

    def __enter__(self) -> subprocess.Popen[str]:
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == "ready"
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.communicate("quit\n")


def _ask(process: subprocess.Popen[str], what: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(what + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()
