"""What a manager of the parent may do in its children, and how everybody can check it."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.ids import UnitId
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.ledger.charter import Charter, sign_charter_entry
from mifeng_crypto.ledger.charter_entry import (
    CharterBody,
    CharterEntry,
    Close,
    Closing,
    Grant,
    Revoke,
    SetPolicy,
    UnitKind,
    UnitRole,
)
from mifeng_crypto.ledger.head import EMPTY, Head
from mifeng_crypto.ledger.policy import DEFAULT_POLICY
from mifeng_crypto.tls import encode
from tests.support.company import Company, Person


@pytest.fixture
def company() -> Company:
    return Company()


@pytest.fixture
def bo(company: Company) -> Person:
    return company.hire("Bo")


@pytest.fixture
def sales(company: Company, bo: Person) -> UnitId:
    """The parent, which Bo manages."""
    unit_id = company.create()
    company.grant(unit_id, bo, UnitRole.MANAGER)
    return unit_id


@pytest.fixture
def team(company: Company, sales: UnitId) -> UnitId:
    """The child, in which Bo is not."""
    return company.create(parent=sales)


def refused(
    rule: str, company: Company, unit_id: UnitId, entry: CharterEntry, parent: Charter | None = None
) -> None:
    with pytest.raises(ProtocolError) as error:
        company.charters[unit_id].append(
            entry, company.roster, parent=parent or company.above(unit_id)
        )
    assert error.value.rule == rule


def grant_to(company: Company, name: str = "Cy") -> Grant:
    return Grant(company.hire(name).member_id, UnitRole.MEMBER)


@pytest.mark.parametrize("kind", [UnitKind.BUSINESS, UnitKind.CHANNEL])
def test_a_manager_of_the_parent_creates_and_manages_children(
    company: Company, bo: Person, sales: UnitId, kind: UnitKind
) -> None:
    own = company.create(bo, kind=kind, parent=sales, as_manager=True)
    assert company.charters[own].parent == sales
    other, grant = company.create(kind=kind, parent=sales), grant_to(company)
    company.amend(other, grant, bo, as_manager=True)
    company.amend(other, Revoke(grant.member_id), bo, as_manager=True)
    company.amend(other, SetPolicy(DEFAULT_POLICY), bo, as_manager=True)
    company.amend(other, Close(Closing.KEEPS), bo, as_manager=True)


def test_without_naming_the_parents_head_he_is_anybody_charter_2_and_5(
    company: Company, bo: Person, sales: UnitId, team: UnitId
) -> None:
    refused("CHARTER-5", company, team, company.charter_entry(team, grant_to(company), bo))
    with pytest.raises(ProtocolError, match="CHARTER-2"):
        company.create(bo, parent=sales)


def test_in_a_group_a_manager_of_the_parent_is_anybody_charter_5(
    company: Company, bo: Person, sales: UnitId
) -> None:
    group = company.create(kind=UnitKind.GROUP, parent=sales)
    entry = company.charter_entry(group, grant_to(company), bo, as_manager=True)
    refused("CHARTER-5", company, group, entry)


@pytest.mark.parametrize("kind", [UnitKind.GROUP, UnitKind.CHANNEL, UnitKind.DIRECT])
def test_only_business_units_are_above_others_charter_2(
    company: Company, bo: Person, kind: UnitKind
) -> None:
    """Everybody may create a group: it must not make him the creator of departments."""
    peer = company.hire("Cy") if kind is UnitKind.DIRECT else None
    by = company.ada if kind is UnitKind.CHANNEL else bo
    above = company.create(by, kind=kind, peer=peer)
    if by is not bo:
        company.grant(above, bo, UnitRole.MANAGER)
    with pytest.raises(ProtocolError, match="CHARTER-2"):
        company.create(bo, parent=above, as_manager=True)


@pytest.mark.parametrize("role", [UnitRole.MEMBER, UnitRole.PUBLISHER, UnitRole.READER, None])
def test_only_managers_of_the_parent_have_a_say_charter_5(
    company: Company, bo: Person, sales: UnitId, team: UnitId, role: UnitRole | None
) -> None:
    grant = grant_to(company)
    company.revoke(sales, bo)
    if role is not None:
        company.grant(sales, bo, role)
    entry = company.charter_entry(team, grant, bo, as_manager=True)
    refused("CHARTER-5", company, team, entry)


def test_a_closed_parent_gives_no_right_charter_5(
    company: Company, bo: Person, sales: UnitId, team: UnitId
) -> None:
    grant = grant_to(company)
    company.amend(sales, Close(Closing.KEEPS), company.ada)
    refused("CHARTER-5", company, team, company.charter_entry(team, grant, bo, as_manager=True))


def test_a_manager_of_the_grandparent_acts_once_he_is_manager_of_the_parent(
    company: Company, bo: Person, sales: UnitId, team: UnitId
) -> None:
    squad, grant = company.create(parent=team), grant_to(company)
    refused("CHARTER-5", company, squad, company.charter_entry(squad, grant, bo, as_manager=True))
    company.amend(team, Grant(bo.member_id, UnitRole.MANAGER), bo, as_manager=True)
    company.amend(squad, grant, bo, as_manager=True)


def test_who_does_not_know_the_parents_charter_fetches_it_first_ledger_9(
    company: Company, bo: Person, sales: UnitId, team: UnitId
) -> None:
    old, grant = company.charters[sales], grant_to(company)
    company.grant(sales, company.hire("Di"))
    entry = company.charter_entry(team, grant, bo, as_manager=True)
    charter = company.charters[team]
    for known in (None, old):
        with pytest.raises(NeedLedgerError) as error:
            charter.append(entry, company.roster, parent=known)
        assert error.value.sequence == 3
    with pytest.raises(UsageError):
        charter.append(entry, company.roster, parent=charter)
    charter.append(entry, company.roster, parent=company.charters[sales])


def signed(
    company: Company, unit_id: UnitId, body: CharterBody, by: Person, parent: Head
) -> CharterEntry:
    tbs = dataclasses.replace(company.charter_entry(unit_id, body, by).tbs, parent=parent)
    return CharterEntry(tbs, sign_mifeng(by.key, "CharterEntry", encode(tbs)))


def test_the_parents_head_is_on_its_charter_ledger_8(
    company: Company, bo: Person, team: UnitId
) -> None:
    entry = signed(company, team, grant_to(company), bo, Head(2, bytes(32)))
    refused("LEDGER-8", company, team, entry)


def test_a_unit_without_a_parent_names_none_charter_16(
    company: Company, bo: Person, sales: UnitId
) -> None:
    alone = company.create()
    entry = signed(company, alone, grant_to(company), bo, company.charters[sales].head)
    refused("CHARTER-16", company, alone, entry)


def test_the_parents_head_never_goes_back_charter_17(
    company: Company, bo: Person, sales: UnitId, team: UnitId
) -> None:
    """Else a manager who was revoked could sign as of when he was one."""
    cy, first, second = company.hire("Cy"), grant_to(company, "Di"), grant_to(company, "Ed")
    while_manager = company.charters[sales].head
    company.revoke(sales, bo)
    company.grant(sales, cy, UnitRole.MANAGER)
    company.amend(team, first, cy, as_manager=True)
    refused("CHARTER-17", company, team, signed(company, team, second, bo, while_manager))
    refused("CHARTER-17", company, team, signed(company, team, second, bo, EMPTY))


def test_the_roster_reaches_as_far_as_the_parents_charter_needs_charter_17(
    company: Company, bo: Person, sales: UnitId, team: UnitId
) -> None:
    grant, old = grant_to(company), company.roster
    company.grant(sales, company.hire("Di"))
    entry = sign_charter_entry(
        company.charters[team],
        grant,
        bo.author,
        bo.key,
        roster=old,
        now=company.tick(),
        parent=company.charters[sales],
    )
    refused("CHARTER-17", company, team, entry)
