"""ROSTER-n: who may sign what in the roster."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng_crypto.errors import CodecError, ProtocolError, UsageError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.ledger.policy import DEFAULT_POLICY
from mifeng_crypto.ledger.roster import Roster, sign_roster_entry
from mifeng_crypto.ledger.roster_entry import (
    AddDevice,
    AddMember,
    Author,
    Device,
    DeviceAuthor,
    Found,
    Invite,
    InviteAuthor,
    MemberKind,
    Recover,
    RecoveryAuthor,
    RemoveMember,
    RevokeDevice,
    RevokeInvite,
    Role,
    RosterBody,
    RosterEntry,
    ServerIdentity,
    SetRole,
    SetServer,
)
from mifeng_crypto.ledger.roster_rules import MAX_INVITE_MS
from mifeng_crypto.tls import encode
from tests.support.company import HOUR, Company, Person
from tests.support.refused import refused

O, A, M, G = Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST  # noqa: E741

# Written anew from protocol.md: (author's role, role of the invited or removed one).
ALLOWED = {(O, O), (O, A), (O, M), (O, G), (A, A), (A, M), (A, G)}
MATRIX = list(itertools.product(Role, Role))


@pytest.fixture
def company() -> Company:
    return Company()


def founded_by(company: Company, body: RosterBody, author: DeviceAuthor) -> RosterEntry:
    return sign_roster_entry(
        None, body, author, company.ada.key, now=company.now, workspace_id=company.workspace_id
    )


# ------------------------------------------------------------------ found


def test_a_roster_begins_with_its_founder_as_owner(company: Company) -> None:
    roster = company.roster
    assert [(m.member_id, m.role) for m in roster.members()] == [(company.ada.member_id, O)]
    assert roster.head.sequence == 1
    assert roster.head.hash == roster.genesis == roster.hash_at(1)
    assert roster.default_policy == DEFAULT_POLICY
    assert roster.server.addresses == ("https://mifeng.test",)


def test_a_roster_that_does_not_begin_with_found_by_its_founder_is_refused_roster_1(
    company: Company,
) -> None:
    found = company.entries[0].tbs.body
    bo = company.person("Bo")
    invite = Invite(bo.member_id, M, bo.invite_public, UnixMillis(company.now + HOUR))
    for body, author in (
        (invite, company.ada.author),
        (found, bo.author),
        (found, DeviceAuthor(company.ada.member_id, bo.device_id)),
    ):
        with pytest.raises(ProtocolError, match="ROSTER-1"):
            Roster.from_entries([founded_by(company, body, author)])


def test_a_workspace_is_not_founded_twice_roster_1(company: Company) -> None:
    refused("ROSTER-1", company, company.sign(company.entries[0].tbs.body, company.ada))


def test_a_founding_signed_by_another_key_is_refused_ledger_4(company: Company) -> None:
    tbs = company.entries[0].tbs
    forged = RosterEntry(tbs, sign_mifeng(company.person("Eve").key, "RosterEntry", encode(tbs)))
    with pytest.raises(ProtocolError, match="LEDGER-4"):
        Roster.from_entries([forged])


def test_a_default_policy_out_of_bounds_is_refused_policy_1(company: Company) -> None:
    body = Found(
        company.ada.member_id,
        company.ada.device,
        None,
        dataclasses.replace(DEFAULT_POLICY, cap=1001),
        ServerIdentity((), (), None),
    )
    with pytest.raises(ProtocolError, match="POLICY-1"):
        Roster.from_entries([founded_by(company, body, company.ada.author)])


def test_a_roster_without_an_entry_is_no_roster() -> None:
    with pytest.raises(UsageError):
        Roster.from_entries([])


# ------------------------------------------------------------------ who may invite and remove


@pytest.mark.parametrize(("own", "other"), MATRIX)
def test_only_the_cells_of_the_table_may_invite_roster_3(own: Role, other: Role) -> None:
    company = Company()
    author = company.hire("Bo", own)
    entry = company.invite_entry(company.person("Cy"), other, by=author)
    if (own, other) in ALLOWED:
        company.append(entry)
    else:
        refused("ROSTER-3", company, entry)


@pytest.mark.parametrize(("own", "other"), MATRIX)
def test_only_the_cells_of_the_table_may_remove_roster_13(own: Role, other: Role) -> None:
    company = Company()
    author, target = company.hire("Bo", own), company.hire("Cy", other)
    entry = company.sign(RemoveMember(target.member_id), author)
    if (own, other) in ALLOWED:
        company.append(entry)
        assert company.roster.member(target.member_id) is None
    else:
        refused("ROSTER-13", company, entry)


BODIES = [
    *("found", "invite", "add_member", "remove_member", "set_role", "revoke_invite"),
    *("add_device", "revoke_device", "recover", "set_server"),
]


@pytest.mark.parametrize("body", BODIES)
def test_each_body_is_signed_by_its_own_kind_of_key_roster_2(company: Company, body: str) -> None:
    bo, cy = company.person("Bo"), company.person("Cy")
    company.append(company.invite_entry(bo))
    bodies: dict[str, RosterBody] = {
        "found": company.entries[0].tbs.body,
        "invite": Invite(cy.member_id, M, cy.invite_public, UnixMillis(company.now + HOUR)),
        "add_member": AddMember(MemberKind.PERSON, cy.device, None),
        "remove_member": RemoveMember(company.ada.member_id),
        "set_role": SetRole(company.ada.member_id, M),
        "revoke_invite": RevokeInvite(bo.member_id),
        "add_device": AddDevice(cy.device),
        "revoke_device": RevokeDevice(company.ada.device_id),
        "recover": Recover(cy.device, cy.recovery_public),
        "set_server": SetServer(ServerIdentity(("https://evil.test",), (), None)),
    }
    own = {"add_member": "invite", "recover": "sheet"}.get(body, "device")
    keys: dict[str, tuple[Author, bytes]] = {
        "device": (company.ada.author, company.ada.key),
        "invite": (InviteAuthor(bo.member_id), bo.invite_key),
        "sheet": (RecoveryAuthor(company.ada.member_id), company.ada.recovery_key),
    }
    for kind, (author, key) in keys.items():
        entry = sign_roster_entry(company.roster, bodies[body], author, key, now=company.tick())
        if kind != own:
            refused("ROSTER-2", company, entry)


# ------------------------------------------------------------------ invite


def test_a_member_id_is_never_given_twice_roster_4(company: Company) -> None:
    bo = company.person("Bo")
    company.append(company.invite_entry(bo))
    again = dataclasses.replace(bo, invite_key=company.person("x").invite_key)
    refused("ROSTER-4", company, company.invite_entry(again))
    company.append(company.join_entry(bo))
    refused("ROSTER-4", company, company.invite_entry(again))
    company.fire(bo)
    refused("ROSTER-4", company, company.invite_entry(again))


def test_a_key_is_never_given_twice_roster_5(company: Company) -> None:
    bo = company.hire("Bo")
    cy = company.person("Cy")
    for key in (company.ada.key, bo.key, bo.invite_key):
        refused("ROSTER-5", company, company.invite_entry(dataclasses.replace(cy, invite_key=key)))
    company.fire(bo)
    refused("ROSTER-5", company, company.invite_entry(dataclasses.replace(cy, invite_key=bo.key)))


def test_a_weak_key_is_refused_key_1(company: Company) -> None:
    bo = company.person("Bo")
    for weak in (bytes(32), bytes([1, *bytes(31)]), b"\xff" * 32, b"short"):
        body = Invite(bo.member_id, M, weak, UnixMillis(company.now + HOUR))
        refused("KEY-1", company, company.sign(body, company.ada))


@pytest.mark.parametrize("after", [-1, 0, MAX_INVITE_MS + 1])
def test_an_invite_that_is_void_or_lives_too_long_is_refused_roster_6(
    company: Company, after: int
) -> None:
    bo = company.person("Bo")
    time = company.now + 1000  # `sign` ticks
    body = Invite(bo.member_id, M, bo.invite_public, UnixMillis(time + after))
    refused("ROSTER-6", company, company.sign(body, company.ada))


# ------------------------------------------------------------------ add_member


def test_an_invite_is_used_once_roster_7(company: Company) -> None:
    bo = company.hire("Bo")
    twin = dataclasses.replace(company.person("Twin"), member_id=bo.member_id)
    entry = company.join_entry(dataclasses.replace(twin, invite_key=bo.invite_key))
    refused("ROSTER-7", company, entry)


def test_nobody_joins_without_an_invite_roster_7(company: Company) -> None:
    refused("ROSTER-7", company, company.join_entry(company.person("Eve")))


def test_an_invite_is_used_only_with_its_own_key_ledger_4(company: Company) -> None:
    bo, eve = company.person("Bo"), company.person("Eve")
    company.append(company.invite_entry(bo))
    refused(
        "LEDGER-4",
        company,
        company.join_entry(dataclasses.replace(bo, invite_key=eve.invite_key)),
    )


def test_an_expired_invite_is_refused_roster_8(company: Company) -> None:
    bo = company.person("Bo")
    company.append(company.invite_entry(bo))
    company.tick(72 * HOUR)
    refused("ROSTER-8", company, company.join_entry(bo))


def test_an_invite_that_has_expired_by_the_servers_clock_is_refused_roster_8(
    company: Company,
) -> None:
    bo = company.person("Bo")
    company.append(company.invite_entry(bo))
    company.tick(72 * HOUR - 5_000)
    entry = company.join_entry(bo)
    company.roster.append(entry)
    company.roster.check_on_arrival(entry, now=company.now)
    with pytest.raises(ProtocolError, match="ROSTER-8"):
        company.roster.check_on_arrival(entry, now=UnixMillis(company.now + 5_000))


def test_the_invites_of_somebody_who_was_removed_are_void_roster_9(company: Company) -> None:
    bo = company.hire("Bo", A)
    backdoor = company.person("Bo again")
    company.append(company.invite_entry(backdoor, A, by=bo))
    company.fire(bo)
    refused("ROSTER-9", company, company.join_entry(backdoor))


def test_an_archive_is_a_guest_and_stays_one_roster_10(company: Company) -> None:
    bo, cy = company.person("Bo"), company.person("Cy")
    company.append(company.invite_entry(bo))
    refused("ROSTER-10", company, company.join_entry(bo, MemberKind.ARCHIVE))
    company.append(company.join_entry(bo, MemberKind.BOT))
    company.append(company.invite_entry(cy, Role.GUEST))
    company.append(company.join_entry(cy, MemberKind.ARCHIVE))
    kinds = [member.kind for member in company.roster.members()]
    assert kinds == [MemberKind.PERSON, MemberKind.BOT, MemberKind.ARCHIVE]
    for role in (Role.MEMBER, Role.ADMIN):
        refused("ROSTER-10", company, company.sign(SetRole(cy.member_id, role), company.ada))


def test_a_device_id_is_never_given_twice_roster_11(company: Company) -> None:
    bo, cy = company.hire("Bo"), company.person("Cy")
    company.append(company.invite_entry(cy))
    twin = dataclasses.replace(cy, device_id=bo.device_id)
    refused("ROSTER-11", company, company.join_entry(twin))
    company.fire(bo)
    refused("ROSTER-11", company, company.join_entry(twin))


def test_a_device_key_is_never_given_twice_roster_5(company: Company) -> None:
    cy = company.person("Cy")
    company.append(company.invite_entry(cy))
    for key in (company.ada.key, cy.invite_key):
        refused("ROSTER-5", company, company.join_entry(dataclasses.replace(cy, key=key)))


def test_a_weak_device_key_is_refused_key_1(company: Company) -> None:
    bo = company.person("Bo")
    company.append(company.invite_entry(bo))
    entry = sign_roster_entry(
        company.roster,
        AddMember(MemberKind.PERSON, Device(bo.device_id, bytes(32), bo.device.hpke_key), None),
        InviteAuthor(bo.member_id),
        bo.invite_key,
        now=company.tick(),
    )
    refused("KEY-1", company, entry)


# ------------------------------------------------------------------ remove_member


def test_only_a_member_can_be_removed_roster_12(company: Company) -> None:
    bo = company.person("Bo")
    refused("ROSTER-12", company, company.sign(RemoveMember(bo.member_id), company.ada))
    company.append(company.invite_entry(bo))
    refused("ROSTER-12", company, company.sign(RemoveMember(bo.member_id), company.ada))
    company.append(company.join_entry(bo))
    company.fire(bo)
    refused("ROSTER-12", company, company.sign(RemoveMember(bo.member_id), company.ada))


def test_the_last_owner_stays_roster_14(company: Company) -> None:
    ada = company.ada
    refused("ROSTER-14", company, company.sign(RemoveMember(ada.member_id), ada))
    bo = company.hire("Bo", O)
    company.fire(ada, by=bo)
    refused("ROSTER-14", company, company.sign(RemoveMember(bo.member_id), bo))


def test_a_removed_member_has_no_devices(company: Company) -> None:
    bo = company.hire("Bo")
    before = company.roster
    assert [d.device_id for d in before.devices_of(bo.member_id)] == [bo.device_id]
    company.fire(bo)
    assert company.roster.device(bo.device_id) is None
    assert company.roster.devices_of(bo.member_id) == ()
    assert company.roster.device_ever(bo.device_id) == before.device(bo.device_id)


# ------------------------------------------------------------------ set_role


@pytest.mark.parametrize(("own", "old", "new"), list(itertools.product(Role, Role, Role)))
def test_a_role_is_given_only_by_who_has_a_say_over_the_old_and_the_new_roster_13(
    own: Role, old: Role, new: Role
) -> None:
    company = Company()
    author, target = company.hire("Bo", own), company.hire("Cy", old)
    entry = company.sign(SetRole(target.member_id, new), author)
    if not {(own, old), (own, new)} <= ALLOWED:
        refused("ROSTER-13", company, entry)
    elif old is new:
        refused("ROSTER-15", company, entry)
    else:
        company.append(entry)
        member = company.roster.member(target.member_id)
        assert member is not None
        assert member.role is new


def test_who_may_not_give_roles_does_not_give_himself_one_roster_13(company: Company) -> None:
    bo = company.hire("Bo")
    refused("ROSTER-13", company, company.sign(SetRole(bo.member_id, O), bo))


def test_a_role_that_the_member_has_is_not_set_roster_15(company: Company) -> None:
    bo = company.hire("Bo")
    refused("ROSTER-15", company, company.sign(SetRole(bo.member_id, M), company.ada))


def test_the_last_owner_stays_owner_roster_14(company: Company) -> None:
    ada = company.ada
    refused("ROSTER-14", company, company.sign(SetRole(ada.member_id, A), ada))
    bo = company.hire("Bo")
    company.append(company.sign(SetRole(bo.member_id, O), ada))
    company.append(company.sign(SetRole(ada.member_id, A), ada))
    refused("ROSTER-14", company, company.sign(SetRole(bo.member_id, A), bo))


def test_a_role_is_set_of_members_only_roster_12(company: Company) -> None:
    bo = company.person("Bo")
    company.append(company.invite_entry(bo))
    refused("ROSTER-12", company, company.sign(SetRole(bo.member_id, A), company.ada))


def test_the_invites_of_an_admin_who_was_demoted_are_void_roster_9(company: Company) -> None:
    bo, backdoor = company.hire("Bo", A), company.person("Bo again")
    company.append(company.invite_entry(backdoor, A, by=bo))
    company.append(company.sign(SetRole(bo.member_id, M), company.ada))
    refused("ROSTER-9", company, company.join_entry(backdoor))


# ------------------------------------------------------------------ revoke_invite


@pytest.mark.parametrize(("own", "other"), MATRIX)
def test_only_who_has_a_say_over_its_role_revokes_an_invite_roster_13(
    own: Role, other: Role
) -> None:
    company = Company()
    author, target = company.hire("Bo", own), company.person("Cy")
    company.append(company.invite_entry(target, other))
    entry = company.sign(RevokeInvite(target.member_id), author)
    if (own, other) in ALLOWED:
        company.append(entry)
        assert company.roster.invites() == ()
        refused("ROSTER-7", company, company.join_entry(target))
        refused("ROSTER-4", company, company.invite_entry(target))
    else:
        refused("ROSTER-13", company, entry)


def test_who_issued_an_invite_may_revoke_it_even_when_demoted(company: Company) -> None:
    bo, cy = company.hire("Bo", A), company.person("Cy")
    company.append(company.invite_entry(cy, by=bo))
    company.append(company.sign(SetRole(bo.member_id, G), company.ada))
    company.append(company.sign(RevokeInvite(cy.member_id), bo))


def test_what_is_no_open_invite_is_not_revoked_roster_7(company: Company) -> None:
    bo = company.hire("Bo")
    refused("ROSTER-7", company, company.sign(RevokeInvite(bo.member_id), company.ada))


# ------------------------------------------------------------------ the past


def test_a_roster_answers_for_any_time_of_its_past() -> None:
    company = Company("history")
    people: list[Person] = []
    for n in range(6):
        people.append(company.hire(f"P{n}", A))
        people.append(company.link(people[-1]))
        company.append(company.sign(SetRole(people[-1].member_id, M), company.ada))
        if n % 2:
            company.fire(people[-3])
            company.append(company.recover_entry(people[-2], company.on_new_device(people[-2])))
    full = company.roster
    for sequence in range(1, full.head.sequence + 1):
        then = Roster.from_entries(company.entries[:sequence])
        assert full.hash_at(sequence) == then.head.hash
        assert full.members(at=sequence) == then.members()
        assert full.invites(at=sequence) == then.invites()
        for person in people:
            assert full.device(person.device_id, at=sequence) == then.device(person.device_id)
            assert full.devices_of(person.member_id, at=sequence) == then.devices_of(
                person.member_id
            )


def test_an_older_roster_does_not_see_what_grew_out_of_it(company: Company) -> None:
    older = company.roster
    bo = company.hire("Bo")
    assert older.head.sequence == 1
    assert older.member(bo.member_id) is None
    assert older.device_ever(bo.device_id) is None
    assert not older.was_ever_named(bo.member_id)
    assert not older.was_ever_key(bo.invite_public)
    with pytest.raises(NeedLedgerError):
        older.hash_at(2)


def test_two_rosters_that_grow_out_of_one_do_not_see_each_other(company: Company) -> None:
    common, bo, cy = company.roster, company.person("Bo"), company.person("Cy")
    first, second = company.invite_entry(bo), company.invite_entry(cy)
    left, right = common.append(first), common.append(second)
    assert [i.member_id for i in left.invites()] == [bo.member_id]
    assert [i.member_id for i in right.invites()] == [cy.member_id]
    assert left.hash_at(2) != right.hash_at(2)
    again = common.append(first)
    assert again.head == left.head
    assert again.invites() == left.invites()
    assert common.invites() == ()


def test_extending_by_a_list_with_a_bad_entry_changes_nothing(company: Company) -> None:
    before = company.roster
    good = company.invite_entry(company.person("Bo"))
    with pytest.raises(ProtocolError):
        before.extend([good, good])
    assert before.invites() == ()
    assert len(before.extend([encode(good)]).invites()) == 1


@given(st.data())
def test_no_mutated_entry_is_accepted(data: st.DataObject) -> None:
    company = Company("mutation")
    bo = company.person("Bo")
    company.append(company.invite_entry(bo))
    raw = bytearray(encode(company.join_entry(bo)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises((CodecError, ProtocolError)):
        company.roster.append(bytes(raw))
