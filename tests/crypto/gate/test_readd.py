"""A device that cannot go on asks to be removed and added again: once, for itself, in one epoch."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng_crypto import gate
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import PROTOCOL_VERSION, GroupId, UnixMillis
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.head import EMPTY, Head
from mifeng_crypto.log import EntryKind, NeedsReadd, NeedsReaddTBS
from mifeng_crypto.tls import encode
from tests.support.company import Company, Person
from tests.support.unit import Unit, key_package


@pytest.fixture
def company() -> Company:
    return Company()


@pytest.fixture
def bo(company: Company) -> Person:
    return company.hire("Bo")


@pytest.fixture
def unit(company: Company, bo: Person) -> Unit:
    unit = Unit(company)
    unit.add(bo, company.hire("Cy"))
    return unit


def statement(unit: Unit, who: Person, *, by: Person | None = None, **bent: object) -> bytes:
    tbs = NeedsReaddTBS(
        version=PROTOCOL_VERSION,
        group=unit.group,
        epoch=unit.server.public.epoch,
        device_id=who.device_id,
        log=unit.server.log.head,
        stuck=EMPTY,
        seen=unit.server.log.head,
        rule="its keys are lost",
        time=unit.company.now,
    )
    tbs = dataclasses.replace(tbs, **bent)  # type: ignore[arg-type]
    return encode(NeedsReadd(tbs, sign_mifeng((by or who).key, "NeedsReadd", encode(tbs))))


def asks(unit: Unit, who: Person, said: bytes) -> None:
    at = UnixMillis(unit.company.now + 1000)
    gate.check_readd(unit.server, said, accepted_at=at, device_id=who.device_id)
    unit.append(EntryKind.READD, said, who.device_id)
    unit.server = dataclasses.replace(unit.server, asked=unit.server.asked | {who.device_id})
    unit.sync()


def refused(rule: str, unit: Unit, who: Person, said: bytes) -> None:
    with pytest.raises(ProtocolError) as error:
        asks(unit, who, said)
    assert error.value.rule == rule


def test_the_next_commit_removes_and_adds_again_who_has_asked_gate_13(
    company: Company, unit: Unit, bo: Person
) -> None:
    asks(unit, bo, statement(unit, bo))
    unit.send(company.ada, b"nobody waits for it")
    with pytest.raises(ProtocolError) as error:
        unit.send_commit(company.ada, unit.commit(company.ada))
    assert error.value.rule == "GATE-13"
    leaf = unit.server.standing.leaves[bo.device_id]
    assert gate.removes_due(unit.server) == gate.readds_asked(unit.server) == (leaf,)
    assert gate.adds_missing(unit.server, company.now) == (bo.device_id,)
    bundle = key_package(company, bo)
    pending = unit.commit(company.ada, add=[bundle], remove=[leaf])
    unit.send_commit(company.ada, pending)
    assert unit.server.asked == frozenset()
    unit.enter(bo, pending, bundle)
    unit.everyone_can_message_everyone()


def test_who_has_asked_commits_nothing_more_gate_11(unit: Unit, bo: Person) -> None:
    asks(unit, bo, statement(unit, bo))
    pending = unit.commit(bo)
    with pytest.raises(ProtocolError) as error:
        unit.send_commit(bo, pending)
    assert error.value.rule == "GATE-11"


def test_nobody_asks_for_somebody_else_gate_34(company: Company, unit: Unit, bo: Person) -> None:
    di, other = company.hire("Di"), GroupId(unit.unit_id, 1)
    refused("GATE-34", unit, bo, statement(unit, bo, by=company.ada))
    refused("GATE-34", unit, company.ada, statement(unit, bo))
    refused("GATE-34", unit, di, statement(unit, di))
    refused("GATE-34", unit, bo, statement(unit, bo, group=other))
    refused("GATE-34", unit, bo, statement(unit, bo, version=2))
    refused("GATE-34", unit, bo, b"please")


def test_a_statement_counts_in_its_own_epoch_only_gate_27(
    company: Company, unit: Unit, bo: Person
) -> None:
    said = statement(unit, bo)
    unit.send_commit(company.ada, unit.commit(company.ada))
    refused("GATE-27", unit, bo, said)


def test_nothing_that_a_device_signs_counts_in_an_epoch_that_is_to_come_log_8(
    company: Company, unit: Unit, bo: Person
) -> None:
    """A server that names later epochs to a device has nothing to use when they come."""
    began = unit.server.public.epoch
    ahead = statement(unit, bo, epoch=began + 1)
    unit.send_commit(company.ada, unit.commit(company.ada))
    refused("LOG-8", unit, bo, ahead)
    refused("LOG-8", unit, bo, statement(unit, bo, seen=Head(unit.server.log.sequence, bytes(32))))
    asks(unit, bo, statement(unit, bo))


def test_a_statement_is_dated_when_it_is_accepted_gate_21(unit: Unit, bo: Person) -> None:
    refused("GATE-21", unit, bo, statement(unit, bo, time=UnixMillis(unit.company.now - 700_000)))


def test_a_device_asks_once_in_an_epoch_gate_35(unit: Unit, bo: Person) -> None:
    asks(unit, bo, statement(unit, bo))
    refused("GATE-35", unit, bo, statement(unit, bo))
