"""CHARTER-n: direct units, and what is said of a unit as a whole: policy, generation, end."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import UnitId
from mifeng_crypto.ledger.charter import Charter, Generation
from mifeng_crypto.ledger.charter_entry import (
    CharterBody,
    Close,
    Closing,
    Grant,
    Restart,
    Revoke,
    SetPolicy,
    UnitKind,
    UnitRole,
)
from mifeng_crypto.ledger.head import EMPTY, Head
from mifeng_crypto.ledger.policy import DEFAULT_POLICY, Policy
from mifeng_crypto.ledger.roster_entry import RemoveMember, Role
from tests.support.company import Company, Person

KINDS = (UnitKind.BUSINESS, UnitKind.GROUP, UnitKind.CHANNEL)
LOG = Head(7, b"\x07" * 32)
SHORT = dataclasses.replace(DEFAULT_POLICY, key_lifetime_s=3600, cap=2)


@pytest.fixture
def company() -> Company:
    return Company()


def refused(rule: str, company: Company, unit_id: UnitId, body: CharterBody, by: Person) -> None:
    charter = company.charters[unit_id]
    entry = company.charter_entry(unit_id, body, by)
    with pytest.raises(ProtocolError) as error:
        charter.append(entry, company.roster)
    assert error.value.rule == rule
    assert company.charters[unit_id] is charter


# ------------------------------------------------------------------ direct


def test_a_direct_unit_has_its_two_people_and_both_manage_it(company: Company) -> None:
    bo, cy = company.hire("Bo"), company.hire("Cy", Role.GUEST)
    unit_id = company.create(bo, kind=UnitKind.DIRECT, peer=cy)
    charter = company.charters[unit_id]
    assert charter.members() == (bo.member_id, cy.member_id)
    company.amend(unit_id, SetPolicy(SHORT), cy)
    company.amend(unit_id, Restart(1, LOG), bo)
    company.amend(unit_id, Restart(2, LOG), cy)
    company.amend(unit_id, Close(Closing.KEEPS), bo)


def test_nobody_enters_or_leaves_a_direct_unit_charter_11(company: Company) -> None:
    bo, cy, di = company.hire("Bo"), company.hire("Cy"), company.hire("Di")
    unit_id = company.create(bo, kind=UnitKind.DIRECT, peer=cy)
    for by in (bo, company.ada):
        refused("CHARTER-11", company, unit_id, Grant(di.member_id, UnitRole.READER), by)
        refused("CHARTER-11", company, unit_id, Revoke(cy.member_id), by)
    refused("CHARTER-11", company, unit_id, Grant(cy.member_id, UnitRole.READER), bo)
    refused("CHARTER-11", company, unit_id, Revoke(bo.member_id), bo)


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_direct_unit_names_a_second_person_charter_12(
    company: Company, kind: UnitKind
) -> None:
    bo = company.hire("Bo")
    for entry in (
        company.create_entry(company.ada, kind=kind, peer=bo),
        company.create_entry(company.ada, kind=UnitKind.DIRECT),
        company.create_entry(company.ada, kind=UnitKind.DIRECT, peer=company.ada),
    ):
        with pytest.raises(ProtocolError, match="CHARTER-12"):
            Charter.from_entries([entry], company.roster)


def test_the_second_person_of_a_direct_unit_is_known_charter_7(company: Company) -> None:
    eve, gone = company.person("Eve"), company.hire("Bo")
    company.append(company.sign(RemoveMember(gone.member_id), company.ada))
    for who in (eve, gone):
        entry = company.create_entry(company.ada, kind=UnitKind.DIRECT, peer=who)
        with pytest.raises(ProtocolError, match="CHARTER-7"):
            Charter.from_entries([entry], company.roster)


# ------------------------------------------------------------------ who may


BODIES = (SetPolicy(SHORT), Restart(1, LOG), Close(Closing.KEEPS))


@pytest.mark.parametrize(("kind", "role", "body"), list(itertools.product(KINDS, Role, BODIES)))
def test_by_their_role_in_the_workspace_only_admins_manage_the_unit_charter_5(
    kind: UnitKind, role: Role, body: CharterBody
) -> None:
    company = Company()
    bo = company.hire("Bo", role)
    unit_id = company.create(kind=kind)
    company.grant(unit_id, bo, UnitRole.READER)
    if kind is not UnitKind.GROUP and role in (Role.OWNER, Role.ADMIN):
        company.amend(unit_id, body, bo)
    else:
        refused("CHARTER-5", company, unit_id, body, bo)


@pytest.mark.parametrize(
    ("kind", "role", "body"),
    list(itertools.product(KINDS, [r for r in UnitRole if r is not UnitRole.ARCHIVE], BODIES)),
)
def test_by_their_role_in_the_unit_only_managers_manage_it_charter_5(
    kind: UnitKind, role: UnitRole, body: CharterBody
) -> None:
    company = Company()
    bo = company.hire("Bo")
    unit_id = company.create(kind=kind)
    company.grant(unit_id, bo, role)
    if role is UnitRole.MANAGER:
        company.amend(unit_id, body, bo)
    else:
        refused("CHARTER-5", company, unit_id, body, bo)


def test_a_stranger_manages_no_direct_unit_not_even_an_owner_charter_5(company: Company) -> None:
    bo, cy = company.hire("Bo"), company.hire("Cy")
    unit_id = company.create(bo, kind=UnitKind.DIRECT, peer=cy)
    for body in BODIES:
        refused("CHARTER-5", company, unit_id, body, company.ada)


# ------------------------------------------------------------------ set_policy


def test_a_policy_holds_from_its_entry_on(company: Company) -> None:
    unit_id = company.create()
    company.amend(unit_id, SetPolicy(SHORT), company.ada)
    charter = company.charters[unit_id]
    assert charter.policy == SHORT
    assert [charter.policy_at(at) for at in (1, 2)] == [DEFAULT_POLICY, SHORT]


@pytest.mark.parametrize(
    "policy",
    [
        dataclasses.replace(DEFAULT_POLICY, cap=1001),
        dataclasses.replace(DEFAULT_POLICY, key_lifetime_s=259_201),
        dataclasses.replace(DEFAULT_POLICY, retention_s=259_199),
    ],
)
def test_no_policy_leaves_the_bounds_later_either_policy_1(
    company: Company, policy: Policy
) -> None:
    refused("POLICY-1", company, company.create(), SetPolicy(policy), company.ada)


def test_a_lowered_cap_turns_nobody_out_and_lets_nobody_in_charter_9(company: Company) -> None:
    unit_id, bo, cy, di = company.create(), *(company.hire(n) for n in ("Bo", "Cy", "Di"))
    company.grant(unit_id, bo)
    company.grant(unit_id, cy)
    company.amend(unit_id, SetPolicy(SHORT), company.ada)
    assert len(company.charters[unit_id].members()) == 3
    refused("CHARTER-9", company, unit_id, Grant(di.member_id, UnitRole.MEMBER), company.ada)


# ------------------------------------------------------------------ restart


def test_a_restart_opens_the_next_generation_by_its_author(company: Company) -> None:
    unit_id, bo = company.create(), company.hire("Bo")
    company.grant(unit_id, bo, UnitRole.MANAGER)
    company.amend(unit_id, Restart(1, LOG), bo)
    charter = company.charters[unit_id]
    assert charter.generation() == Generation(1, bo.member_id, 3, LOG)
    assert charter.generation(at=2) == Generation(0, company.ada.member_id, 1, EMPTY)


@pytest.mark.parametrize("number", [0, 2, 2**32 - 1])
def test_only_the_next_generation_is_opened_charter_13(company: Company, number: int) -> None:
    refused("CHARTER-13", company, company.create(), Restart(number, LOG), company.ada)


def test_the_same_generation_is_not_opened_twice_charter_13(company: Company) -> None:
    unit_id = company.create()
    company.amend(unit_id, Restart(1, LOG), company.ada)
    refused("CHARTER-13", company, unit_id, Restart(1, LOG), company.ada)


def test_a_log_that_leaves_no_numbers_for_the_next_one_is_refused_charter_13(
    company: Company,
) -> None:
    endless = Restart(1, Head(2**64 - 1, LOG.hash))
    refused("CHARTER-13", company, company.create(), endless, company.ada)


def test_who_restarts_a_unit_is_in_it_charter_14(company: Company) -> None:
    unit_id, bo = company.create(), company.hire("Bo", Role.ADMIN)
    refused("CHARTER-14", company, unit_id, Restart(1, LOG), bo)
    company.grant(unit_id, bo, by=bo)
    company.amend(unit_id, Restart(1, LOG), bo)


# ------------------------------------------------------------------ close


def test_nothing_follows_the_end_of_a_unit_charter_15(company: Company) -> None:
    unit_id, bo = company.create(), company.hire("Bo")
    company.grant(unit_id, bo)
    company.amend(unit_id, Close(Closing.KEEPS), company.ada)
    charter = company.charters[unit_id]
    assert [charter.is_closed(at=at) for at in (1, 2, 3)] == [False, False, True]
    for body in (*BODIES, Grant(bo.member_id, UnitRole.READER), Revoke(bo.member_id)):
        refused("CHARTER-15", company, unit_id, body, company.ada)
    refused("CHARTER-15", company, unit_id, Revoke(bo.member_id), bo)


def test_two_charters_that_grow_out_of_one_do_not_see_each_others_state(company: Company) -> None:
    unit_id = company.create()
    first = company.charters[unit_id]
    company.amend(unit_id, Close(Closing.KEEPS), company.ada)
    company.charters[unit_id] = first
    company.amend(unit_id, SetPolicy(SHORT), company.ada)
    assert not company.charters[unit_id].is_closed()
    assert (first.policy, first.generation().number) == (DEFAULT_POLICY, 0)


def test_only_an_admin_closes_a_unit_so_that_its_content_goes_charter_18() -> None:
    company = Company()
    bo = company.hire("Bo")
    unit_id = company.create(company.ada)
    company.grant(unit_id, bo, UnitRole.MANAGER)
    with pytest.raises(ProtocolError) as caught:
        company.amend(unit_id, Close(Closing.DELETES), bo)
    assert caught.value.rule == "CHARTER-18"
    company.amend(unit_id, Close(Closing.DELETES), company.ada)
    assert company.charters[unit_id].is_deleted()
    assert not company.charters[unit_id].is_deleted(at=2)
