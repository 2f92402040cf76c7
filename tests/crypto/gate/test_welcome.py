"""By what a unit is judged, its commits say, its members check, and newcomers go by."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng_crypto import gate
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.head import EMPTY
from mifeng_crypto.log import AuthenticatedData, Heads, UnitState
from mifeng_crypto.tls import decode, encode
from tests.support.company import Company, Person
from tests.support.unit import Unit, key_package

HOUR = 3_600_000


@pytest.fixture
def company() -> Company:
    return Company("welcome")


@pytest.fixture
def unit(company: Company) -> Unit:
    unit = Unit(company)
    unit.add(company.hire("Bo"), company.hire("Cy"))
    return unit


def newcomer(unit: Unit, name: str = "Di") -> Person:
    person = unit.company.hire(name)
    unit.company.grant(unit.unit_id, person)
    unit.write_heads()
    return person


def test_what_is_said_while_a_commit_is_made_keeps_no_newcomer_out(
    company: Company, unit: Unit
) -> None:
    di, bo = newcomer(unit), unit.members[next(reversed(unit.members))].who
    bundle = key_package(company, di)
    pending = unit.commit(company.ada, add=[bundle], path=False)
    for text in (b"one", b"two"):
        unit.send(bo, text)
    unit.send_commit(company.ada, pending)
    unit.enter(di, pending, bundle)
    unit.everyone_can_message_everyone()


def test_heads_that_come_while_a_commit_is_made_are_the_newcomers_too(
    company: Company, unit: Unit
) -> None:
    di = newcomer(unit)
    bundle = key_package(company, di)
    pending = unit.commit(company.ada, add=[bundle], path=False)
    before = unit.server.heads
    newcomer(unit, "Ed")
    unit.send_commit(company.ada, pending)
    unit.enter(di, pending, bundle)
    assert before != unit.server.heads == unit.of(di).view.heads
    unit.everyone_can_message_everyone()


def test_all_members_go_by_the_same_state(company: Company, unit: Unit) -> None:
    company.tick(50 * HOUR)
    unit.send_commit(company.ada, unit.commit(company.ada))
    di = newcomer(unit)
    bundle = key_package(company, di)
    pending = unit.commit(company.ada, add=[bundle], path=False)
    unit.send_commit(company.ada, pending)
    unit.enter(di, pending, bundle)
    assert {member.view.state for member in unit.members.values()} == {unit.server.state}


LIES = [
    {"heads": Heads(EMPTY, EMPTY)},
    {"rotated_at": UnixMillis(0)},
    {"steady_since": UnixMillis(0)},
]


def lying(unit: Unit, lie: dict[str, object]) -> bytes:
    said = decode(AuthenticatedData, unit.said_by_commit(unit.creator))
    assert said.unit is not None
    state = dataclasses.replace(said.unit, **lie)  # type: ignore[arg-type]
    return encode(dataclasses.replace(said, unit=state))


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: next(iter(lie)))
def test_a_commit_that_says_another_state_than_all_know_is_refused_gate_36(
    company: Company, unit: Unit, lie: dict[str, object]
) -> None:
    pending = unit.commit(company.ada, said=lying(unit, lie))
    with pytest.raises(ProtocolError, match="GATE-36"):
        unit.send_commit(company.ada, pending)
    with pytest.raises(ProtocolError, match="GATE-36"):
        unit.send_commit(company.ada, unit.commit(company.ada, said=unit.said(company.ada)))
    unit.send_commit(company.ada, unit.commit(company.ada))


def test_a_message_says_nothing_of_the_units_state_gate_37(company: Company, unit: Unit) -> None:
    content = unit.encrypt(company.ada, b"hello", said=unit.said_by_commit(company.ada))
    with pytest.raises(ProtocolError, match="GATE-37"):
        unit.accept_message(content, company.ada.device_id)


def test_the_state_of_a_view_is_what_its_commits_say(unit: Unit) -> None:
    view = unit.server
    assert view.state == UnitState(view.heads, view.rotated_at, view.steady_since)
    assert view.log.heads_at == view.log.began
    newcomer(unit)
    assert unit.server.log.heads_at == unit.server.log.sequence
    assert gate.LogPosition.begin(unit.server.log.head).heads_at == unit.server.log.sequence


def test_a_tree_under_newer_ledgers_stands_as_if_it_were_looked_at_anew(
    company: Company, unit: Unit
) -> None:
    di = newcomer(unit)
    bundle = key_package(company, di)
    pending = unit.commit(company.ada, add=[bundle])
    unit.send_commit(company.ada, pending)
    before = unit.server.standing
    bo = next(member.who for member in unit.members.values() if member.who.name == "Bo")
    company.revoke(unit.unit_id, bo)
    company.fire(di)
    unit.write_heads()
    view = dataclasses.replace(unit.server, known=before)
    anew = gate.Standing.of(view.public, view.ledgers)
    assert view.standing == anew
    assert len(anew.due) == 2
    assert before.due == ()
