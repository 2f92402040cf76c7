"""GATE-n for messages: decided alike by the server, which cannot read them, and by each reader."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from mifeng_crypto import gate
from mifeng_crypto.errors import CodecError, ProtocolError
from mifeng_crypto.ids import FileId, UnixMillis
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.ledger.policy import DEFAULT_POLICY, Posting
from mifeng_crypto.log import EntryKind, Purpose
from tests.support.company import HOUR, Company, Person
from tests.support.unit import Unit

M, P = UnitRole.MANAGER, UnitRole.PUBLISHER
# Written anew from protocol.md.
MAY_POST = {
    (Posting.EVERYONE, M),
    (Posting.EVERYONE, UnitRole.MEMBER),
    (Posting.EVERYONE, P),
    (Posting.PUBLISHERS, M),
    (Posting.PUBLISHERS, P),
    (Posting.COMMENTS, M),
    (Posting.COMMENTS, P),
}
ROLES = [role for role in UnitRole if role is not UnitRole.ARCHIVE]


@pytest.fixture
def company() -> Company:
    return Company()


@pytest.fixture
def unit(company: Company) -> Unit:
    unit = Unit(company)
    unit.add(company.hire("Bo"))
    return unit


def bo_of(unit: Unit) -> Person:
    return next(m.who for m in unit.members.values() if m.who.name == "Bo")


def refused(rule: str, unit: Unit, by: Person, said: bytes | None = None) -> None:
    """By the server, and, where that lets it pass, by a reader; whose state stays."""
    with pytest.raises(ProtocolError) as error:
        unit.send(by, b"hello", said=said)
    assert error.value.rule == rule
    reader = next(m for m in unit.members.values() if m.who is not by and m.epoch is not None)
    before = (reader.epoch, reader.view, list(reader.read))
    with pytest.raises(ProtocolError) as error:
        unit.send(by, b"hello", said=said, force=True)
    assert error.value.rule == rule
    assert (reader.epoch, reader.view, reader.read) == before


def test_what_is_sent_is_read_by_everybody(unit: Unit) -> None:
    unit.everyone_can_message_everyone()


def test_a_message_that_names_a_file_twice_is_refused_gate_20(unit: Unit) -> None:
    one, other = FileId(b"1" * 16), FileId(b"2" * 16)
    unit.send(unit.creator, b"files", said=unit.said(unit.creator, files=[one, other]))
    refused("GATE-20", unit, unit.creator, unit.said(unit.creator, files=[one, one]))


@pytest.mark.parametrize("off", [-602_000, 602_000])
def test_a_sender_whose_clock_is_off_is_refused_gate_21(unit: Unit, off: int) -> None:
    refused("GATE-21", unit, unit.creator, unit.said(unit.creator, time=unit.company.now + off))


def test_a_message_that_the_log_gives_to_another_device_is_refused_gate_22(unit: Unit) -> None:
    bo = bo_of(unit)
    content = unit.encrypt(unit.creator, b"not by Bo")
    entry = unit.append(EntryKind.MESSAGE, content, bo.device_id)
    reader = unit.of(bo)
    with pytest.raises(ProtocolError, match="GATE-22"):
        gate.check_message(
            reader.view,
            unit.said(unit.creator),
            accepted_at=entry.header.accepted_at,
            device_id=bo.device_id,
            sender=unit.server.standing.leaves[unit.creator.device_id],
        )


@pytest.mark.parametrize("how", ["revoke", "fire"])
def test_nothing_is_sent_while_a_removal_is_due_gate_23(unit: Unit, how: str) -> None:
    company, bo = unit.company, bo_of(unit)
    cy = company.hire("Cy")
    unit.add(cy)
    if how == "revoke":
        company.revoke(unit.unit_id, bo)
    else:
        company.fire(bo)
    unit.write_heads()
    refused("GATE-23", unit, cy)


def test_the_removed_one_reads_no_more_and_the_others_go_on(unit: Unit) -> None:
    company, bo = unit.company, bo_of(unit)
    cy = company.hire("Cy")
    unit.add(cy)
    company.fire(bo)
    unit.write_heads()
    unit.send_commit(cy, unit.commit(cy, remove=gate.removes_due(unit.server)))
    assert unit.of(bo).epoch is None
    unit.everyone_can_message_everyone()


def test_nothing_is_sent_under_keys_older_than_the_policy_allows_gate_24(unit: Unit) -> None:
    company = unit.company
    company.now = UnixMillis(unit.server.rotated_at + 72 * HOUR - 1000)
    unit.send(company.ada, b"just in time")
    refused("GATE-24", unit, company.ada)


def test_a_rotation_lets_messages_pass_again(unit: Unit) -> None:
    unit.company.tick(100 * HOUR)
    unit.send_commit(unit.creator, unit.commit(unit.creator))
    unit.everyone_can_message_everyone()


@pytest.mark.parametrize(("posting", "role"), list(itertools.product(Posting, ROLES)))
def test_only_the_cells_of_the_table_may_post_gate_25(posting: Posting, role: UnitRole) -> None:
    company = Company()
    unit = Unit(company, policy=dataclasses.replace(DEFAULT_POLICY, posting=posting))
    bo = company.hire("Bo")
    unit.add(bo)
    if role is not UnitRole.MEMBER:
        company.grant(unit.unit_id, bo, role)
        unit.write_heads()
    if (posting, role) in MAY_POST:
        unit.send(bo, b"hello")
    else:
        refused("GATE-25", unit, bo)


@pytest.mark.parametrize("posting", list(Posting))
def test_whoever_reads_may_respond(posting: Posting) -> None:
    company = Company()
    unit = Unit(company, policy=dataclasses.replace(DEFAULT_POLICY, posting=posting))
    bo = company.hire("Bo")
    unit.add(bo)
    company.grant(unit.unit_id, bo, UnitRole.READER)
    unit.write_heads()
    unit.send(bo, b"heart", said=unit.said(bo, purpose=Purpose.RESPONSE))
    refused("GATE-25", unit, bo)


def test_a_device_that_is_not_in_the_unit_does_not_post_gate_25(unit: Unit) -> None:
    cy = unit.company.hire("Cy")
    unit.company.grant(unit.unit_id, cy)
    unit.write_heads()
    with pytest.raises(ProtocolError, match="GATE-25"):
        unit.accept_message(unit.encrypt(unit.creator, b"hello"), cy.device_id)


def test_a_message_that_is_no_private_message_of_the_group_is_refused_gate_26(
    unit: Unit,
) -> None:
    other = Unit(unit.company)
    for wrong in (
        other.encrypt(other.creator, b"elsewhere"),
        unit.commit(unit.creator).message,
    ):
        with pytest.raises(ProtocolError, match="GATE-26"):
            gate.authenticated_data_of(unit.server, wrong)
    with pytest.raises(CodecError):
        gate.authenticated_data_of(unit.server, b"hello")


def test_a_message_of_a_stale_epoch_is_refused_gate_27(unit: Unit) -> None:
    stale = unit.encrypt(unit.creator, b"late")
    unit.send_commit(unit.creator, unit.commit(unit.creator))
    with pytest.raises(ProtocolError, match="GATE-27"):
        unit.accept_message(stale, unit.creator.device_id)


def test_each_rule_that_has_a_problem_code_of_its_own_exists() -> None:
    assert gate.problem_of("GATE-23").code == "removes_due"
    assert gate.problem_of("GATE-24").code == "key_expired"
    assert gate.problem_of("GATE-27").code == "wrong_epoch"
    assert gate.problem_of("GATE-17").code == "cap_exceeded"
    assert gate.problem_of("GATE-21").code == "clock"
    assert gate.problem_of("LEDGER-1").code == "stale_head"
    assert gate.problem_of("GATE-5").code == "refused"


def test_a_standing_that_is_carried_along_is_what_a_new_look_finds(unit: Unit) -> None:
    company = unit.company
    people = [company.hire(name) for name in ("Cy", "Di", "Ed")]
    unit.add(*people)
    company.fire(people[1])
    unit.write_heads()
    for view in (unit.server, *(m.view for m in unit.members.values())):
        fresh = dataclasses.replace(view, known=None).standing
        assert dict(view.standing.leaves) == dict(fresh.leaves)
        assert dict(view.standing.people) == dict(fresh.people)
        assert view.standing.due == fresh.due
    stale = dataclasses.replace(unit.server, known=None).standing
    unit.send_commit(company.ada, unit.commit(company.ada, remove=stale.due))
    carried = unit.server.standing
    fresh = dataclasses.replace(unit.server, known=None).standing
    assert (dict(carried.leaves), dict(carried.people), carried.due) == (
        dict(fresh.leaves),
        dict(fresh.people),
        fresh.due,
    )
    assert dataclasses.replace(unit.server, known=stale).standing is not stale
