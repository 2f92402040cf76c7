"""CHARTER-n: who may sign what in a charter."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.charter import Charter, sign_charter_entry
from mifeng_crypto.ledger.charter_entry import (
    CharterBody,
    CharterEntry,
    Create,
    Grant,
    Revoke,
    UnitKind,
    UnitRole,
)
from mifeng_crypto.ledger.policy import DEFAULT_POLICY, Policy
from mifeng_crypto.ledger.roster_entry import DeviceAuthor, Role
from mifeng_crypto.tls import encode
from tests.support.company import HOUR, Company, Person

BUSINESS, GROUP, DIRECT, CHANNEL = (
    UnitKind.BUSINESS,
    UnitKind.GROUP,
    UnitKind.DIRECT,
    UnitKind.CHANNEL,
)

# Written anew from protocol.md.
MAY_CREATE = {
    (BUSINESS, Role.OWNER),
    (BUSINESS, Role.ADMIN),
    (CHANNEL, Role.OWNER),
    (CHANNEL, Role.ADMIN),
    (GROUP, Role.OWNER),
    (GROUP, Role.ADMIN),
    (GROUP, Role.MEMBER),
    (DIRECT, Role.OWNER),
    (DIRECT, Role.ADMIN),
    (DIRECT, Role.MEMBER),
}
KINDS = (BUSINESS, GROUP, CHANNEL)


@pytest.fixture
def company() -> Company:
    return Company()


def refused(rule: str, company: Company, unit_id: UnitId, entry: CharterEntry) -> None:
    charter = company.charters[unit_id]
    before = (charter.head, charter.members())
    with pytest.raises(ProtocolError) as error:
        charter.append(entry, company.roster)
    assert error.value.rule == rule
    assert (charter.head, charter.members()) == before


def try_amend(company: Company, unit_id: UnitId, body: CharterBody, by: Person) -> str:
    """The rule that refuses it, or "" and it is in."""
    try:
        company.amend(unit_id, body, by)
    except ProtocolError as err:
        return err.rule
    return ""


# ------------------------------------------------------------------ create


@pytest.mark.parametrize(("kind", "role"), list(itertools.product(UnitKind, Role)))
def test_only_the_cells_of_the_table_may_create_charter_2(kind: UnitKind, role: Role) -> None:
    company = Company()
    peer = company.hire("Cy") if kind is DIRECT else None
    entry = company.create_entry(company.hire("Bo", role), kind=kind, peer=peer)
    if (kind, role) in MAY_CREATE:
        charter = Charter.from_entries([entry], company.roster)
        assert charter.kind is kind
        assert charter.role_of(charter.creator) is UnitRole.MANAGER
    else:
        with pytest.raises(ProtocolError, match="CHARTER-2"):
            Charter.from_entries([entry], company.roster)


def test_a_charter_begins_with_create_and_has_only_one_charter_1(company: Company) -> None:
    unit_id = company.create()
    grant = sign_charter_entry(
        None,
        Grant(company.ada.member_id, UnitRole.MEMBER),
        company.ada.author,
        company.ada.key,
        roster=company.roster,
        now=company.now,
        unit_id=unit_id,
    )
    with pytest.raises(ProtocolError, match="CHARTER-1"):
        Charter.from_entries([grant], company.roster)
    create = Create(BUSINESS, None, None, 1, DEFAULT_POLICY)
    again = company.charter_entry(unit_id, create, company.ada)
    refused("CHARTER-1", company, unit_id, again)
    with pytest.raises(UsageError):
        Charter.from_entries([], company.roster)


@pytest.mark.parametrize("suite", [0, 0x0002, 0x0005, 0x0007, 0xF001])
def test_a_suite_that_does_not_sign_with_device_keys_is_refused_charter_3(
    company: Company, suite: int
) -> None:
    entry = company.create_entry(company.ada, suite=suite)
    with pytest.raises(ProtocolError, match="CHARTER-3"):
        Charter.from_entries([entry], company.roster)
    for fine in (0x0001, 0x0003, 0xF002):
        Charter.from_entries([company.create_entry(company.ada, suite=fine)], company.roster)


@pytest.mark.parametrize(
    "policy",
    [
        dataclasses.replace(DEFAULT_POLICY, cap=0),
        dataclasses.replace(DEFAULT_POLICY, cap=1001),
        dataclasses.replace(DEFAULT_POLICY, key_lifetime_s=3_599),
        dataclasses.replace(DEFAULT_POLICY, key_lifetime_s=259_201),
        dataclasses.replace(DEFAULT_POLICY, retention_s=259_199),
        dataclasses.replace(DEFAULT_POLICY, retention_s=31_536_001),
        dataclasses.replace(DEFAULT_POLICY, leaf_lifetime_s=604_799),
        dataclasses.replace(DEFAULT_POLICY, leaf_lifetime_s=604_801),
    ],
)
def test_a_policy_out_of_bounds_is_refused_policy_1(company: Company, policy: Policy) -> None:
    entry = company.create_entry(company.ada, policy=policy)
    with pytest.raises(ProtocolError, match="POLICY-1"):
        Charter.from_entries([entry], company.roster)


# ------------------------------------------------------------------ authors


def test_an_entry_under_an_older_roster_than_the_one_before_is_refused_charter_4(
    company: Company,
) -> None:
    unit_id, old = company.create(), company.roster
    bo = company.hire("Bo")
    company.grant(unit_id, bo)
    entry = sign_charter_entry(
        company.charters[unit_id],
        Revoke(bo.member_id),
        company.ada.author,
        company.ada.key,
        roster=old,
        now=company.tick(),
    )
    refused("CHARTER-4", company, unit_id, entry)


def test_an_author_who_was_removed_is_refused_ledger_7(company: Company) -> None:
    unit_id, bo = company.create(), company.hire("Bo", Role.ADMIN)
    cy = company.hire("Cy")
    company.fire(bo)
    grant = Grant(cy.member_id, UnitRole.MEMBER)
    refused("LEDGER-7", company, unit_id, company.charter_entry(unit_id, grant, bo))
    borrowed = dataclasses.replace(
        company.charter_entry(unit_id, grant, company.ada).tbs,
        author=DeviceAuthor(bo.member_id, company.ada.device_id),
    )
    signature = sign_mifeng(company.ada.key, "CharterEntry", encode(borrowed))
    refused("LEDGER-7", company, unit_id, CharterEntry(borrowed, signature))


def test_a_forged_entry_is_refused_ledger_4(company: Company) -> None:
    unit_id, eve = company.create(), company.hire("Eve")
    as_ada = dataclasses.replace(company.ada, key=eve.key)
    entry = company.charter_entry(unit_id, Grant(eve.member_id, UnitRole.MANAGER), as_ada)
    refused("LEDGER-4", company, unit_id, entry)


# ------------------------------------------------------------------ grant and revoke


@pytest.mark.parametrize(("kind", "role"), list(itertools.product(KINDS, Role)))
def test_by_their_role_in_the_workspace_only_admins_manage_and_no_groups_charter_5(
    kind: UnitKind, role: Role
) -> None:
    company = Company()
    author, cy = company.hire("Bo", role), company.hire("Cy")
    unit_id = company.create(kind=kind)
    allowed = kind is not GROUP and role in (Role.OWNER, Role.ADMIN)
    expected = "" if allowed else "CHARTER-5"
    grant = Grant(cy.member_id, UnitRole.MEMBER)
    assert try_amend(company, unit_id, grant, author) == expected
    if not allowed:
        company.amend(unit_id, grant, company.ada)
    assert try_amend(company, unit_id, Revoke(cy.member_id), author) == expected


@pytest.mark.parametrize(
    ("kind", "role"),
    list(itertools.product(KINDS, [r for r in UnitRole if r is not UnitRole.ARCHIVE])),
)
def test_by_their_role_in_the_unit_only_managers_manage_charter_5(
    kind: UnitKind, role: UnitRole
) -> None:
    company = Company()
    author, cy = company.hire("Bo"), company.hire("Cy")
    unit_id = company.create(kind=kind)
    company.grant(unit_id, author, role)
    expected = "" if role is UnitRole.MANAGER else "CHARTER-5"
    grant = Grant(cy.member_id, UnitRole.MEMBER)
    assert try_amend(company, unit_id, grant, author) == expected
    if expected:
        company.amend(unit_id, grant, company.ada)
    assert try_amend(company, unit_id, Revoke(cy.member_id), author) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_everybody_may_leave(kind: UnitKind) -> None:
    company = Company()
    unit_id, bo = company.create(kind=kind), company.hire("Bo", Role.GUEST)
    company.grant(unit_id, bo, UnitRole.READER)
    company.revoke(unit_id, bo, by=bo)
    assert company.charters[unit_id].role_of(bo.member_id) is None


def test_a_manager_who_was_revoked_manages_no_more_charter_5(company: Company) -> None:
    unit_id, bo, cy = company.create(), company.hire("Bo"), company.hire("Cy")
    company.grant(unit_id, bo, UnitRole.MANAGER)
    company.revoke(unit_id, bo)
    grant = Grant(cy.member_id, UnitRole.MEMBER)
    refused("CHARTER-5", company, unit_id, company.charter_entry(unit_id, grant, bo))


def test_only_an_archive_is_granted_as_archive_and_as_nothing_else_charter_6(
    company: Company,
) -> None:
    unit_id, bo, archive = company.create(), company.hire("Bo"), company.archive("Records")
    invited = company.person("Soon")
    company.append(company.invite_entry(invited, Role.GUEST))
    for who in (bo, invited):
        entry = company.charter_entry(unit_id, Grant(who.member_id, UnitRole.ARCHIVE), company.ada)
        refused("CHARTER-6", company, unit_id, entry)
    for role in UnitRole:
        if role is not UnitRole.ARCHIVE:
            entry = company.charter_entry(unit_id, Grant(archive.member_id, role), company.ada)
            refused("CHARTER-6", company, unit_id, entry)
    company.grant(unit_id, archive, UnitRole.ARCHIVE)
    granted = company.charters[unit_id].time_at(2)
    since = company.charters[unit_id].archived_from(archive.member_id)
    assert since == granted + 24 * HOUR + 600_000
    assert company.charters[unit_id].archived_from(bo.member_id) is None


def test_who_is_neither_member_nor_invited_is_not_granted_charter_7(company: Company) -> None:
    unit_id, gone, late = company.create(), company.hire("Bo"), company.person("Late")
    company.fire(gone)
    company.append(company.invite_entry(late))
    for who in (company.person("Eve"), gone):
        grant = Grant(who.member_id, UnitRole.MEMBER)
        refused("CHARTER-7", company, unit_id, company.charter_entry(unit_id, grant, company.ada))
    company.grant(unit_id, late)  # before joining
    company.tick(72 * HOUR)
    other = company.create()
    grant = Grant(late.member_id, UnitRole.MEMBER)
    refused("CHARTER-7", company, other, company.charter_entry(other, grant, company.ada))


def test_a_grant_that_changes_nothing_is_refused_charter_8(company: Company) -> None:
    unit_id, bo = company.create(), company.hire("Bo")
    company.grant(unit_id, bo)
    grant = Grant(bo.member_id, UnitRole.MEMBER)
    refused("CHARTER-8", company, unit_id, company.charter_entry(unit_id, grant, company.ada))
    company.grant(unit_id, bo, UnitRole.READER)
    assert company.charters[unit_id].role_of(bo.member_id) is UnitRole.READER


def test_no_more_people_are_granted_than_the_cap_charter_9(company: Company) -> None:
    policy = dataclasses.replace(DEFAULT_POLICY, cap=3)
    unit_id = company.create(policy=policy)
    bo, cy, di = (company.hire(name) for name in ("Bo", "Cy", "Di"))
    company.grant(unit_id, bo)
    company.grant(unit_id, cy)
    grant = Grant(di.member_id, UnitRole.MEMBER)
    refused("CHARTER-9", company, unit_id, company.charter_entry(unit_id, grant, company.ada))
    company.grant(unit_id, bo, UnitRole.MANAGER)  # who is in may get another role
    company.fire(cy)  # who has left the workspace does not count
    company.grant(unit_id, di)
    company.revoke(unit_id, bo)
    company.grant(unit_id, company.hire("Ed"))


def test_who_is_not_in_is_not_revoked_charter_10(company: Company) -> None:
    unit_id, bo = company.create(), company.hire("Bo")
    revoke = Revoke(bo.member_id)
    refused("CHARTER-10", company, unit_id, company.charter_entry(unit_id, revoke, company.ada))
    company.grant(unit_id, bo)
    company.revoke(unit_id, bo)
    refused("CHARTER-10", company, unit_id, company.charter_entry(unit_id, revoke, bo))


# ------------------------------------------------------------------ the past


def test_a_charter_answers_for_any_time_of_its_past_and_forks_apart(company: Company) -> None:
    unit_id = company.create()
    bo, cy = company.hire("Bo"), company.hire("Cy")
    first = company.charters[unit_id]
    company.grant(unit_id, bo)
    company.revoke(unit_id, bo)
    company.grant(unit_id, bo, UnitRole.MANAGER)
    charter = company.charters[unit_id]
    roles = [charter.role_of(bo.member_id, at=at) for at in range(1, 5)]
    assert roles == [None, UnitRole.MEMBER, None, UnitRole.MANAGER]
    assert charter.members(at=2) == (company.ada.member_id, bo.member_id)
    assert first.members() == (company.ada.member_id,)
    company.charters[unit_id] = first
    company.grant(unit_id, cy)
    fork = company.charters[unit_id]
    assert fork.members() == (company.ada.member_id, cy.member_id)
    assert fork.hash_at(2) != charter.hash_at(2)
    assert charter.role_of(cy.member_id) is None


def test_a_new_entry_is_judged_by_the_servers_clock_ledger_6(company: Company) -> None:
    unit_id, bo = company.create(), company.hire("Bo")
    entry = company.charter_entry(unit_id, Grant(bo.member_id, UnitRole.MEMBER), company.ada)
    charter = company.charters[unit_id]
    charter.check_on_arrival(entry, now=company.now)
    with pytest.raises(ProtocolError, match="LEDGER-6"):
        charter.check_on_arrival(entry, now=UnixMillis(company.now + HOUR))
