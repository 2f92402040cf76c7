"""Strict units: without the server a device opens nothing of what it has stored."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mifeng.core.rows import LOCKED
from mifeng_crypto.ledger.policy import Strict
from mifeng_server.domain.purge import sweep
from mifeng_server.domain.rows import SlotRow
from tests.expiry.forensics import hits_in
from tests.expiry.seizure import Hoard, Loot, ransack
from tests.expiry.stage import HOUR, Stage, stage

TEXT = "the merger is on Friday"
NOTHING = Loot(False, False)


@pytest.fixture
async def on(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, names=("Ben",)) as set_up:
        await set_up.ada.unit.send("before it was strict")
        await set_up.ada.unit.set_policy(strict=Strict.ON)
        await set_up.ada.unit.send(TEXT)
        await set_up.ben.sync()
        yield set_up


async def test_a_device_reads_with_the_server_and_not_without(on: Stage) -> None:
    assert await on.ben.texts() == ["before it was strict", TEXT]
    await on.ben.close()
    await on.ben.open(online=False)
    assert await on.ben.texts() == ["before it was strict"]
    problems = [message.problem for message in await on.ben.unit.history()]
    assert LOCKED in problems
    await on.ben.sync()
    assert await on.ben.texts() == ["before it was strict", TEXT]
    assert await on.ada.texts() == ["before it was strict", TEXT]


async def test_one_request_at_the_start_is_enough(
    on: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        on.clock.advance(HOUR)
        await on.ada.unit.send(f"hour {n}")
    await on.ben.sync()
    await on.ben.close()
    asked: list[str] = []
    from mifeng.net import Api  # noqa: PLC0415

    call = Api.call

    async def calling(self: Api, name: str, *args: object, **named: object) -> object:
        asked.append(name)
        return await call(self, name, *args, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Api, "call", calling)
    await on.ben.open()
    assert asked.count("slots") == 1
    assert len(await on.ben.texts()) == 5


async def test_a_seized_device_alone_and_after_the_deadline_gives_nothing(
    on: Stage, tmp_path: Path
) -> None:
    entry = await on.ada.unit.raw_entry(on.ada.unit.sequence)
    await on.ben.close()
    image = tmp_path / "image"
    shutil.copytree(on.ben.folder, image)
    assert await ransack(image, text=TEXT.encode(), hoard=None) == NOTHING
    assert await ransack(image, text=TEXT.encode(), hoard=Hoard([entry], {})) == NOTHING


async def test_the_share_of_a_slot_dies_with_it_and_is_in_no_database(on: Stage) -> None:
    house = on.server.house
    (row,) = await house.store.find(SlotRow, order="deadline", limit=10)
    names = [name for name in await house.shares.names() if len(name) == 32]
    share = await house.shares.get(names[0])
    assert share is not None
    await sweep(house, on.clock)
    assert await house.shares.get(names[0]) == share
    assert hits_in(on.server.folder, {"share": share}) == {}
    assert hits_in(on.ben.folder, {"share": share}) == {}
    on.at(row.deadline - 1)
    await on.server.purge()
    assert await house.shares.get(names[0]) == share
    on.at(row.deadline + 61_000)
    await on.server.purge()
    assert await house.shares.get(names[0]) is None
    assert await house.store.find(SlotRow, order="deadline", limit=10) == ()
    await on.ben.tick()
    assert await on.ben.texts() == []


async def test_only_members_are_given_shares(on: Stage) -> None:
    from mifeng_crypto.api import messages as m  # noqa: PLC0415

    assert len((await on.ben.session.api.call("slots", m.SlotSharesReply)).shares) == 1
    assert on.ada.workspace is not None
    await on.ada.unit.revoke(on.ada.workspace.person("Ben"))
    assert (await on.ben.session.api.call("slots", m.SlotSharesReply)).shares == []
