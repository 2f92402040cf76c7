"""The server asks one online device at a time to commit what the ledgers want, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import msgspec
import pytest

from mifeng_crypto.api import messages as m
from mifeng_crypto.ledger.roster_entry import RemoveMember
from mifeng_server.domain.house import House
from mifeng_server.domain.stewardship import find_stewards
from mifeng_server.fanout import stewards
from mifeng_server.fanout.stewards import GATHER_S, LOOK_EVERY_S, PATIENCE_S
from tests.support.connection import RefusedError
from tests.support.peer import Peer, founded, peer_of
from tests.support.quiet import Quiet
from tests.support.server import ManualClock, RunningServer


class Ear:
    """A device's socket, and how often it was asked."""

    def __init__(self, peer: Peer, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.peer = peer
        self.asked: list[bytes] = []
        self._task = asyncio.create_task(self._listen(socket))

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            push = msgspec.msgpack.decode(frame.data, type=m.Push)
            if push.kind == "steward":
                assert push.unit_id is not None
                self.asked.append(push.unit_id)


@asynccontextmanager
async def listening(peer: Peer, unit_id: bytes) -> AsyncIterator[Ear]:
    headers = {"Mifeng-Protocol": "1"}
    async with peer.session.ws_connect(f"{peer.url}/v1/stream", headers=headers) as socket:
        after = {unit_id.hex(): peer.units[unit_id].log.sequence}
        hello = m.StreamHello(token=peer.token, protocol=1, after=after)
        await socket.send_bytes(msgspec.msgpack.encode(hello))
        yield Ear(peer, socket)


class Steps:
    """Lets everybody do what they can while the clock stands still, and moves it."""

    def __init__(self, clock: ManualClock, quiet: Quiet) -> None:
        self._clock = clock
        self.settle = quiet

    async def after(self, seconds: float) -> None:
        await self.settle()
        self._clock.advance(seconds)
        await self.settle()


@pytest.fixture
def steps(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(clock, Quiet(monkeypatch))


Company = tuple[list[Peer], bytes]


@pytest.fixture
async def company(server: RunningServer) -> AsyncIterator[Company]:
    """The founder and three colleagues in a unit; nobody listens yet."""
    async with AsyncExitStack() as stack:
        founder = await stack.enter_async_context(founded(server))
        others = []
        for _ in range(3):
            other = await stack.enter_async_context(peer_of(server))
            member_id, key = await founder.invite()
            await other.join_workspace(member_id, key, founder.known)
            await founder.fetch_roster()
            others.append(other)
        unit_id = await founder.create_unit()
        await founder.add(unit_id, *others)
        for other in others:
            await other.catch_up(unit_id)
        yield [founder, *others], unit_id


async def do(peer: Peer, unit_id: bytes, *gone: Peer) -> None:
    """Commit the removals of these members."""
    await peer.catch_up(unit_id)
    keys = {leaf.signature_key: i for i, leaf in peer.units[unit_id].epoch.public.leaves()}
    device = [peer.known.device_ever(other.device_id) for other in gone]
    await peer.commit(unit_id, remove=[keys[d.signature_key] for d in device if d is not None])


async def test_one_device_is_asked_and_another_when_it_does_not_answer(
    company: Company, steps: Steps
) -> None:
    (founder, ben, cem, dan), unit_id = company
    async with listening(ben, unit_id) as one, listening(cem, unit_id) as two:
        await steps.after(GATHER_S)
        assert (one.asked, two.asked) == ([], []), "ledgers and tree agree"
        await founder.append_roster(RemoveMember(dan.member_id))
        await steps.after(GATHER_S)
        assert sorted([len(one.asked), len(two.asked)]) == [0, 1]
        await steps.after(PATIENCE_S)
        assert (one.asked, two.asked) == ([unit_id], [unit_id])
        await steps.after(PATIENCE_S)
        assert len(one.asked) + len(two.asked) == 3, "all had their turn: from the beginning"
        await steps.after(PATIENCE_S)
        assert len(one.asked) + len(two.asked) == 3, "but more slowly"
        await do(cem, unit_id, dan)
        for _ in range(5):
            await steps.after(10 * PATIENCE_S)
        assert len(one.asked) + len(two.asked) == 3, "it is done"


async def test_whoever_is_to_be_removed_is_not_asked(company: Company, steps: Steps) -> None:
    (founder, ben, cem, _), unit_id = company
    async with listening(ben, unit_id) as gone, listening(cem, unit_id) as stays:
        await steps.settle()
        await founder.revoke(unit_id, ben.member_id)
        await steps.after(GATHER_S)
        assert (gone.asked, stays.asked) == ([], [unit_id])


async def test_when_nobody_is_online_the_first_who_comes_is_asked_and_no_content_passes_until_then(
    company: Company, steps: Steps
) -> None:
    (founder, ben, cem, dan), unit_id = company
    await founder.append_roster(RemoveMember(dan.member_id))
    await steps.after(20 * PATIENCE_S)
    await cem.catch_up(unit_id)
    with pytest.raises(RefusedError) as refused:
        await cem.send(unit_id)
    assert refused.value.code == "removes_due"
    async with listening(ben, unit_id) as first:
        await steps.after(GATHER_S)
        assert first.asked == [unit_id]
        await do(ben, unit_id, dan)
        await ben.send(unit_id)


async def test_who_is_granted_is_let_in_when_there_is_a_key_package(
    company: Company, server: RunningServer, steps: Steps
) -> None:
    (founder, ben, *_), unit_id = company
    async with peer_of(server) as eve, listening(ben, unit_id) as steward:
        member_id, key = await founder.invite()
        await founder.grant(unit_id, member_id)
        await steps.after(GATHER_S)
        assert steward.asked == [], "she is only invited"
        await eve.join_workspace(member_id, key, founder.known)
        await steps.after(GATHER_S)
        assert steward.asked == [unit_id]
        await ben.catch_up(unit_id)
        await ben.commit(unit_id, add=await ben.claim(unit_id, eve.device_id), path=False)
        await eve.join_units()
        await steps.after(PATIENCE_S)
        assert steward.asked == [unit_id]


async def test_what_changes_at_the_same_time_is_asked_for_once(
    company: Company, steps: Steps
) -> None:
    (founder, ben, cem, dan), unit_id = company
    async with listening(ben, unit_id) as steward:
        await steps.settle()
        await founder.append_roster(RemoveMember(dan.member_id))
        await founder.append_roster(RemoveMember(cem.member_id))
        await steps.after(GATHER_S)
        await do(ben, unit_id, dan, cem)
        for _ in range(3):
            await steps.after(PATIENCE_S)
        assert steward.asked == [unit_id]


async def test_old_keys_are_renewed_in_a_unit_that_is_used_and_in_no_other(
    company: Company, clock: ManualClock, steps: Steps
) -> None:
    (founder, ben, *_), unit_id = company
    await founder.commit(unit_id)
    for peer in (founder, ben):
        peer.clock = clock
    clock.advance(25 * 3600)
    await founder.login()
    await ben.login()
    await ben.catch_up(unit_id)
    async with listening(ben, unit_id) as steward:
        for _ in range(3):
            await steps.after(LOOK_EVERY_S)
        assert steward.asked == [], "nothing was said under these keys"
        await founder.catch_up(unit_id)
        await founder.send(unit_id)
        await steps.after(LOOK_EVERY_S)
        await steps.after(GATHER_S)
        assert steward.asked == [unit_id]
        await ben.catch_up(unit_id)
        await ben.commit(unit_id)
        for _ in range(3):
            await steps.after(LOOK_EVERY_S)
        assert steward.asked == [unit_id]


async def test_a_steward_who_went_is_asked_again_on_coming_back(
    company: Company, steps: Steps
) -> None:
    (founder, ben, _, dan), unit_id = company
    async with listening(ben, unit_id):
        await steps.settle()
        await founder.append_roster(RemoveMember(dan.member_id))
    async with listening(ben, unit_id) as again:
        await steps.after(GATHER_S)
        await steps.after(PATIENCE_S)
        assert unit_id in again.asked


async def test_a_fault_in_one_unit_leaves_the_others_their_stewards(
    company: Company, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    (founder, ben, _, dan), unit_id = company
    find, faults = find_stewards, [RuntimeError("a bug")]

    async def fail_once(house: House, unit_id: bytes, *, now: int) -> frozenset[bytes]:
        if faults:
            raise faults.pop()
        return await find(house, unit_id, now=now)

    monkeypatch.setattr(stewards, "find_stewards", fail_once)
    async with listening(ben, unit_id) as steward:
        await steps.after(GATHER_S)
        assert not faults
        await founder.append_roster(RemoveMember(dan.member_id))
        await steps.after(GATHER_S)
        assert steward.asked == [unit_id]
