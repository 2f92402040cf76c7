"""Clocks that lie, disks that remember, devices that are seized or doubled."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mifeng import keychain
from mifeng.cli import hardening
from mifeng.home import STORE_KEY, VAULT
from mifeng.store import Database, Sealer, Vault
from mifeng_crypto.ids import UnixMillis
from tests.attacks.adversary import Adversary, OracleError, attack
from tests.attacks.stage import Stage as Members
from tests.e2e.people import PASSPHRASE
from tests.expiry import stage as stages
from tests.expiry.seizure import Hoard, ransack
from tests.expiry.stage import HOUR, Device, Stage

CANARY = "the merger is on Friday"
DAYS = 24 * HOUR


@pytest.fixture
async def on(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stages.stage(tmp_path, names=("Ben",)) as set_up:
        await set_up.ada.unit.send(CANARY)
        await set_up.ben.sync()
        assert await set_up.ben.texts() == [CANARY]
        yield set_up


def holds(condition: bool, broken: str) -> None:
    """An oracle."""
    if not condition:
        raise OracleError(broken)


async def run_on(on: Stage, hours: float) -> None:
    """Ben's device runs on while its own clock shows so much more; the server knows nothing."""
    on.ben.is_off_by += hours * HOUR
    on.ben.opened_at -= int(hours * HOUR * 1000)
    await on.ben.tick()


# ------------------------------------------------------------------ copies


@attack("starts follow one another")
async def test_b19_a_restored_profile_is_used(
    adversary: Adversary, on: Stage, tmp_path: Path
) -> None:
    await on.ben.close()
    shutil.copytree(on.ben.folder, tmp_path / "backup")
    await on.ben.open()
    await on.ben.unit.send("since the backup")
    await on.ben.close()
    folder = tmp_path / "backup" if adversary.on else on.ben.folder
    again = Device("Ben", folder, on.clock)
    with adversary.refused("ProfileRestoredError"):
        await again.open()
    await again.close()


@attack("starts follow one another")
async def test_b20_a_copy_of_a_profile_reads_in_the_shadow(
    adversary: Adversary, on: Stage, tmp_path: Path
) -> None:
    if adversary.on:
        shutil.copytree(on.ben.folder, tmp_path / "copy")
        copy = Device("Ben", tmp_path / "copy", on.clock)
        await copy.open()
        assert await copy.texts() == [CANARY]
        await copy.close()
    with adversary.refused("ProfileRestoredError"):
        await on.ben.sync()


# ------------------------------------------------------------------ what a disk remembers


async def _read_by_thief(on: Stage, database: Path, vault: Path | None) -> list[bytes]:
    """What a database gives to whoever has the store key, with a vault or a fresh one."""
    record = await on.ben.session.home.database.header(STORE_KEY)
    assert record is not None
    key = keychain.unlock(record, PASSPHRASE)
    work = database.parent / "thief"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for path in database.parent.glob("profile.db*"):
        shutil.copy(path, work)
    if vault is not None:
        shutil.copy(vault, work / VAULT)
        opened = Vault.open(work / VAULT, key, rng=os.urandom)
    else:
        opened = Vault.create(work / VAULT, key, rng=os.urandom)
    reader = await Database.open(work / "profile.db")
    reader.unlock(Sealer(key, rng=os.urandom), opened)
    try:
        return [row for _, row in await reader.scan("messages")]
    finally:
        await reader.close()
        opened.close()


async def _a_database_from_before_the_end(on: Stage, tmp_path: Path) -> Path:
    """All that pages and write-ahead log remember: the whole of it, as it was."""
    folder = tmp_path / "remembered"
    folder.mkdir()
    for path in on.ben.folder.glob("profile.db*"):
        shutil.copy(path, folder)
    return folder / "profile.db"


@attack("content under a key of its hour")
async def test_f6_the_database_remembers_what_was_deleted(
    adversary: Adversary, on: Stage, tmp_path: Path
) -> None:
    if adversary.run != "honest":
        await on.ada.unit.send(CANARY)
        await on.ben.sync()
    old = await _a_database_from_before_the_end(on, tmp_path)
    live = await _read_by_thief(on, old, on.ben.folder / VAULT)
    assert any(CANARY.encode() in row for row in live), "the search finds nothing"
    await run_on(on, 80)
    if adversary.on:
        found = await _read_by_thief(on, old, on.ben.folder / VAULT)
        holds(not any(CANARY.encode() in row for row in found), "the database gives it back")
        adversary.refused_by.append("sealed under a key that is gone")


@attack("content under a key of its hour")
async def test_e6_keys_in_a_backup_outlive_their_content(
    adversary: Adversary, on: Stage, tmp_path: Path
) -> None:
    await on.ada.unit.send(CANARY)
    await on.ben.sync()
    backup = await _a_database_from_before_the_end(on, tmp_path)
    if adversary.on:
        found = await _read_by_thief(on, backup, None)
        holds(not any(CANARY.encode() in row for row in found), "the backup opens by itself")
        adversary.refused_by.append("no key in the backup")


@attack("expiry on time")
async def test_d17_what_was_decrypted_stays_on_the_disk(
    adversary: Adversary, on: Stage, tmp_path: Path
) -> None:
    await run_on(on, 80)
    if adversary.on:
        image = tmp_path / "image"
        shutil.copytree(on.ben.folder, image)
        loot = await ransack(image, text=CANARY.encode(), hoard=None)
        holds(not loot.text, "it is on the disk, and its key as well")
        adversary.refused_by.append("nothing is left")


@attack("expiry on time")
async def test_e8_a_stolen_device_reads_on(adversary: Adversary, on: Stage, tmp_path: Path) -> None:
    await run_on(on, 80)
    if adversary.on:
        image = tmp_path / "image"
        shutil.copytree(on.ben.folder, image)
        entries = [await on.ada.unit.raw_entry(n) for n in range(1, on.ada.unit.sequence + 1)]
        messages = [e for e in entries if e]
        loot = await ransack(image, text=CANARY.encode(), hoard=Hoard(messages[-1:], {}))
        holds(not loot.text, "the device opens what is over")
        adversary.refused_by.append("its keys are gone")


@attack("expiry on time")
async def test_h6_the_server_keeps_all_and_a_device_is_seized(
    adversary: Adversary, on: Stage, tmp_path: Path
) -> None:
    hoard = Hoard([await on.ada.unit.raw_entry(on.ada.unit.sequence)], {})
    await run_on(on, 74)
    if adversary.on:
        image = tmp_path / "image"
        shutil.copytree(on.ben.folder, image)
        loot = await ransack(image, text=CANARY.encode(), hoard=hoard)
        holds(not loot.text, "an old ciphertext is opened")
        adversary.refused_by.append("no key opens it")


@attack("no core dumps")
def test_f5_a_crash_writes_keys_to_the_disk(adversary: Adversary) -> None:
    child = os.fork()
    if child == 0:
        hardening.keep_memory_off_the_disk()
        cores = resource.getrlimit(resource.RLIMIT_CORE)[0]
        dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
        os._exit(0 if cores == 0 and dumpable == 0 else 1)
    _, status = os.waitpid(child, 0)
    if adversary.on:
        holds(os.waitstatus_to_exitcode(status) == 0, "the kernel would write a core")
        adversary.refused_by.append("no core is written")


# ------------------------------------------------------------------ clocks


@attack("expiry on time")
async def test_h1_the_servers_clock_stands_still(adversary: Adversary, on: Stage) -> None:
    if adversary.on:
        await run_on(on, 74.1)
        holds(on.ben.session.home.vault.slots() == (), "keys live on by the server's clock")
        adversary.refused_by.append("destroyed by the device's own clock")
    else:
        on.clock.advance(74.1 * HOUR)
        await on.ben.tick()
        assert on.ben.session.home.vault.slots() == ()


@attack("the device's own time")
async def test_h2_the_servers_clock_runs_ahead(adversary: Adversary, on: Stage) -> None:
    if adversary.on:
        session = on.ben.session
        session.clock = session.clock.told(UnixMillis(on.clock.now() + 10 * DAYS * 1000))
    await on.ben.tick()
    holds(await on.ben.texts() == [CANARY], "the server's word alone destroys")
    adversary.refused_by.append("nothing is destroyed early")


@attack("locked is not destroyed")
async def test_h3_the_devices_clock_jumps_ahead(adversary: Adversary, on: Stage) -> None:
    await on.ben.close()
    if adversary.on:
        on.ben.is_off_by = 30 * DAYS
        await on.ben.open(online=False)
        holds(await on.ben.texts() == [], "shown although its time is over")
        await on.ben.close()
        on.ben.is_off_by = 0
    await on.ben.open()
    await on.ben.tick()
    holds(await on.ben.texts() == [CANARY], "destroyed by a clock that was wrong")
    adversary.refused_by.append("locked, and live again")


@attack("time never goes back")
async def test_h4_the_devices_clock_is_set_back(adversary: Adversary, on: Stage) -> None:
    if adversary.on:
        await on.ben.close()
        on.clock.advance(74.1 * HOUR)
        await on.ben.open(online=False)
        assert await on.ben.texts() == []  # locked
        await on.ben.close()
        on.ben.is_off_by = -10 * DAYS
        await on.ben.open(online=False)
        holds(await on.ben.texts() == [], "what was over is back")
        adversary.refused_by.append("effective time stays")
    else:
        assert await on.ben.texts() == [CANARY]


@attack("the sender's time")
def test_h5_a_sender_lies_about_the_time(adversary: Adversary, stage: Members) -> None:
    unit, ada = stage.unit, stage.ada
    late = stage.company.now + (20 * 60_000 if adversary.on else 0)
    content = unit.encrypt(ada, b"later than it is", said=unit.said(ada, time=late))
    stage.posts(ada, content, "GATE-21")
    stage.goes_on()


@attack("the age of the keys")
def test_h8_the_server_refuses_rotations_until_the_keys_are_too_old(
    adversary: Adversary, stage: Members
) -> None:
    unit = stage.unit
    stage.company.tick(73 * HOUR * 1000)
    if not adversary.on:
        unit.send_commit(stage.ada, unit.commit(stage.ada))
    stage.posts(stage.ada, unit.encrypt(stage.ada, b"under keys of 73 hours"), "GATE-24")
    unit.send_commit(stage.ada, unit.commit(stage.ada))
    stage.goes_on()
