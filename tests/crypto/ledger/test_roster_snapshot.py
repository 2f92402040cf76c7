"""A snapshot is the roster again, with all of its past; a damaged or foreign one is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng_crypto.errors import CodecError
from mifeng_crypto.ledger.roster import Roster, hash_entry
from mifeng_crypto.ledger.roster_entry import RevokeDevice, Role, SetRole
from mifeng_crypto.ledger.roster_snapshot import from_snapshot, to_snapshot
from tests.support.company import Company


def lively() -> Company:
    company = Company()
    bo, cy = company.hire("Bo", Role.ADMIN), company.hire("Cy")
    company.append(company.sign(SetRole(cy.member_id, Role.GUEST), bo))
    laptop = company.link(bo)
    company.append(company.sign(RevokeDevice(laptop.device_id), bo))
    company.append(company.recover_entry(cy, company.on_new_device(cy)))
    company.append(company.invite_entry(company.person("Di")))
    company.fire(bo)
    return company


def test_a_snapshot_is_the_roster_at_every_moment_of_its_past() -> None:
    company = lively()
    roster = company.roster
    again = from_snapshot(to_snapshot(roster), last_entry_hash=roster.head.hash)
    whole = Roster.from_entries(company.entries)
    for at in range(1, roster.head.sequence + 1):
        assert again.hash_at(at) == whole.hash_at(at)
        assert again.members(at=at) == whole.members(at=at)
        assert again.invites(at=at) == whole.invites(at=at)
        for member in whole.members(at=at):
            who = member.member_id
            assert again.devices_of(who, at=at) == whole.devices_of(who, at=at)
        since = {"after": at - 1, "until": roster.head.sequence}
        assert again.device_changes(**since) == whole.device_changes(**since)
    for what in ("head", "genesis", "workspace_id", "time", "server", "default_policy"):
        assert getattr(again, what) == getattr(whole, what)
    assert again.was_ever_key(company.ada.recovery_public)
    assert to_snapshot(again) == to_snapshot(whole)


def test_a_roster_from_a_snapshot_grows_and_judges_like_any_other() -> None:
    company = lively()
    roster = company.roster
    again = from_snapshot(to_snapshot(roster), last_entry_hash=roster.head.hash)
    company.hire("Eva")
    assert again.extend(company.entries[again.head.sequence :]).head == company.roster.head
    assert again.head == roster.head


def test_an_older_rosters_snapshot_knows_nothing_of_what_came_after_it() -> None:
    company = Company()
    older = company.roster
    bo = company.hire("Bo")
    again = from_snapshot(to_snapshot(older), last_entry_hash=older.head.hash)
    assert again.head == older.head
    assert not again.was_ever_named(bo.member_id)


def test_a_snapshot_that_does_not_end_in_the_entry_that_lies_beside_it_is_not_taken() -> None:
    company = lively()
    snapshot = to_snapshot(company.roster)
    with pytest.raises(CodecError):
        from_snapshot(snapshot, last_entry_hash=hash_entry(company.entries[0]))


@given(st.data())
def test_a_snapshot_with_a_damaged_byte_is_not_taken(data: st.DataObject) -> None:
    roster = Company("snapshot").roster
    snapshot = bytearray(to_snapshot(roster))
    at = data.draw(st.integers(0, len(snapshot) - 1))
    snapshot[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CodecError):
        from_snapshot(bytes(snapshot), last_entry_hash=roster.head.hash)


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_no_snapshot(data: bytes) -> None:
    with pytest.raises(CodecError):
        from_snapshot(data, last_entry_hash=bytes(32))
