"""Founding, the roster and the directory."""

from __future__ import annotations

import os

import pytest

from mifeng_crypto import signature
from mifeng_crypto.api import messages as m
from mifeng_crypto.ids import MemberId, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.policy import DEFAULT_POLICY
from mifeng_crypto.ledger.roster import Roster, sign_roster_entry
from mifeng_crypto.ledger.roster_entry import (
    Found,
    Invite,
    RemoveMember,
    Role,
    RosterEntry,
    ServerIdentity,
)
from mifeng_crypto.links import FoundLink, parse_link
from mifeng_crypto.tls import encode
from tests.support.peer import Peer, RefusedError, peer_of
from tests.support.server import ManualClock, RunningServer


def _found_request(peer: Peer, link: FoundLink, server: ServerIdentity) -> m.FoundRequest:
    body = Found(peer.member_id, peer.device, None, DEFAULT_POLICY, server)
    entry = sign_roster_entry(
        None, body, peer.author, peer.key, now=peer.now, workspace_id=WorkspaceId(os.urandom(16))
    )
    return m.FoundRequest(token=link.token, entry=encode(entry))


def _link(server: RunningServer) -> FoundLink:
    link = parse_link(server.founding_link)
    assert isinstance(link, FoundLink)
    return link


async def test_a_workspace_is_founded_once_and_a_lost_answer_is_given_again(
    server: RunningServer,
) -> None:
    link = _link(server)
    async with peer_of(server) as first, peer_of(server) as second:
        request = _found_request(first, link, ServerIdentity(link.addresses, (), None))
        head = await first.call("found", m.HeadReply, request, key="k")
        assert head == await first.call("found", m.HeadReply, request, key="k")
        info = await first.call("server", m.ServerInfo)
        assert info.genesis == head.hash
        other = _found_request(second, link, ServerIdentity(link.addresses, (), None))
        assert (await second.refused("found", other)).code == "already_founded"


async def test_a_wrong_founding_token_is_forbidden(server: RunningServer) -> None:
    link = _link(server)
    async with peer_of(server) as stranger:
        right = _found_request(stranger, link, ServerIdentity(link.addresses, (), None))
        wrong = m.FoundRequest(token=os.urandom(32), entry=right.entry)
        assert (await stranger.refused("found", wrong)).code == "forbidden"
        assert (await stranger.call("server", m.ServerInfo)).workspace_id is None


@pytest.mark.parametrize(
    "identity",
    [
        ServerIdentity(("https://elsewhere.example",), (), None),
        ServerIdentity(("http://127.0.0.1",), (bytes(32),), None),
    ],
)
async def test_founding_names_this_server(server: RunningServer, identity: ServerIdentity) -> None:
    """FOUND-1."""
    async with peer_of(server) as founder:
        problem = await founder.refused("found", _found_request(founder, _link(server), identity))
        assert (problem.code, problem.rule) == ("refused", "FOUND-1")


async def test_an_entry_after_another_head_is_stale(server: RunningServer, founder: Peer) -> None:
    before = founder.known
    await founder.invite()
    founder.roster = before
    with pytest.raises(RefusedError) as caught:
        await founder.invite()
    assert caught.value.code == "stale_head"
    assert caught.value.problem.head_sequence == 2
    assert caught.value.rule == "LEDGER-1"


@pytest.mark.parametrize("off_ms", [-601_000, 601_000])
async def test_an_entry_of_a_clock_that_is_off_is_refused(
    founder: Peer, clock: ManualClock, off_ms: int
) -> None:
    clock.advance(3000)
    key = signature.public_of(os.urandom(32))
    expires = UnixMillis(founder.now + 86_400_000)
    body = Invite(MemberId(os.urandom(16)), Role.MEMBER, key, expires)
    now = UnixMillis(founder.now + off_ms)
    entry = sign_roster_entry(founder.known, body, founder.author, founder.key, now=now)
    problem = await founder.refused("roster_append", m.LedgerAppendRequest(entry=encode(entry)))
    assert (problem.code, problem.rule) == ("clock", "LEDGER-6")


async def test_nobody_sends_what_somebody_else_signed(server: RunningServer, founder: Peer) -> None:
    member_id, key = await founder.invite()
    async with peer_of(server) as colleague:
        await colleague.join_workspace(member_id, key, founder.known)
        body = RemoveMember(member_id)
        entry = sign_roster_entry(
            colleague.known, body, founder.author, founder.key, now=founder.now
        )
        request = m.LedgerAppendRequest(entry=encode(entry))
        assert (await colleague.refused("roster_append", request)).code == "forbidden"


async def test_what_the_ledgers_rules_refuse_is_named(server: RunningServer, founder: Peer) -> None:
    member_id, key = await founder.invite()
    async with peer_of(server) as colleague:
        await colleague.join_workspace(member_id, key, founder.known)
        with pytest.raises(RefusedError) as caught:
            await colleague.invite(Role.ADMIN)
        assert (caught.value.code, caught.value.rule) == ("refused", "ROSTER-3")


async def test_a_forged_signature_is_refused(founder: Peer) -> None:
    expires = UnixMillis(founder.now + 86_400_000)
    key = signature.public_of(os.urandom(32))
    body = Invite(MemberId(os.urandom(16)), Role.MEMBER, key, expires)
    entry = sign_roster_entry(founder.known, body, founder.author, founder.key, now=founder.now)
    forged = RosterEntry(entry.tbs, bytes(64))
    problem = await founder.refused("roster_append", m.LedgerAppendRequest(entry=encode(forged)))
    assert (problem.code, problem.rule) == ("refused", "LEDGER-4")
    assert (await founder.call("roster", m.EntriesReply)).head_sequence == 1


async def test_a_long_roster_comes_in_pages(server: RunningServer, founder: Peer) -> None:
    for _ in range(3):
        await founder.invite()
    got = await founder.call("roster", m.EntriesReply, query="?after=2")
    assert (len(got.entries), got.head_sequence) == (2, 4)
    fresh = Roster.from_entries((await founder.call("roster", m.EntriesReply)).entries)
    assert fresh.head == founder.known.head


async def test_the_same_key_with_another_request_is_a_mismatch(founder: Peer) -> None:
    card = m.Card(subject=founder.member_id, version=1, sealed=b"one")
    other = m.Card(subject=founder.member_id, version=2, sealed=b"two")
    await founder.call("put_card", m.CardsReply, card, key="k")
    assert (await founder.refused("put_card", other, key="k")).code == "idempotency_mismatch"


async def test_only_acceptances_are_remembered(founder: Peer) -> None:
    second = m.Card(subject=founder.member_id, version=2, sealed=b"two")
    first = m.Card(subject=founder.member_id, version=1, sealed=b"one")
    problem = await founder.refused("put_card", second, key="k")
    assert (problem.code, problem.problem.head_sequence) == ("stale_head", 0)
    await founder.call("put_card", m.CardsReply, first)
    await founder.call("put_card", m.CardsReply, second, key="k")


async def test_a_card_is_its_persons_own(founder: Peer) -> None:
    card = m.Card(subject=bytes(16), version=1, sealed=b"")
    assert (await founder.refused("put_card", card)).code == "forbidden"
