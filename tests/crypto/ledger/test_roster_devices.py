"""ROSTER-n: devices, recovery sheets and the server's identity."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import DeviceId
from mifeng_crypto.ledger.roster import Roster, sign_roster_entry
from mifeng_crypto.ledger.roster_entry import (
    AddDevice,
    AddMember,
    Device,
    Found,
    InviteAuthor,
    MemberKind,
    Recover,
    RecoveryAuthor,
    RemoveMember,
    RevokeDevice,
    Role,
    ServerIdentity,
    SetRole,
    SetServer,
)
from mifeng_crypto.ledger.roster_rules import MAX_DEVICES
from tests.support.company import Company
from tests.support.refused import refused

O, A, M, G = Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST  # noqa: E741

# Written anew from protocol.md: (author's role, role of whose device it is).
ALLOWED = {(O, O), (O, A), (O, M), (O, G), (A, A), (A, M), (A, G)}
MATRIX = list(itertools.product(Role, Role))


@pytest.fixture
def company() -> Company:
    return Company()


# ------------------------------------------------------------------ devices


def test_a_person_adds_a_device_of_her_own(company: Company) -> None:
    bo = company.hire("Bo", G)
    phone = company.link(bo)
    assert [d.device_id for d in company.roster.devices_of(bo.member_id)] == [
        bo.device_id,
        phone.device_id,
    ]
    tablet = company.link(phone)
    device = company.roster.device(tablet.device_id)
    assert device is not None
    assert device.member_id == bo.member_id


def test_a_member_has_five_devices_at_most_roster_16(company: Company) -> None:
    bo = company.hire("Bo")
    linked = [company.link(bo) for _ in range(MAX_DEVICES - 1)]
    other = company.on_new_device(bo)
    refused("ROSTER-16", company, company.sign(AddDevice(other.device), bo))
    company.append(company.sign(RevokeDevice(linked[0].device_id), bo))
    company.append(company.sign(AddDevice(other.device), bo))


def test_a_linked_device_brings_a_new_id_and_key_roster_5_and_11(company: Company) -> None:
    bo = company.hire("Bo")
    other = company.on_new_device(bo)
    for key in (bo.key, bo.recovery_key, bo.invite_key, company.ada.key):
        device = dataclasses.replace(other, key=key).device
        refused("ROSTER-5", company, company.sign(AddDevice(device), bo))
    device = dataclasses.replace(other, device_id=bo.device_id).device
    refused("ROSTER-11", company, company.sign(AddDevice(device), bo))
    weak = AddDevice(Device(other.device_id, bytes(32), other.device.hpke_key))
    refused("KEY-1", company, company.sign(weak, bo))


@pytest.mark.parametrize(("own", "other"), MATRIX)
def test_only_who_has_a_say_revokes_the_device_of_another_roster_13(own: Role, other: Role) -> None:
    company = Company()
    author, target = company.hire("Bo", own), company.hire("Cy", other)
    entry = company.sign(RevokeDevice(target.device_id), author)
    if (own, other) in ALLOWED:
        company.append(entry)
        assert company.roster.device(target.device_id) is None
        assert company.roster.devices_of(target.member_id) == ()
        assert company.roster.member(target.member_id) is not None
        refused("LEDGER-7", company, company.sign(AddDevice(author.device), target))
    else:
        refused("ROSTER-13", company, entry)


def test_everybody_revokes_devices_of_her_own(company: Company) -> None:
    bo = company.hire("Bo", G)
    phone = company.link(bo)
    company.append(company.sign(RevokeDevice(bo.device_id), phone))
    company.append(company.sign(RevokeDevice(phone.device_id), phone))
    assert company.roster.devices_of(bo.member_id) == ()


def test_only_a_device_in_the_roster_is_revoked_roster_17(company: Company) -> None:
    bo = company.hire("Bo")
    refused(
        "ROSTER-17", company, company.sign(RevokeDevice(DeviceId(company.rng(16))), company.ada)
    )
    company.append(company.sign(RevokeDevice(bo.device_id), company.ada))
    refused("ROSTER-17", company, company.sign(RevokeDevice(bo.device_id), company.ada))


def test_the_last_owner_keeps_a_device_roster_14(company: Company) -> None:
    ada = company.ada
    refused("ROSTER-14", company, company.sign(RevokeDevice(ada.device_id), ada))
    phone = company.link(ada)
    company.append(company.sign(RevokeDevice(ada.device_id), phone))
    bo = company.hire("Bo", O, by=phone)
    company.append(company.sign(RevokeDevice(phone.device_id), bo))
    refused("ROSTER-14", company, company.sign(RemoveMember(bo.member_id), bo))
    refused("ROSTER-14", company, company.sign(SetRole(bo.member_id, M), bo))


def test_the_invites_of_a_device_that_was_revoked_are_void_roster_9(company: Company) -> None:
    bo, backdoor = company.hire("Bo", A), company.person("thief")
    phone = company.link(bo)
    company.append(company.invite_entry(backdoor, A, by=phone))
    company.append(company.sign(RevokeDevice(phone.device_id), bo))
    refused("ROSTER-9", company, company.join_entry(backdoor))


# ------------------------------------------------------------------ recover


def test_a_recovery_sheet_brings_one_new_device_and_ends_all_older_ones(company: Company) -> None:
    bo = company.hire("Bo", A)
    phone, backdoor = company.link(bo), company.person("thief")
    company.append(company.invite_entry(backdoor, A, by=phone))
    new = company.on_new_device(bo)
    company.append(company.recover_entry(bo, new))
    assert [d.device_id for d in company.roster.devices_of(bo.member_id)] == [new.device_id]
    member = company.roster.member(bo.member_id)
    assert member is not None
    assert (member.role, member.recovery_key) == (A, new.recovery_public)
    refused("LEDGER-7", company, company.invite_entry(company.person("x"), by=phone))
    refused("ROSTER-9", company, company.join_entry(backdoor))
    company.append(company.invite_entry(company.person("Cy"), by=new))


def test_a_recovery_sheet_is_used_once_ledger_4(company: Company) -> None:
    bo = company.hire("Bo")
    new, newer = company.on_new_device(bo), company.on_new_device(bo)
    company.append(company.recover_entry(bo, new))
    refused("LEDGER-4", company, company.recover_entry(bo, newer))
    company.append(company.recover_entry(new, newer))


def test_the_last_owner_comes_back_by_her_sheet(company: Company) -> None:
    new = company.on_new_device(company.ada)
    company.append(company.recover_entry(company.ada, new))
    company.hire("Bo", O, by=new)


def test_who_has_no_recovery_sheet_does_not_recover_roster_18(company: Company) -> None:
    bo = company.person("Bo")
    refused("ROSTER-18", company, company.recover_entry(bo, company.on_new_device(bo)))
    company.append(company.invite_entry(bo))
    body = AddMember(MemberKind.PERSON, bo.device, None)
    author = InviteAuthor(bo.member_id)
    company.append(
        sign_roster_entry(company.roster, body, author, bo.invite_key, now=company.tick())
    )
    refused("ROSTER-18", company, company.recover_entry(bo, company.on_new_device(bo)))
    cy = company.hire("Cy")
    company.fire(cy)
    refused("ROSTER-18", company, company.recover_entry(cy, company.on_new_device(cy)))


def test_the_next_recovery_key_is_a_new_and_strong_one_roster_5(company: Company) -> None:
    bo = company.hire("Bo")
    new = company.on_new_device(bo)
    for key in (bo.recovery_key, bo.key, new.key):
        other = dataclasses.replace(new, recovery_key=key)
        refused("ROSTER-5", company, company.recover_entry(bo, other))
    body = Recover(new.device, bytes(32))
    author = RecoveryAuthor(bo.member_id)
    entry = sign_roster_entry(company.roster, body, author, bo.recovery_key, now=company.tick())
    refused("KEY-1", company, entry)


def test_a_recovery_key_at_entrance_is_a_new_and_strong_one_roster_5(company: Company) -> None:
    bo = company.person("Bo")
    company.append(company.invite_entry(bo))
    for key in (bo.key, company.ada.recovery_key, bo.invite_key):
        refused("ROSTER-5", company, company.join_entry(dataclasses.replace(bo, recovery_key=key)))
    found = company.entries[0].tbs.body
    assert isinstance(found, Found)
    for rule, public in (("KEY-1", bytes(32)), ("ROSTER-5", company.ada.device.signature_key)):
        body = dataclasses.replace(found, recovery_key=public)
        founded = sign_roster_entry(
            None,
            body,
            company.ada.author,
            company.ada.key,
            now=company.now,
            workspace_id=company.workspace_id,
        )
        with pytest.raises(ProtocolError, match=rule):
            Roster.from_entries([founded])


# ------------------------------------------------------------------ set_server


@pytest.mark.parametrize("role", Role)
def test_only_owners_say_who_the_server_is_roster_19(company: Company, role: Role) -> None:
    bo = company.hire("Bo", role)
    before = company.roster
    moved = ServerIdentity(("https://moved.test",), (b"\x01" * 32,), bo.recovery_public)
    entry = company.sign(SetServer(moved), bo)
    if role is O:
        company.append(entry)
        assert company.roster.server == moved
        assert before.server.addresses == ("https://mifeng.test",)
    else:
        refused("ROSTER-19", company, entry)


def test_a_weak_checkpoint_key_is_refused_key_1(company: Company) -> None:
    weak = ServerIdentity(("https://mifeng.test",), (), bytes(32))
    refused("KEY-1", company, company.sign(SetServer(weak), company.ada))
    found = company.entries[0].tbs.body
    assert isinstance(found, Found)
    founded = sign_roster_entry(
        None,
        dataclasses.replace(found, server=weak),
        company.ada.author,
        company.ada.key,
        now=company.now,
        workspace_id=company.workspace_id,
    )
    with pytest.raises(ProtocolError, match="KEY-1"):
        Roster.from_entries([founded])


def test_a_server_has_an_address_roster_20(company: Company) -> None:
    body = SetServer(ServerIdentity((), (bytes(32),), None))
    refused("ROSTER-20", company, company.sign(body, company.ada))


# ------------------------------------------------------------------ what has changed


def test_a_roster_says_what_became_of_members_devices_between_two_entries(
    company: Company,
) -> None:
    bo, cy = company.hire("Bo"), company.hire("Cy")
    before = company.roster
    phone = company.link(bo)
    company.append(company.sign(RevokeDevice(bo.device_id), phone))
    company.append(company.recover_entry(bo, other := company.on_new_device(bo)))
    company.append(company.sign(RevokeDevice(other.device_id), company.ada))
    company.append(company.recover_entry(other, company.on_new_device(bo)))  # had none left
    company.fire(cy)
    company.hire("Di")
    start, end = before.head.sequence, company.roster.head.sequence
    changes = company.roster.device_changes(after=start, until=end)
    assert {change.member_id for change in changes} == {bo.member_id}
    assert [(change.sequence - start, change.kind.name) for change in changes] == [
        (1, "ADD_DEVICE"),
        (2, "REVOKE_DEVICE"),
        (3, "RECOVER"),
        (4, "REVOKE_DEVICE"),
        (5, "RECOVER"),
    ]
    assert company.roster.device_changes(after=start + 1, until=start + 2) == changes[1:2]
    assert company.roster.device_changes(after=0, until=start) == ()


def test_a_roster_that_goes_on_otherwise_has_its_own_changes_of_devices(company: Company) -> None:
    bo = company.hire("Bo")
    before = company.roster
    company.link(bo)
    after = company.roster
    other = before.append(
        sign_roster_entry(
            before,
            RevokeDevice(bo.device_id),
            company.ada.author,
            company.ada.key,
            now=company.tick(),
        )
    )
    start, end = before.head.sequence, after.head.sequence
    kinds = [
        [change.kind.name for change in roster.device_changes(after=start, until=end)]
        for roster in (after, other)
    ]
    assert kinds == [["ADD_DEVICE"], ["REVOKE_DEVICE"]]
