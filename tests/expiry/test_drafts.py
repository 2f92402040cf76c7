"""What was begun and not sent is kept and sealed as what was said is, and is over in its time."""

from __future__ import annotations

from pathlib import Path

from mifeng_crypto.ledger.policy import Strict
from tests.expiry.stage import HOUR, Device, stage

HOUR_MS = HOUR * 1000


async def rows_and_slots(device: Device) -> tuple[int, int]:
    """How many drafts lie in the database, and how many keys of slots in the vault."""
    home = device.session.home
    return len(await home.database.scan("drafts")), len(home.vault.slots())


async def test_a_draft_is_there_after_a_restart_and_goes_at_its_deadline_with_its_key(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, names=()) as on:
        ada, began = on.ada, on.clock.now()
        await ada.unit.keep_draft("half a sen")
        await ada.unit.keep_draft("in a thread", 7)
        await ada.close()
        await ada.open()
        assert await ada.unit.draft() == "half a sen"
        assert await ada.unit.draft(7) == "in a thread"
        on.at(began + 50 * HOUR_MS)
        await ada.tick()
        await ada.unit.keep_draft("half a sentence")
        on.at(began + 75 * HOUR_MS)
        await ada.sync()
        await ada.tick()
        assert await ada.unit.draft(7) == ""
        assert await ada.unit.draft() == "half a sentence"
        assert await rows_and_slots(ada) == (1, 1)
        on.at(began + 125 * HOUR_MS)
        await ada.sync()
        await ada.tick()
        assert await ada.unit.draft() == ""
        assert await rows_and_slots(ada) == (0, 0)
        await ada.unit.keep_draft("anew")
        await ada.unit.keep_draft("")
        assert (await rows_and_slots(ada))[0] == 0


async def test_in_a_strict_unit_no_draft_is_kept(tmp_path: Path) -> None:
    async with stage(tmp_path, names=()) as on:
        await on.ada.unit.keep_draft("before")
        await on.ada.unit.set_policy(strict=Strict.ON)
        await on.ada.unit.keep_draft("half a sen")
        assert await on.ada.unit.draft() == ""
        assert (await rows_and_slots(on.ada))[0] == 0
