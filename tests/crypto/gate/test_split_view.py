"""Two histories are told apart by the first message between them, with evidence on both sides."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng_crypto import gate
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate import SplitView, SplitViewError, UnitView
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import AuthenticatedData
from mifeng_crypto.tls import decode, encode
from tests.support.company import Company
from tests.support.unit import Unit


@pytest.fixture
def company() -> Company:
    return Company()


@pytest.fixture
def unit(company: Company) -> Unit:
    unit = Unit(company)
    unit.add(company.hire("Bo"))
    return unit


def split_of(view: UnitView, said: bytes, unit: Unit) -> SplitViewError:
    with pytest.raises(SplitViewError) as error:
        gate.check_message(
            view,
            said,
            accepted_at=unit.company.now,
            device_id=unit.creator.device_id,
            sender=None,
        )
    return error.value


def test_both_sides_of_a_split_log_get_evidence_of_it_log_8(unit: Unit) -> None:
    """The server gives each of two members another entry at the same place."""
    before = unit.server
    unit.send(unit.creator, b"one")
    header = unit.entries[-1].header
    other = dataclasses.replace(header, accepted_at=UnixMillis(header.accepted_at + 1))
    here, there = (
        dataclasses.replace(before, log=before.log.grown(shown), last_accepted_at=shown.accepted_at)
        for shown in (header, other)
    )
    said = {}
    for name, view in (("here", here), ("there", there)):
        heads = decode(AuthenticatedData, unit.said(unit.creator))
        said[name] = encode(dataclasses.replace(heads, log=view.log.head))
    first, second = split_of(here, said["there"], unit), split_of(there, said["here"], unit)
    assert first.rule == second.rule == "LOG-8"
    assert first.split == SplitView("log", here.log.head, there.log.head, said["there"])
    assert second.split == SplitView("log", there.log.head, here.log.head, said["here"])
    assert decode(SplitView, encode(first.split)) == first.split


@pytest.mark.parametrize("ledger", ["roster", "charter"])
def test_a_split_ledger_is_shown_with_both_heads_ledger_8(unit: Unit, ledger: str) -> None:
    company = unit.company
    roster, charter = company.roster, unit.charter
    here: Roster | Charter
    there: Roster | Charter
    if ledger == "roster":
        here = roster.append(company.invite_entry(company.person("Cy")))
        there = roster.append(company.invite_entry(company.person("Di")))
        view = dataclasses.replace(unit.server, roster=here)
    else:
        cy, di = company.hire("Cy"), company.hire("Di")
        company.grant(unit.unit_id, cy)
        here = unit.charter
        company.charters[unit.unit_id] = charter
        company.grant(unit.unit_id, di)
        there = unit.charter
        view = dataclasses.replace(unit.server, charter=here, roster=company.roster)
    said = decode(AuthenticatedData, unit.said(unit.creator))
    said = (
        dataclasses.replace(said, roster=there.head)
        if ledger == "roster"
        else dataclasses.replace(said, charter=there.head)
    )
    statement = encode(said)
    error = split_of(view, statement, unit)
    assert error.rule == "LEDGER-8"
    assert error.split == SplitView(ledger, here.head, there.head, statement)


def test_a_position_that_only_is_out_of_range_is_no_split_log_8(unit: Unit) -> None:
    said = decode(AuthenticatedData, unit.said(unit.creator))
    head = dataclasses.replace(said.log, sequence=said.log.sequence + 1)
    with pytest.raises(ProtocolError, match="LOG-8") as error:
        gate.check_message(
            unit.server,
            encode(dataclasses.replace(said, log=head)),
            accepted_at=unit.company.now,
            device_id=unit.creator.device_id,
            sender=None,
        )
    assert not isinstance(error.value, SplitViewError)
