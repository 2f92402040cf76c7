"""A device's clock in 1970, or ten years ahead: said by name, and nothing is destroyed early."""

from __future__ import annotations

from pathlib import Path

import pytest

from mifeng_crypto.errors import MifengError
from tests.expiry.stage import HOUR, stage

YEAR = 365 * 24 * HOUR


@pytest.mark.parametrize("where", ["in 1970", "ten years ahead"])
@pytest.mark.parametrize("running", [False, True])
async def test_a_clock_that_is_years_off_is_named_and_destroys_nothing(
    tmp_path: Path, where: str, *, running: bool
) -> None:
    async with stage(tmp_path, names=("Ben",)) as on:
        await on.ada.unit.send("still live")
        await on.ben.sync()
        off = -on.clock.now() / 1000 + HOUR if where == "in 1970" else 10 * YEAR
        if not running:
            await on.ben.close()
        on.ben.is_off_by = off
        if not running:
            await on.ben.open(online=False)
        await on.ben.tick()
        if running and where == "in 1970":  # time does not go back while a process runs
            await on.ben.unit.send("from another time")
        else:
            with pytest.raises(MifengError, match="clock"):
                await on.ben.unit.send("from another time")
        await on.ben.tick()
        assert len(on.ben.session.home.vault.slots()) == 1
        await on.ben.close()
        on.ben.is_off_by = 0
        await on.ben.open()
        await on.ben.tick()
        # What was refused has waited for the right time.
        assert await on.ben.texts() == ["still live", "from another time"]
        await on.ada.sync()
        assert await on.ada.texts() == ["still live", "from another time"]
