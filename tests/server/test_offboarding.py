"""Whoever is removed leaves nothing behind that waits for them, and admins are told where they are
still in."""

from __future__ import annotations

import pytest

from mifeng_crypto.api import messages as m
from mifeng_crypto.ledger.charter_entry import UnitKind
from mifeng_crypto.ledger.roster_entry import RemoveMember
from mifeng_crypto.log import EntryKind, LogHeader
from mifeng_crypto.mls.group import LeafIndex
from mifeng_crypto.tls import decode
from mifeng_server.domain import rows
from mifeng_server.domain.rows import Row
from tests.support.connection import RefusedError
from tests.support.peer import Peer, peer_of
from tests.support.server import RunningServer

Two = tuple[Peer, Peer, bytes]


async def _report(peer: Peer, member_id: bytes) -> m.OffboardingReply:
    return await peer.call("offboarding", m.OffboardingReply, path={"member_id": member_id})


async def _left(server: RunningServer, kind: type[Row], device_id: bytes) -> int:
    return await server.house.store.count(kind, device_id=device_id)


def _leaf(peer: Peer, unit_id: bytes, other: Peer) -> LeafIndex:
    device = peer.known.device_ever(other.device_id)
    assert device is not None
    return next(
        i
        for i, leaf in peer.units[unit_id].epoch.public.leaves()
        if leaf.signature_key == device.signature_key
    )


async def test_key_packages_claims_and_welcomes_go_with_the_removal(
    two: Two, server: RunningServer
) -> None:
    ann, bob, _ = two
    waiting, claimed = await ann.create_unit(), await ann.create_unit()
    await bob.publish(3)
    for unit_id in (waiting, claimed):
        await ann.grant(unit_id, bob.member_id)
    await ann.commit(waiting, add=await ann.claim(waiting, bob.device_id), path=False)
    await ann.claim(claimed, bob.device_id)
    kinds = (rows.KeyPackageRow, rows.ClaimRow, rows.WelcomeRow, rows.TokenRow)
    assert all([await _left(server, kind, bob.device_id) for kind in kinds])
    assert await server.house.store.count(rows.WelcomeBodyRow, unit_id=waiting) == 1
    await ann.append_roster(RemoveMember(bob.member_id))
    assert [await _left(server, kind, bob.device_id) for kind in kinds] == [0, 0, 0, 0]
    assert await server.house.store.count(rows.WelcomeBodyRow, unit_id=waiting) == 0
    with pytest.raises(RefusedError) as refused:
        await bob.publish(1)
    assert refused.value.code == "unauthenticated"


async def test_a_welcome_that_somebody_else_waits_for_stays(
    two: Two, server: RunningServer
) -> None:
    ann, bob, _ = two
    async with peer_of(server) as cem:
        member_id, key = await ann.invite()
        await cem.join_workspace(member_id, key, ann.known)
        await ann.fetch_roster()
        unit_id = await ann.create_unit()
        for other in (bob, cem):
            await ann.grant(unit_id, other.member_id)
        both = await ann.claim(unit_id, bob.device_id, cem.device_id)
        await ann.commit(unit_id, add=both, path=False)
        await ann.append_roster(RemoveMember(bob.member_id))
        await cem.join_units()
        assert unit_id in cem.units


async def test_an_admin_is_told_where_somebody_still_is_and_which_commit_was_without(
    two: Two,
) -> None:
    ann, bob, unit_id = two
    other = await ann.create_unit()
    await bob.publish(2)
    await ann.add(other, bob)
    await ann.append_roster(RemoveMember(bob.member_id))
    told = {unit.unit_id: unit.header for unit in (await _report(ann, bob.member_id)).units}
    assert told == {unit_id: None, other: None}
    await ann.catch_up(unit_id)
    before = ann.units[unit_id].epoch.public.epoch
    await ann.commit(unit_id, remove=[_leaf(ann, unit_id, bob)])
    report = await _report(ann, bob.member_id)
    told = {unit.unit_id: unit.header for unit in report.units}
    assert told[other] is None
    raw = told[unit_id]
    assert raw is not None
    header = decode(LogHeader, raw)
    assert (header.kind, header.epoch, header.device_id) == (
        EntryKind.COMMIT, before, ann.device_id
    )  # fmt: skip
    assert (report.others_out, report.others_pending) == (0, 0)


async def test_a_unit_that_revoked_them_before_and_did_not_commit_is_pending_too(two: Two) -> None:
    ann, bob, unit_id = two
    await ann.revoke(unit_id, bob.member_id)
    await ann.append_roster(RemoveMember(bob.member_id))
    (unit,) = (await _report(ann, bob.member_id)).units
    assert unit.header is None


async def test_only_admins_ask_and_only_about_former_members(two: Two) -> None:
    ann, bob, _ = two
    for asking, about, code in (
        (bob, ann.member_id, "forbidden"),
        (ann, bob.member_id, "not_found"),
        (ann, bytes(16), "not_found"),
    ):
        with pytest.raises(RefusedError) as refused:
            await _report(asking, about)
        assert refused.value.code == code


async def test_groups_that_the_admin_is_not_in_are_counted_and_not_named(
    two: Two, server: RunningServer
) -> None:
    ann, bob, _ = two
    async with peer_of(server) as cem:
        member_id, key = await ann.invite()
        await cem.join_workspace(member_id, key, ann.known)
        await bob.fetch_roster()
        await cem.publish(3)
        group = await bob.create_unit(kind=UnitKind.GROUP)
        await bob.add(group, cem)
        await ann.fetch_roster()
        await ann.append_roster(RemoveMember(member_id))
        report = await _report(ann, member_id)
        assert (report.units, report.others_out, report.others_pending) == ([], 0, 1)
        await bob.catch_up(group)
        await bob.commit(group, remove=[_leaf(bob, group, cem)])
        report = await _report(ann, member_id)
        assert (report.units, report.others_out, report.others_pending) == ([], 1, 0)
