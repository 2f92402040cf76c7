"""The gate goes by the charter's state at the last `heads`: policy, generation, end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from mifeng_crypto import gate
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import GroupId
from mifeng_crypto.ledger.charter_entry import Close, Closing, Restart, SetPolicy, UnitRole
from mifeng_crypto.ledger.policy import DEFAULT_POLICY, Posting
from tests.support.company import HOUR, Company, Person
from tests.support.unit import Unit


@pytest.fixture
def company() -> Company:
    return Company()


@pytest.fixture
def bo(company: Company) -> Person:
    return company.hire("Bo")


@pytest.fixture
def unit(company: Company, bo: Person) -> Unit:
    unit = Unit(company)
    unit.add(bo)
    return unit


def refused_by_all(rule: str, unit: Unit, act: Callable[[bool], object]) -> None:
    """By the server; and, where that lets it pass, by the members."""
    for force in (False, True):
        with pytest.raises(ProtocolError) as error:
            act(force)
        assert error.value.rule == rule


def dead(rule: str, unit: Unit, by: Person) -> None:
    """Neither message nor commit is accepted."""
    refused_by_all(rule, unit, lambda force: unit.send(by, b"hello", force=force))
    with pytest.raises(ProtocolError, match=rule):
        unit.send_commit(by, unit.commit(by))


def test_a_closed_unit_accepts_nothing_more_gate_30(
    company: Company, unit: Unit, bo: Person
) -> None:
    company.amend(unit.unit_id, Close(Closing.KEEPS), company.ada)
    before = dataclasses.replace(unit.server, charter=unit.charter)
    before.ledgers.check_open(before.public.group_id)
    unit.write_heads()
    dead("GATE-30", unit, bo)
    with pytest.raises(ProtocolError, match="GATE-30"):
        gate.check_create(company.roster, unit.charter, unit.server.public, now=company.now)


def test_a_generation_that_is_over_accepts_nothing_more_gate_7(
    company: Company, unit: Unit, bo: Person
) -> None:
    company.amend(unit.unit_id, Restart(1, unit.server.log.head), company.ada)
    before = dataclasses.replace(unit.server, charter=unit.charter)
    before.ledgers.check_open(before.public.group_id)
    unit.write_heads()
    dead("GATE-7", unit, bo)


def test_the_next_generation_begins_by_its_opener_alone_gate_7_and_8(
    company: Company, unit: Unit, bo: Person
) -> None:
    company.grant(unit.unit_id, bo, UnitRole.MANAGER)
    unit.group = GroupId(unit.unit_id, 1)
    early = unit.first_epoch(bo).public
    with pytest.raises(ProtocolError, match="GATE-7"):
        gate.check_create(company.roster, unit.charter, early, now=company.now)
    company.amend(unit.unit_id, Restart(1, unit.server.log.head), bo)
    gate.check_create(company.roster, unit.charter, early, now=company.now)
    public = unit.first_epoch(company.ada).public
    with pytest.raises(ProtocolError, match="GATE-8"):
        gate.check_create(company.roster, unit.charter, public, now=company.now)
    unit.group = GroupId(unit.unit_id, 0)
    public = unit.first_epoch(bo).public
    with pytest.raises(ProtocolError, match="GATE-7"):
        gate.check_create(company.roster, unit.charter, public, now=company.now)


def test_a_policy_judges_from_its_heads_on_gate_24(company: Company, unit: Unit) -> None:
    short = dataclasses.replace(DEFAULT_POLICY, key_lifetime_s=3600)
    company.tick(2 * HOUR)
    company.amend(unit.unit_id, SetPolicy(short), company.ada)
    known = dataclasses.replace(unit.server, charter=unit.charter, roster=company.roster)
    assert not gate.key_expired(known, company.now)
    unit.write_heads()
    refused_by_all("GATE-24", unit, lambda force: unit.send(company.ada, b"late", force=force))


def test_who_may_post_goes_by_the_policy_at_the_heads_gate_25(
    company: Company, unit: Unit, bo: Person
) -> None:
    policy = dataclasses.replace(DEFAULT_POLICY, posting=Posting.PUBLISHERS)
    company.amend(unit.unit_id, SetPolicy(policy), company.ada)
    unit.write_heads()
    unit.send(company.ada, b"a manager")
    refused_by_all("GATE-25", unit, lambda force: unit.send(bo, b"a member", force=force))
