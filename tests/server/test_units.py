"""Units on a real server: what the gate lets through, in order, and what it does not."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from mifeng_crypto import signature
from mifeng_crypto.api import messages as m
from mifeng_crypto.ledger.charter import GENERATION_GAP
from mifeng_crypto.ledger.charter_entry import (
    Grant,
    Restart,
    UnitRole,
)
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import DEFAULT_POLICY
from mifeng_crypto.ledger.roster_entry import RemoveMember, RevokeDevice
from mifeng_crypto.log import EntryKind, LogEntry, LogHeader
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.leaf_node import Lifetime
from mifeng_crypto.mls.wire.registry import APPLICATION_ID
from mifeng_crypto.tls import decode
from tests.support.peer import SUITE, Peer, RefusedError, pair, peer_of
from tests.support.server import ManualClock, RunningServer, running_server

Two = tuple[Peer, Peer, bytes]


async def _refusal(peer: Peer, unit_id: bytes, **more: object) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        await peer.send(unit_id, **more)  # type: ignore[arg-type]
    return caught.value


async def _colleague(founder: Peer, other: Peer) -> None:
    member_id, key = await founder.invite()
    await other.join_workspace(member_id, key, founder.known)
    await founder.fetch_roster()


async def test_two_members_talk(two: Two) -> None:
    ann, bob, unit_id = two
    await ann.send(unit_id, b"good morning")
    assert await bob.catch_up(unit_id) == [b"good morning"]
    await bob.send(unit_id, b"morning!")
    assert await ann.catch_up(unit_id) == [b"morning!"]
    kinds = [decode(LogEntry, raw).header.kind for raw in await ann.read_log(unit_id)]
    heads, commit, message = EntryKind.HEADS, EntryKind.COMMIT, EntryKind.MESSAGE
    assert kinds == [heads, heads, commit, message, message]


async def test_a_conversation_goes_on_after_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    async with running_server(tmp_path, clock=clock, tls=False) as server, pair(server) as both:
        ann, bob, unit_id = both
        await ann.send(unit_id, b"before")
        await ann.catch_up(unit_id)
        state = ann.token, ann.roster, ann.key, ann.member_id, ann.device_id, ann.units
        bob_state = bob.token, bob.roster, bob.key, bob.member_id, bob.device_id, bob.units
    async with (
        running_server(tmp_path, clock=clock, tls=False, restart=True) as again,
        peer_of(again) as ann,
        peer_of(again) as bob,
    ):
        ann.token, ann.roster, ann.key, ann.member_id, ann.device_id, ann.units = state
        bob.token, bob.roster, bob.key, bob.member_id, bob.device_id, bob.units = bob_state
        assert await bob.catch_up(unit_id) == [b"before"]
        await bob.send(unit_id, b"after")
        assert await ann.catch_up(unit_id) == [b"after"]
        await ann.commit(unit_id)
        await bob.catch_up(unit_id)


async def test_a_message_of_a_stale_epoch_is_refused_and_told_how_far_to_catch_up(two: Two) -> None:
    ann, bob, unit_id = two
    await ann.commit(unit_id)
    refusal = await _refusal(bob, unit_id)
    assert (refusal.code, refusal.rule) == ("wrong_epoch", "GATE-27")
    assert refusal.problem.head_sequence == ann.units[unit_id].log.sequence
    await bob.catch_up(unit_id)
    await bob.send(unit_id)


async def test_of_two_commits_in_one_epoch_the_first_wins(two: Two) -> None:
    ann, bob, unit_id = two
    mine, my_request = ann.make_commit(unit_id)
    _, other_request = bob.make_commit(unit_id)
    path = {"unit_id": unit_id}
    await ann.call("commit", m.AcceptedReply, my_request, path=path)
    problem = await bob.refused("commit", other_request, path=path)
    assert problem.code == "wrong_epoch"
    await ann.catch_up(unit_id, mine)
    await bob.catch_up(unit_id)
    await bob.commit(unit_id)


async def test_a_repeated_message_is_answered_alike_and_stands_in_the_log_once(two: Two) -> None:
    ann, _, unit_id = two
    request, path = ann.make_message(unit_id), {"unit_id": unit_id}
    first = await ann.call("message", m.AcceptedReply, request, path=path, key="k")
    await ann.catch_up(unit_id)
    await ann.commit(unit_id)
    # The key is looked up before the epoch, which is another by now.
    again = await ann.call("message", m.AcceptedReply, request, path=path, key="k")
    assert again == first
    header = decode(LogHeader, first.header)
    log = [decode(LogEntry, raw).header for raw in await ann.read_log(unit_id)]
    assert [h for h in log if h.kind is EntryKind.MESSAGE] == [header]


async def test_the_same_request_at_once_is_accepted_once(two: Two) -> None:
    ann, _, unit_id = two
    request, path = ann.make_message(unit_id), {"unit_id": unit_id}
    answers = await asyncio.gather(
        *(ann.call("message", m.AcceptedReply, request, path=path, key="k") for _ in range(8))
    )
    assert len({answer.header for answer in answers}) == 1
    await ann.catch_up(unit_id)


async def test_many_at_once_are_put_into_one_order(two: Two) -> None:
    ann, bob, unit_id = two
    before = ann.units[unit_id].log.sequence
    requests = [ann.make_message(unit_id, str(n).encode()) for n in range(40)]
    path = {"unit_id": unit_id}
    answers = await asyncio.gather(
        *(ann.call("message", m.AcceptedReply, request, path=path) for request in requests)
    )
    sequences = sorted(decode(LogHeader, a.header).sequence for a in answers)
    assert sequences == list(range(before + 1, before + 41))
    assert sorted(map(int, await bob.catch_up(unit_id))) == list(range(40))


async def test_a_unit_is_not_there_for_others(server: RunningServer, two: Two) -> None:
    ann, _, unit_id = two
    async with peer_of(server) as outsider:
        await _colleague(ann, outsider)
        path = {"unit_id": unit_id}
        for name in ("log", "charter"):
            for which in (path, {"unit_id": bytes(16)}):
                query = "?generation=0" if name == "log" else ""
                problem = await outsider.refused(name, path=which, query=query)
                assert (problem.code, problem.problem.detail) == ("not_found", "")
        outsider.units[unit_id] = ann.units[unit_id]
        message = ann.make_message(unit_id)
        assert (await outsider.refused("message", message, path=path)).code == "not_found"
        assert (await outsider.call("units", m.UnitsReply)).units == []
        status, _, _ = await outsider.raw("POST", f"/v1/units/{unit_id.hex()}/files")
        assert status == 400
        with pytest.raises(RefusedError, match="not_found"):
            await outsider.open_upload(unit_id, 1)


async def test_while_a_removal_is_due_only_the_commit_with_it_is_accepted(two: Two) -> None:
    ann, bob, unit_id = two
    await ann.revoke(unit_id, bob.member_id)
    assert (await _refusal(ann, unit_id)).code == "removes_due"
    _, without = ann.make_commit(unit_id)
    problem = await ann.refused("commit", without, path={"unit_id": unit_id})
    assert (problem.code, problem.rule) == ("removes_due", "GATE-13")
    assert (await _refusal(bob, unit_id)).code == "not_found"
    leaf = ann.units[unit_id].epoch.public.find(signature.public_of(bob.key))
    assert leaf is not None
    await ann.commit(unit_id, remove=[leaf])
    await ann.send(unit_id)


async def test_removal_from_the_workspace_moves_the_heads_of_every_unit(two: Two) -> None:
    ann, bob, unit_id = two
    await ann.append_roster(RemoveMember(bob.member_id))
    refusal = await _refusal(ann, unit_id)
    assert (refusal.code, refusal.rule) == ("removes_due", "GATE-23")
    entries = [decode(LogEntry, raw) for raw in await ann.read_log(unit_id)]
    assert entries[-1].header.kind is EntryKind.HEADS


async def test_a_device_that_was_revoked_is_due_in_every_unit(two: Two) -> None:
    ann, bob, unit_id = two
    await ann.append_roster(RevokeDevice(bob.device_id))
    refusal = await _refusal(ann, unit_id)
    assert (refusal.code, refusal.rule) == ("removes_due", "GATE-23")


async def test_keys_older_than_72_hours_send_nothing_until_they_are_renewed(
    two: Two, clock: ManualClock
) -> None:
    ann, bob, unit_id = two
    clock.advance(72 * 3600)
    for peer in (ann, bob):
        await peer.login()
    await ann.send(unit_id, b"just in time")
    await ann.catch_up(unit_id)
    clock.advance(1)
    refusal = await _refusal(ann, unit_id)
    assert (refusal.code, refusal.rule) == ("key_expired", "GATE-24")
    await ann.commit(unit_id)
    await ann.send(unit_id)


@pytest.mark.parametrize("off", [-601_000, 601_000])
async def test_a_message_of_a_clock_that_is_off_is_refused(two: Two, off: int) -> None:
    ann, _, unit_id = two
    assert (await _refusal(ann, unit_id, time=ann.now + off)).code == "clock"


async def test_a_full_unit_takes_nobody_more(server: RunningServer, founder: Peer) -> None:
    async with peer_of(server) as second, peer_of(server) as third:
        for peer in (second, third):
            await _colleague(founder, peer)
        unit_id = await founder.create_unit(dataclasses.replace(DEFAULT_POLICY, cap=2))
        await founder.add(unit_id, second)
        with pytest.raises(RefusedError) as caught:
            await founder.grant(unit_id, third.member_id)
        assert caught.value.code == "cap_exceeded"


async def test_a_commit_that_exceeds_the_cap_is_refused_on_the_public_tree(
    server: RunningServer, two: Two
) -> None:
    """The charter let the grant pass while somebody was out who is in the tree still."""
    ann, bob, _ = two
    async with peer_of(server) as carl:
        await _colleague(ann, carl)
        unit_id = await ann.create_unit(dataclasses.replace(DEFAULT_POLICY, cap=2))
        await ann.grant(unit_id, bob.member_id)
        unit = await server.house.unit(unit_id)
        assert unit is not None
        # As if the policy had been lowered after both were granted.
        low = dataclasses.replace(unit.charter.policy, cap=1)
        charter = dataclasses.replace(unit.charter, _policies=((1, low),))
        server.house.hold(None, (dataclasses.replace(unit, charter=charter),))
        claimed = await ann.claim(unit_id, bob.device_id)
        _, request = ann.make_commit(unit_id, add=claimed, path=False)
        problem = await ann.refused("commit", request, path={"unit_id": unit_id})
        assert (problem.code, problem.rule) == ("cap_exceeded", "GATE-17")


async def test_a_commit_adds_only_what_was_claimed(server: RunningServer, founder: Peer) -> None:
    """KEYPACKAGE-5."""
    async with peer_of(server) as other:
        await _colleague(founder, other)
        unit_id = await founder.create_unit()
        await founder.grant(unit_id, other.member_id)
        await founder.claim(unit_id, other.device_id)
        own = m.ClaimedKeyPackage(device_id=other.device_id, key_package=other.make_key_package())
        _, request = founder.make_commit(unit_id, add=[own], path=False)
        problem = await founder.refused("commit", request, path={"unit_id": unit_id})
        assert (problem.code, problem.rule) == ("refused", "KEYPACKAGE-5")


async def test_a_key_package_is_handed_out_once_and_again_to_the_same_unit(
    server: RunningServer, founder: Peer
) -> None:
    async with peer_of(server) as other:
        await _colleague(founder, other)
        first, second = await founder.create_unit(), await founder.create_unit()
        for unit_id in (first, second):
            await founder.grant(unit_id, other.member_id)
        one = await founder.claim(first, other.device_id)
        assert one == await founder.claim(first, other.device_id)
        two = await founder.claim(second, other.device_id)
        assert one[0].key_package != two[0].key_package
        assert not any((await other.call("count_key_packages", m.KeyPackageCount)).unused.values())
        await founder.commit(first, add=one, path=False)
        problem = await founder.refused(
            "claim_key_packages",
            m.ClaimRequest(device_ids=[other.device_id]),
            path={"unit_id": first},
        )
        assert problem.rule == "KEYPACKAGE-4"


async def test_who_has_no_key_package_is_missing_from_the_answer(
    server: RunningServer, founder: Peer, clock: ManualClock
) -> None:
    async with peer_of(server) as other:
        await _colleague(founder, other)
        unit_id = await founder.create_unit()
        await founder.grant(unit_id, other.member_id)
        clock.advance(8 * 86_400)
        await founder.login()
        assert await founder.claim(unit_id, other.device_id) == []


@pytest.mark.parametrize("n", [99, 98])
async def test_a_device_stores_at_most_100_key_packages(founder: Peer, n: int) -> None:
    """KEYPACKAGE-3."""
    await founder.publish(2)
    if n == 99:
        with pytest.raises(RefusedError, match="KEYPACKAGE-3"):
            await founder.publish(n)
    else:
        assert (await founder.publish(n)).unused[SUITE.id] == 100


async def test_key_packages_are_the_callers_own_and_short_lived(founder: Peer) -> None:
    """KEYPACKAGE-1, KEYPACKAGE-2, GATE-39: also of no commit's size, which no steward could use."""
    now_s = founder.now // 1000
    long = founder.make_key_package(lifetime=Lifetime(now_s - 10, now_s + 9 * 86_400))
    request = m.PublishKeyPackagesRequest(key_packages=[long])
    assert (await founder.refused("publish_key_packages", request)).rule == "KEYPACKAGE-2"
    large = founder.make_key_package(extensions=(Extension(APPLICATION_ID, bytes(1 << 20)),))
    request = m.PublishKeyPackagesRequest(key_packages=[large])
    assert (await founder.refused("publish_key_packages", request)).rule == "GATE-39"
    package = founder.make_key_package()
    founder.device_id, own = type(founder.device_id)(bytes(16)), founder.device_id
    foreign = founder.make_key_package()
    founder.device_id = own
    for wrong in ([foreign], [package, foreign]):
        request = m.PublishKeyPackagesRequest(key_packages=wrong)
        assert (await founder.refused("publish_key_packages", request)).rule == "KEYPACKAGE-1"
    assert not any((await founder.call("count_key_packages", m.KeyPackageCount)).unused.values())


async def test_a_commit_that_adds_brings_its_welcome(server: RunningServer, founder: Peer) -> None:
    """WELCOME-1."""
    async with peer_of(server) as other:
        await _colleague(founder, other)
        unit_id = await founder.create_unit()
        await founder.grant(unit_id, other.member_id)
        claimed = await founder.claim(unit_id, other.device_id)
        _, request = founder.make_commit(unit_id, add=claimed, path=False)
        assert request.welcome is not None
        wrong = m.WelcomeOut(welcome=request.welcome.welcome, device_ids=[bytes(16)])
        for welcome in (None, wrong):
            bent = m.CommitRequest(generation=0, commit=request.commit, welcome=welcome)
            problem = await founder.refused("commit", bent, path={"unit_id": unit_id})
            assert problem.rule == "WELCOME-1"


async def test_a_welcome_waits_until_it_is_acknowledged_and_is_nobody_elses(
    server: RunningServer, founder: Peer
) -> None:
    async with peer_of(server) as other:
        await _colleague(founder, other)
        unit_id = await founder.create_unit()
        await founder.grant(unit_id, other.member_id)
        claimed = await founder.claim(unit_id, other.device_id)
        await founder.commit(unit_id, add=claimed, path=False)
        (item,) = (await other.call("welcomes", m.WelcomesReply)).welcomes
        path = {"welcome_id": item.welcome_id}
        assert (await founder.refused("ack_welcome", path=path)).code == "not_found"
        assert len((await other.call("welcomes", m.WelcomesReply)).welcomes) == 1
        for _ in range(2):
            await other.call("ack_welcome", path=path)
        assert (await other.call("welcomes", m.WelcomesReply)).welcomes == []


async def test_the_server_adds_nobody_by_a_grant_that_nobody_signed(two: Two) -> None:
    """A member who is no manager grants nobody; the ledger is what counts."""
    ann, bob, unit_id = two
    await bob.catch_up(unit_id)
    with pytest.raises(RefusedError) as caught:
        await bob.append_charter(unit_id, Grant(ann.member_id, UnitRole.READER))
    assert caught.value.code == "refused"


async def test_a_unit_is_opened_once(founder: Peer) -> None:
    unit_id = await founder.create_unit()
    again = [u.unit_id for u in (await founder.call("units", m.UnitsReply)).units]
    assert again == [unit_id]


async def test_a_restart_ends_the_log_and_opens_the_next_one_behind_it(two: Two) -> None:
    ann, bob, unit_id = two
    await ann.send(unit_id, b"before")
    await ann.catch_up(unit_id)
    log = ann.units[unit_id].log.head
    reply = await ann.restart(unit_id, ann.restart_request(unit_id, Restart(1, log)))
    first = decode(LogHeader, reply.header)
    assert (first.group.generation, first.epoch, first.kind) == (1, 0, EntryKind.HEADS)
    assert first.sequence == log.sequence + GENERATION_GAP + 1
    (unit,) = (await bob.call("units", m.UnitsReply)).units
    assert (unit.generation, unit.epoch, unit.log_sequence) == (1, 0, first.sequence)
    old = [decode(LogEntry, raw) for raw in await bob.read_log(unit_id)]
    assert old[-2].content, "what was said is served as before"
    assert (old[-1].header.kind, old[-1].header.sequence) == (EntryKind.HEADS, log.sequence + 1)
    assert (await _refusal(bob, unit_id)).problem.code == "wrong_epoch"


async def test_a_restart_is_as_durable_as_all_else(tmp_path: Path, clock: ManualClock) -> None:
    async with running_server(tmp_path, clock=clock, tls=False) as server, pair(server) as both:
        ann, _, unit_id = both
        log = ann.units[unit_id].log.head
        request = ann.restart_request(unit_id, Restart(1, log))
        reply = await ann.restart(unit_id, request)
        state = ann.token, ann.roster, ann.key, ann.member_id, ann.device_id, ann.units
    async with (
        running_server(tmp_path, clock=clock, tls=False, restart=True) as again,
        peer_of(again) as ann,
    ):
        ann.token, ann.roster, ann.key, ann.member_id, ann.device_id, ann.units = state
        (unit,) = (await ann.call("units", m.UnitsReply)).units
        assert unit.log_sequence == decode(LogHeader, reply.header).sequence
        with pytest.raises(RefusedError, match="stale_head|moved on|LEDGER-1|CHARTER"):
            await ann.restart(unit_id, request)  # under another key it is a second one


async def test_a_restart_comes_with_its_group_and_knows_the_whole_log_unit_2(two: Two) -> None:
    ann, _, unit_id = two
    unit, log = ann.units[unit_id], ann.units[unit_id].log.head
    with pytest.raises(RefusedError, match="UNIT-2"):
        await ann.append_charter(unit_id, Restart(1, log))
    early, late = Head(log.sequence - 1, bytes(32)), Head(log.sequence + 10_001, bytes(32))
    other = Grant(ann.member_id, UnitRole.READER)
    for body in (Restart(1, early), Restart(1, late), other):
        with pytest.raises(RefusedError, match="UNIT-2") as caught:
            await ann.restart(unit_id, ann.restart_request(unit_id, body))
        assert caught.value.problem.code == "stale_head"
    wrong = ann.restart_request(unit_id, Restart(1, log), generation=2)
    with pytest.raises(RefusedError, match="GATE-7"):
        await ann.restart(unit_id, wrong)
    assert ann.units[unit_id] is unit
    await ann.catch_up(unit_id)
    await ann.send(unit_id)
    ahead = Head(ann.units[unit_id].log.sequence + 60, bytes(32))  # the server was put back
    await ann.catch_up(unit_id)
    await ann.restart(unit_id, ann.restart_request(unit_id, Restart(1, ahead)))
