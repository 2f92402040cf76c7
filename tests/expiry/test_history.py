"""What is handed over lives as long as where it came from: on the new device, and at the server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import mifeng
from mifeng.session.history import giving
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.policy import History, Strict
from mifeng_crypto.tls import encode
from mifeng_server.domain.rows import FileRow
from tests.e2e.people import PASSPHRASE
from tests.expiry.lineage import IMMORTAL, Ledger
from tests.expiry.stage import HOUR, Device, Stage, stage
from tests.support.patience import PATIENCE_S

HOUR_MS = HOUR * 1000


async def linked(on: Stage, by: Device) -> Device:
    """A second device of somebody's own, linked by the first."""
    laptop, codes = Device("Laptop", on.folder / "laptop", on.clock), asyncio.Queue[str]()
    assert by.workspace is not None
    async with by.workspace.devices.link() as offer:
        entering = mifeng.link(
            offer.link,
            profile=laptop.folder,
            show=codes.put,
            device_name="Laptop",
            passphrase=PASSPHRASE,
        )
        task = asyncio.create_task(laptop.enter(entering))
        async with asyncio.timeout(PATIENCE_S):
            await offer.requested()
            assert await offer.approve(await codes.get())
            await task
    await laptop.sync()
    on.devices["Laptop"] = laptop
    return laptop


async def talk(on: Stage, hours: tuple[int, ...]) -> int:
    """Say something at these hours from now, each with a file; return when that began."""
    began = on.clock.now()
    for n, hour in enumerate(hours):
        on.at(began + hour * HOUR_MS)
        await on.ada.tick()
        await on.ada.unit.send(f"hour {hour}")
        path = on.folder / f"plan {n}.txt"
        path.write_text(f"figures of hour {hour}")
        await on.ada.unit.upload(path)
        await on.ben.sync()
    return began


async def look(on: Stage, device: Device) -> list[str]:
    """All that a device shows, after its timer and the server's."""
    await on.server.purge()
    await device.tick()
    await device.sync()
    return await device.texts()


async def test_a_device_linked_at_71_h_59_reads_what_there_is_and_nothing_after_74(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, names=("Ben",)) as on:
        began = await talk(on, (0, 1, 30, 71))
        on.at(began + 72 * HOUR_MS - 60_000)
        laptop = await linked(on, on.ben)
        try:
            on.at(began + 72 * HOUR_MS - 1)
            assert await look(on, laptop) == ["hour 0", "hour 1", "hour 30", "hour 71"]
            files = [file for m in await laptop.unit.history() for file in m.files]
            for n, file in enumerate(files):
                saved = await laptop.unit.download(file, tmp_path / f"got {n}.txt")
                assert saved.read_text().startswith("figures of hour")
            assert len(files) == 4
            for hour, left in (
                (74, ["hour 1", "hour 30", "hour 71"]),
                (75, ["hour 30", "hour 71"]),
                (104, ["hour 71"]),
                (145, []),
            ):
                on.at(began + hour * HOUR_MS)
                assert await look(on, laptop) == await look(on, on.ben) == left
                now = on.clock.now()
                slots = laptop.session.home.vault.slots()
                assert not [name for name in slots if name.deadline <= now - 60_000]
                rows = await laptop.session.home.database.scan("history")
                assert not [row for key, row in rows if key[16:17] == b"t"]
                kept = await on.server.house.store.find(FileRow, order="deadline", limit=1000)
                assert not [row for row in kept if row.deadline <= now - 120_000]
                # The parts end with what is in them, long before the message that named them.
                parts = [row for row in kept if row.ceiling]
                assert len(parts) == len(left)
            assert await laptop.workspace.alarms() == []  # type: ignore[union-attr]
        finally:
            await laptop.close()


async def test_a_newcomer_who_was_away_is_shown_what_is_left_of_it(tmp_path: Path) -> None:
    """The parts wait at the server; those that end meanwhile are gone, without an alarm."""
    async with stage(tmp_path, names=("Ben",)) as on:
        await on.ada.unit.set_policy(history=History.WINDOW)
        await on.ben.sync()
        assert on.ada.workspace is not None
        cy = Device("Cy", on.folder / "Cy", on.clock)
        link = (await on.ada.workspace.invite()).link
        await cy.enter(mifeng.join(link, profile=cy.folder, name="Cy", passphrase=PASSPHRASE))
        await cy.close()
        began = await talk(on, (0, 40))
        await on.ada.sync()
        await on.ada.unit.grant(on.ada.workspace.person("Cy"))
        await on.ada.sync()
        on.at(began + 80 * HOUR_MS)
        try:
            await cy.open()
            assert await look(on, cy) == ["hour 40"]
            assert await cy.workspace.alarms() == []  # type: ignore[union-attr]
        finally:
            await cy.close()


async def test_in_a_strict_unit_a_history_needs_the_server_as_all_else(tmp_path: Path) -> None:
    async with stage(tmp_path, names=("Ben",)) as on:
        await on.ada.unit.set_policy(strict=Strict.ON)
        began = await talk(on, (0, 5))
        laptop = await linked(on, on.ben)
        try:
            assert await look(on, laptop) == ["hour 0", "hour 5"]
            await laptop.close()
            await laptop.open(online=False)
            assert await laptop.texts() == []
            await laptop.sync()
            assert await laptop.texts() == ["hour 0", "hour 5"]
            on.at(began + 80 * HOUR_MS)
            assert await look(on, laptop) == []
        finally:
            await laptop.close()


async def test_the_keys_of_a_history_die_with_what_they_open(tmp_path: Path) -> None:
    """INV-KEY-LIFETIME on the new device and on the one that handed over."""
    assert await kept_too_long(tmp_path) == []


async def test_secrets_of_parts_that_are_kept_break_the_invariant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving, "part_row", lambda _unit_id, record: encode(record))
    found = await kept_too_long(tmp_path)
    assert len([line for line in found if line.startswith(IMMORTAL)]) == 3


async def kept_too_long(tmp_path: Path) -> list[str]:
    """Hand over, let all of it end, and return what the ledger finds."""
    ledger = Ledger(now=lambda: 0)
    with ledger.listening():
        async with stage(tmp_path, names=("Ben",)) as on:
            ledger.now = on.clock.now
            began = await talk(on, (0, 3, 6))
            on.at(UnixMillis(began + 71 * HOUR_MS))
            laptop = await linked(on, on.ben)
            try:
                assert await look(on, laptop) == ["hour 0", "hour 3", "hour 6"]
                parts = [edge for edge in ledger.edges if edge.content.startswith("part ")]
                assert len(parts) == 6, "three at the giver, three at the receiver"
                for _ in range(10 * 4):
                    on.clock.advance(HOUR / 4)
                    for device in (on.ada, on.ben, laptop):
                        await device.tick()
                assert await look(on, laptop) == []
                assert all(edge.deadline < on.clock.now() for edge in parts)
                return ledger.violations()
            finally:
                await laptop.close()
