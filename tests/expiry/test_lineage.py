"""INV-KEY-LIFETIME over a story from end to end; each of four mistakes breaks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mifeng.core import catch_up
from mifeng.core.expiry import ExpiredRecord
from mifeng.session import expiry
from mifeng.store import Database
from mifeng.store.keeping import Keeper
from mifeng_crypto.tls import encode
from tests.expiry.lineage import Ledger
from tests.expiry.stage import HOUR, Stage, stage


async def story(on: Stage, ledger: Ledger) -> None:
    """Five days: talk, a rotation, an idle unit, a file, a restart, and the end of all of it."""
    (on.folder / "plan.txt").write_text("figures")
    for n in range(4):
        await on.ada.unit.send(f"text {n}")
        await on.ben.sync()
        await on.ben.unit.send(f"answer {n}")
        await on.ada.sync()
        on.clock.advance(9 * HOUR)
        await ticks(on)
    await on.ada.unit.upload(on.folder / "plan.txt")
    await on.ben.sync()
    await on.ben.close()
    await on.ben.open()
    await on.ada.unit.send("the last word, in an epoch that goes on")
    for _ in range(80 * 4):
        on.clock.advance(HOUR / 4)
        await ticks(on)
    await on.ben.sync()
    assert await on.ada.texts() == await on.ben.texts() == []
    assert ledger.over > 20


async def ticks(on: Stage) -> None:
    """The timers of both; the product's look once a minute, these every quarter of an hour."""
    for device in (on.ada, on.ben):
        await device.tick()


async def play(tmp_path: Path) -> tuple[Ledger, list[str]]:
    ledger = Ledger(now=lambda: 0)
    with ledger.listening():
        async with stage(tmp_path, names=("Ben",)) as on:
            ledger.now = on.clock.now
            await story(on, ledger)
            return ledger, ledger.violations()


async def test_every_key_dies_no_later_than_what_it_protects(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    ledger, broken = await play(tmp_path)
    assert broken == []
    assert any(edge.how == "derives" for edge in ledger.edges)
    record_property("lineage", {"keys": len(ledger.born), "edges": len(ledger.edges)})


async def _never(*_: object) -> None:
    """State keys stay as they are."""


def _plain(_: object, record: Any) -> bytes:  # noqa: ANN401
    return encode(record)


async def _no_expiry(*_: object, **__: object) -> ExpiredRecord:
    return ExpiredRecord(0, 0)


MUTANTS: dict[str, tuple[tuple[object, str, object], ...]] = {
    "state keys are not renewed": (
        (expiry, "renew_state_keys", _never),
        (Keeper, "replaced_by", lambda *_: frozenset()),
    ),
    "a replaced key stays": ((Database, "_destroy_replaced", _never),),
    "content under the store key": ((catch_up, "timeline_row", _plain),),
    "no expiry": ((expiry, "expire", _no_expiry),),
}


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_a_mistake_breaks_the_invariant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutant: str
) -> None:
    for where, name, instead in MUTANTS[mutant]:
        monkeypatch.setattr(where, name, instead)
    ledger = Ledger(now=lambda: 0)
    with ledger.listening():
        async with stage(tmp_path, names=("Ben",)) as on:
            ledger.now = on.clock.now
            await on.ada.unit.send("a word")
            await on.ben.sync()
            for _ in range(3):
                on.clock.advance(25 * HOUR)
                await ticks(on)
            await on.ada.unit.send("a later word")
            on.clock.advance(HOUR)
            await ticks(on)
            assert ledger.violations(), "the ledger does not see it"
