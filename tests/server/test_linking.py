"""The mailbox of two devices, and what the server does when devices come, go and are recovered."""

from __future__ import annotations

import asyncio
import os

import aiohttp
import msgspec
import pytest

from mifeng_crypto import signature
from mifeng_crypto.api import messages as m
from mifeng_crypto.ids import DeviceId
from mifeng_crypto.ledger.roster_entry import (
    AddDevice,
    Recover,
    RecoveryAuthor,
    RevokeDevice,
    Role,
    SetRole,
)
from mifeng_crypto.secret import Secret
from mifeng_server.domain import rows
from mifeng_server.domain.linking import LINK_MS
from mifeng_server.domain.purge import DELAY_MS, purge
from mifeng_server.routes.stream import HUB
from tests.support.connection import RefusedError
from tests.support.patience import PATIENCE_S
from tests.support.peer import Peer, peer_of
from tests.support.server import ManualClock, RunningServer

Two = tuple[Peer, Peer, bytes]


async def _open(peer: Peer, link_id: bytes) -> m.LinkState:
    return await peer.call("open_link", m.LinkState, m.LinkOpen(link_id=link_id))


async def _look(peer: Peer, link_id: bytes) -> m.LinkState:
    return await peer.call("link", m.LinkState, path={"link_id": link_id})


async def _ask(peer: Peer, link_id: bytes, sealed: bytes) -> m.LinkState:
    letter = m.LinkLetter(sealed=sealed)
    return await peer.call("link_request", m.LinkState, letter, path={"link_id": link_id})


async def _answer(peer: Peer, link_id: bytes, answer: m.LinkAnswer) -> m.LinkState:
    return await peer.call("link_answer", m.LinkState, answer, path={"link_id": link_id})


async def test_a_mailbox_takes_one_request_and_answers_by_its_own_device_only(
    two: Two, server: RunningServer
) -> None:
    ann, bob, _ = two
    link_id = os.urandom(16)
    await _open(ann, link_id)
    async with peer_of(server) as new:
        assert (await _ask(new, link_id, b"keys")).request == b"keys"
        await _ask(new, link_id, b"keys")  # an answer that was lost
        with pytest.raises(RefusedError) as refused:
            await _ask(new, link_id, b"other keys")
        assert refused.value.code == "forbidden"
        with pytest.raises(RefusedError) as refused:
            await _answer(bob, link_id, m.LinkAnswer(reveal=b"mine"))
        assert refused.value.code == "not_found"
        await _answer(ann, link_id, m.LinkAnswer(reveal=b"nonce"))
        await _answer(ann, link_id, m.LinkAnswer(grant=b"grant", reveal=b"another"))
        seen = await _look(new, link_id)
        assert (seen.request, seen.reveal, seen.grant) == (b"keys", b"nonce", b"grant")
        await _answer(ann, link_id, m.LinkAnswer(close=True))
        with pytest.raises(RefusedError) as refused:
            await _look(new, link_id)
        assert refused.value.code == "not_found"


async def test_a_mailbox_ends_with_its_time_the_next_one_and_its_device(
    two: Two, server: RunningServer, clock: ManualClock
) -> None:
    ann, bob, _ = two
    first, second, third = os.urandom(16), os.urandom(16), os.urandom(16)
    await _open(ann, first)
    with pytest.raises(RefusedError) as refused:
        await _open(bob, first)
    assert refused.value.code == "forbidden"
    await _open(ann, second)
    await _open(bob, third)
    assert await server.house.store.count(rows.LinkRow) == 2  # one a device
    await ann.append_roster(RevokeDevice(bob.device_id))
    assert await server.house.store.count(rows.LinkRow) == 1
    clock.advance(LINK_MS)
    for link_id in (first, second, third):
        for attempt in (_look(ann, link_id), _ask(ann, link_id, b"late")):
            with pytest.raises(RefusedError) as refused:
                await attempt
            assert refused.value.code == "not_found"
    clock.advance(DELAY_MS)
    await purge(server.house, clock=clock.now)
    assert await server.house.store.count(rows.LinkRow) == 0


async def _second(peer: Peer, server: RunningServer, session: aiohttp.ClientSession) -> Peer:
    """One more device of a member, logged in and with KeyPackages."""
    other = Peer(session=session, url=server.url, clock=server.clock, member_id=peer.member_id)
    await peer.fetch_roster()
    await peer.append_roster(AddDevice(other.device))
    other.roster = peer.roster
    await other.login()
    await other.publish(2)
    return other


async def test_a_second_device_is_added_to_the_units_and_a_revoked_one_leaves_nothing_behind(
    two: Two, server: RunningServer
) -> None:
    ann, bob, unit_id = two
    async with aiohttp.ClientSession() as session:
        other = await _second(bob, server, session)
        await ann.catch_up(unit_id)
        packages = await ann.claim(unit_id, other.device_id)
        await ann.commit(unit_id, add=packages, path=False)
        await other.join_units()
        assert unit_id in other.units
        kinds = (rows.KeyPackageRow, rows.TokenRow)
        await bob.fetch_roster()
        await bob.append_roster(RevokeDevice(other.device_id))
        counts = [await server.house.store.count(kind, device_id=other.device_id) for kind in kinds]
        assert counts == [0, 0]
        with pytest.raises(RefusedError) as refused:
            await other.publish(1)
        assert refused.value.code == "unauthenticated"
        await bob.publish(1)  # the person stays, with the first device


async def test_who_holds_the_sheet_logs_in_with_it_for_one_entry_only(
    server: RunningServer, founder: Peer
) -> None:
    sheet, following = Secret(os.urandom(32)), Secret(os.urandom(32))
    member_id, key = await founder.invite()
    async with peer_of(server) as cem, aiohttp.ClientSession() as session:
        cem.recovery_key = signature.public_of(sheet)
        await cem.join_workspace(member_id, key, founder.known)
        new = Peer(session=session, url=server.url, clock=server.clock, member_id=member_id)
        new.roster = founder.roster
        author = RecoveryAuthor(member_id)
        with pytest.raises(RefusedError) as refused:
            await new.login(author=author, key=following)
        assert refused.value.code == "unauthenticated"
        await new.login(author=author, key=sheet)
        await new.fetch_roster()
        with pytest.raises(RefusedError) as refused:
            await new.call("units", m.UnitsReply)
        assert refused.value.code == "forbidden"
        with pytest.raises(RefusedError) as refused:
            await new.append_roster(RevokeDevice(cem.device_id), author=author, key=sheet)
        assert refused.value.rule == "ROSTER-2"
        body = Recover(new.device, signature.public_of(following))
        async with session.ws_connect(
            f"{server.url}/v1/stream", headers={"Mifeng-Protocol": "1"}
        ) as socket:
            hello = m.StreamHello(token=cem.token, protocol=1, after={})
            await socket.send_bytes(msgspec.msgpack.encode(hello))
            while not server.app[HUB]._by_member.get(cem.member_id):
                await asyncio.sleep(0.01)
            await new.append_roster(body, author=author, key=sheet)
            async with asyncio.timeout(PATIENCE_S):
                async for _ in socket:
                    pass
            assert socket.close_code == 4403
        with pytest.raises(RefusedError) as refused:
            await new.fetch_roster()  # used: void in the same moment
        assert refused.value.code == "unauthenticated"
        with pytest.raises(RefusedError) as refused:
            await cem.publish(1)
        assert refused.value.code == "unauthenticated"
        assert await server.house.store.count(rows.KeyPackageRow, device_id=cem.device_id) == 0
        await new.login()
        await new.publish(1)
        with pytest.raises(RefusedError) as refused:
            await new.login(author=author, key=sheet)
        assert refused.value.code == "unauthenticated"


async def test_a_role_is_set_and_the_last_owner_stays(two: Two) -> None:
    ann, bob, _ = two
    await ann.append_roster(SetRole(bob.member_id, Role.ADMIN))
    member = ann.known.member(bob.member_id)
    assert member is not None
    assert member.role is Role.ADMIN
    before = (await ann.call("roster", m.EntriesReply)).head_sequence
    with pytest.raises(RefusedError) as refused:
        await ann.append_roster(SetRole(ann.member_id, Role.MEMBER))
    assert (refused.value.code, refused.value.rule) == ("refused", "ROSTER-14")
    assert (await ann.call("roster", m.EntriesReply)).head_sequence == before
    assert ann.known.device(DeviceId(ann.device_id)) is not None
