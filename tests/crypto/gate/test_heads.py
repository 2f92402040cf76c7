"""The gate's judgement goes forward only, on ledgers that this device knows."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng_crypto import gate
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate import UnitView
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.ledger.charter import Charter, sign_charter_entry
from mifeng_crypto.ledger.charter_entry import Grant, Restart, UnitRole
from mifeng_crypto.ledger.head import EMPTY, Head
from mifeng_crypto.ledger.roster_entry import Role
from mifeng_crypto.log import Heads
from tests.support.company import Company
from tests.support.unit import Unit


@pytest.fixture
def company() -> Company:
    return Company()


def now(company: Company, unit: Unit) -> UnitView:
    return dataclasses.replace(unit.server, roster=company.roster, charter=unit.charter)


def refused(rule: str, view: UnitView, heads: Heads) -> None:
    with pytest.raises(ProtocolError) as error:
        gate.check_heads(view, heads, accepted_at=view.last_accepted_at)
    assert error.value.rule == rule


def test_heads_go_forward_in_one_ledger_or_both(company: Company) -> None:
    unit, bo = Unit(company), company.hire("Bo")
    company.grant(unit.unit_id, bo)
    view = now(company, unit)
    gate.check_heads(view, Heads(company.roster.head, view.heads.charter), accepted_at=company.now)
    gate.check_heads(view, Heads(company.roster.head, unit.charter.head), accepted_at=company.now)


def test_heads_that_bring_nothing_new_are_refused_gate_1(company: Company) -> None:
    view = Unit(company).server
    refused("GATE-1", view, view.heads)


def test_heads_that_go_back_are_refused_gate_1(company: Company) -> None:
    unit = Unit(company)
    older = unit.server.heads
    unit.add(company.hire("Bo"))
    company.hire("Cy")
    unit.write_heads()
    view = now(company, unit)
    refused("GATE-1", view, older)
    refused("GATE-1", view, Heads(view.heads.roster, older.charter))
    roster = Head(older.roster.sequence + 2, company.roster.hash_at(older.roster.sequence + 2))
    refused("GATE-1", view, Heads(roster, view.heads.charter))


def test_a_charter_entry_signed_under_a_roster_before_the_units_is_refused_gate_2(
    company: Company,
) -> None:
    # Bo is an admin, and is removed. He and the server then sign as of yesterday.
    bo, eve = company.hire("Bo", Role.ADMIN), company.hire("Eve")
    unit, yesterday = Unit(company), company.roster
    company.fire(bo)
    unit.write_heads()
    backdated = sign_charter_entry(
        unit.charter,
        Grant(eve.member_id, UnitRole.MANAGER),
        bo.author,
        bo.key,
        roster=yesterday,
        now=company.tick(),
    )
    # By itself the charter's rules let it pass: he had the right at that head.
    company.charters[unit.unit_id] = unit.charter.append(backdated, company.roster)
    refused("GATE-2", now(company, unit), Heads(company.roster.head, unit.charter.head))


def test_heads_whose_charter_needs_a_later_roster_are_refused_gate_3(company: Company) -> None:
    unit = Unit(company)
    roster_before = company.roster.head
    company.grant(unit.unit_id, company.hire("Bo"))
    view = now(company, unit)
    refused("GATE-3", view, Heads(roster_before, unit.charter.head))
    refused("GATE-3", view, Heads(roster_before, EMPTY))


def test_heads_of_another_history_are_refused_ledger_8(company: Company) -> None:
    unit = Unit(company)
    view = now(company, unit)
    fork = Head(company.roster.head.sequence, bytes(32))
    refused("LEDGER-8", view, Heads(fork, view.heads.charter))
    refused("LEDGER-8", view, Heads(view.heads.roster, Head(1, bytes(32))))


def test_heads_that_are_not_known_yet_ask_for_the_ledger_ledger_9(company: Company) -> None:
    unit = Unit(company)
    view = unit.server
    company.grant(unit.unit_id, company.hire("Bo"))
    with pytest.raises(NeedLedgerError) as error:
        gate.check_heads(
            view, Heads(company.roster.head, view.heads.charter), accepted_at=company.now
        )
    assert error.value.ledger == "roster"
    with pytest.raises(NeedLedgerError) as error:
        gate.check_heads(view, Heads(view.heads.roster, unit.charter.head), accepted_at=company.now)
    assert error.value.ledger == "charter"


def test_charter_entries_come_into_the_log_when_they_were_signed_gate_31(company: Company) -> None:
    unit, bo = Unit(company), company.hire("Bo")
    company.grant(unit.unit_id, bo)
    view, at = now(company, unit), company.now
    heads = Heads(company.roster.head, unit.charter.head)
    minutes = 60_000
    for late in (-11 * minutes, 11 * minutes):
        with pytest.raises(ProtocolError) as error:
            gate.check_heads(view, heads, accepted_at=UnixMillis(at + late))
        assert error.value.rule == "GATE-31"
    gate.check_heads(view, heads, accepted_at=UnixMillis(at + 9 * minutes))
    # What had come before is not looked at again.
    unit.write_heads()
    company.tick(24 * 60 * minutes)
    company.hire("Cy")
    unit.write_heads()


def test_the_servers_word_alone_moves_no_logs_time_gate_31(company: Company) -> None:
    unit, minutes = Unit(company), 60_000
    company.hire("Bo")
    view, at = now(company, unit), company.now
    heads = Heads(company.roster.head, view.heads.charter)
    for late in (11 * minutes, 24 * 60 * minutes):
        with pytest.raises(ProtocolError) as error:
            gate.check_heads(view, heads, accepted_at=UnixMillis(at + late))
        assert error.value.rule == "GATE-31"
    gate.check_heads(view, heads, accepted_at=UnixMillis(at + 9 * minutes))
    # A server whose clock was wrong can write a removal, at the time where its log stands.
    ahead = dataclasses.replace(view, last_accepted_at=UnixMillis(at + 60 * minutes))
    gate.check_heads(ahead, heads, accepted_at=ahead.last_accepted_at)


def test_a_generation_begins_when_it_was_signed_gate_31(company: Company) -> None:
    unit = Unit(company)
    company.tick(24 * 3_600_000)
    company.charters[unit.unit_id] = restarted(company, unit)
    begins = unit.charter.generation().begins
    genesis = gate.LogPosition.begin(Head(begins, bytes(32)))
    view = dataclasses.replace(now(company, unit), log=genesis, heads=Heads(EMPTY, EMPTY))
    heads = Heads(company.roster.head, unit.charter.head)
    gate.check_heads(view, heads, accepted_at=company.now)
    with pytest.raises(ProtocolError) as error:
        gate.check_heads(view, heads, accepted_at=UnixMillis(company.now + 3_600_000))
    assert error.value.rule == "GATE-31"


def restarted(company: Company, unit: Unit) -> Charter:
    entry = sign_charter_entry(
        unit.charter,
        Restart(1, unit.server.log.head),
        company.ada.author,
        company.ada.key,
        roster=company.roster,
        now=company.now,
    )
    return unit.charter.append(entry, company.roster)
