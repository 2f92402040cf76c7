"""Exactly what should be readable is, for 72 hours; nothing is, after 74."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mifeng.core import membership
from mifeng.core.membership import Due
from mifeng_crypto.errors import TransportError
from mifeng_crypto.expiry.slot import retain_until
from mifeng_crypto.ids import UnixMillis
from tests.expiry.stage import HOUR, stage
from tests.expiry.travel import RETENTION_S, Journey

CASES = int(os.environ.get("MIFENG_EXPIRY_CASES", "8"))


async def test_every_message_is_there_for_72_hours_and_nothing_after_74(
    tmp_path: Path, record_property: pytest.FixtureRequest
) -> None:
    async with stage(tmp_path, names=("Ben",)) as on:
        journey = Journey(on, seed=7)
        await journey.run(CASES, days=max(2, CASES / 50))
        record_property(
            "travel",
            {  # type: ignore[operator]
                "messages": journey.posted,
                "looks": journey.looked,
                "epochs": len(journey.epochs),
                "least_hours": round(journey.least_ms / 3_600_000, 4),
                "most_hours": round(journey.most_ms / 3_600_000, 4),
                "lost": len(journey.lost),
                "kept": len(journey.kept),
            },
        )
        assert journey.posted == CASES
        assert (journey.lost, journey.kept) == ([], [])


@pytest.mark.parametrize("hours", [71, 73, 100, 15 * 24])
async def test_a_device_that_was_away_reads_exactly_what_is_still_live(
    tmp_path: Path, hours: int
) -> None:
    async with stage(tmp_path, names=("Ben",)) as on:
        await on.ada.unit.send("before")
        await on.ben.sync()
        assert await on.ben.texts() == ["before"]
        await on.ben.close()
        left, deadlines = on.clock.now(), {}
        deadlines["before"] = retain_until(UnixMillis(left), RETENTION_S)
        step = max(hours // 6, 1)
        for n in range(0, hours, step):
            on.at(left + n * HOUR * 1000)
            await on.ada.tick()
            await on.ada.unit.send(f"after {n} hours")
            deadlines[f"after {n} hours"] = retain_until(UnixMillis(on.clock.now()), RETENTION_S)
        on.at(left + hours * HOUR * 1000)
        await on.ben.open()
        live = [text for text, deadline in deadlines.items() if deadline > on.clock.now()]
        assert await on.ben.texts() == live
        await on.ada.tick()
        assert await on.ada.texts() == live


async def test_keys_encrypt_until_a_minute_before_72_hours_and_not_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = membership.due

    def never_rotating(*args: object, **named: object) -> Due:
        found = due(*args, **named)  # type: ignore[arg-type]
        return Due(remove=found.remove, add=found.add, rotate=False)

    async with stage(tmp_path, names=("Ben",)) as on:
        await on.ada.unit.send("first")
        await on.ben.sync()
        began = on.ada.unit._state.rotated_at
        epoch = on.ada.unit.epoch
        with monkeypatch.context() as patch:
            patch.setattr(membership, "due", never_rotating)
            on.at(began + 60_000)
            assert (await on.ada.unit.send("after a minute")).epoch == epoch
            on.at(began + (72 * HOUR - 60) * 1000)
            assert (await on.ada.unit.send("after 71 h 59")).epoch == epoch
            on.at(began + 72 * HOUR * 1000 + 1000)
            with pytest.raises(TransportError):  # `key_expired`, however often it is tried
                await on.ada.unit.send("too late")
        await on.ben.sync()
        assert (await on.ben.texts())[-1] == "after 71 h 59"
        assert (await on.ada.unit.send("renewed")).epoch == epoch + 1
        await on.ben.sync()
        assert (await on.ben.texts())[-2:] == ["too late", "renewed"]


async def test_what_expired_while_one_was_away_is_told_once(tmp_path: Path) -> None:
    async with stage(tmp_path, names=("Ben",)) as on:
        (on.folder / "plan.txt").write_text("figures")
        for n in range(3):
            await on.ada.unit.send(f"text {n}")
        await on.ada.unit.upload(on.folder / "plan.txt")
        await on.ben.sync()
        await on.ben.close()
        on.clock.advance(80 * HOUR)
        await on.ada.tick()
        await on.ada.unit.send("new")
        ben = await on.ben.open()
        told = await ben.expired()
        assert (told.messages, told.files) == (4, 1)
        assert not await ben.expired()
        assert await on.ben.texts() == ["new"]
