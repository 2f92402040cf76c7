"""From whom a device takes what was said before it came in, and what it believes of that."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng.content.documents import HandedHistory, decode_document
from mifeng.content.mimi import SinglePart, decode_mimi
from mifeng.core.history.giving import PART_MESSAGES, plan
from mifeng.core.history.joining import LetIn
from mifeng.core.rows import Condition
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.history import OUT_OF_TIME_MS
from mifeng_crypto.ids import DeviceId, Identity, UnixMillis
from mifeng_crypto.ledger.charter_entry import Grant, UnitRole
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import History
from mifeng_crypto.log import LogEntry
from mifeng_crypto.tls import decode
from tests.client.core.handing import Handing, Receiver


@pytest.fixture
def handing() -> Handing:
    return Handing()


def refused(
    handing: Handing, rule: str, to: Receiver, document: HandedHistory | None = None
) -> None:
    [gift] = handing.hand_over(handing.world.ada, to, document)
    with pytest.raises(ProtocolError) as error:
        handing.accept(gift, to)
    assert error.value.rule == rule


def test_a_newcomer_has_what_all_others_have(handing: Handing) -> None:
    cy = handing.hire("Cy")
    [gift] = handing.hand_over(handing.world.ada, cy)
    join, [take] = handing.accept(gift, cy)
    assert join.heard == (handing.world.ada.profile.device_id,)
    assert take.giver == handing.world.ada.profile.member_id
    theirs = handing.rows[handing.world.ben.profile.device_id]
    found = handing.judge(handing.blob(handing.world.ada, cy), take, cy)
    assert len(found) == 4
    assert found == {sequence: theirs[sequence] for sequence in found}


def test_what_was_handed_over_can_be_handed_on(handing: Handing) -> None:
    """The originals go along: whoever was handed them is as good a witness as who was there."""
    cy = handing.hire("Cy")
    [gift] = handing.hand_over(handing.world.ada, cy)
    _, [take] = handing.accept(gift, cy)
    handing.rows[cy.desk.profile.device_id] |= handing.judge(
        handing.blob(handing.world.ada, cy), take, cy
    )
    before = dict(handing.rows[cy.desk.profile.device_id])
    assert plan(sorted(before.items()), now=handing.company.now)[0].first == min(before)


def test_what_opens_a_history_is_stored_by_nobody(handing: Handing) -> None:
    cy = handing.hire("Cy")
    document = handing.document(handing.world.ada, cy)
    handing.hand_over(handing.world.ada, cy, document)
    for desk in handing.world.everybody:
        record = handing.rows[desk.profile.device_id][desk.unit.log.sequence]
        assert record.condition is Condition.READ
        assert record.original == b""
        body = decode_mimi(record.content).body
        assert isinstance(body, SinglePart)
        kept = decode_document(body.content_type, body.content)
        assert kept == document.without_keys()
        assert document.keys not in record.content
        assert document.receivers[0].sealed not in record.content
        assert not plan([(desk.unit.log.sequence, record)], now=handing.company.now)


def test_a_history_for_a_device_that_nobody_has_is_named_history_1(handing: Handing) -> None:
    cy = handing.hire("Cy")
    document = handing.document(handing.world.ada, cy)
    for bent in (
        {"member_id": handing.world.ben.profile.member_id},
        {"device_id": DeviceId(b"?" * 16)},
    ):
        receiver = dataclasses.replace(document.receivers[0], **bent)
        lying = dataclasses.replace(document, receivers=(receiver,))
        assert handing.hand_over(handing.world.ada, cy, lying) == ()
        record = handing.rows[cy.desk.profile.device_id][cy.desk.unit.log.sequence]
        assert record.condition is Condition.MALFORMED
        assert "HISTORY-1" in record.reason


def test_nobody_else_hands_a_newcomer_anything_history_2(handing: Handing) -> None:
    """Ben is a member, and may even have let others in; Ada's commit let this one in."""
    cy = handing.hire("Cy")
    document = handing.document(handing.world.ben, cy)
    [gift] = handing.hand_over(handing.world.ben, cy, document)
    with pytest.raises(ProtocolError, match="HISTORY-2"):
        handing.accept(gift, cy)


def test_where_the_unit_does_not_let_newcomers_read_of_before_nobody_gives_history_2() -> None:
    handing = Handing(policy=History.NONE)
    cy = handing.hire("Cy")
    assert cy.join.givers == ()
    refused(handing, "HISTORY-2", cy)


def test_an_archive_is_given_nothing_of_before_history_2(handing: Handing) -> None:
    archive = handing.company.archive("Records")
    handing.world.amend(Grant(archive.member_id, UnitRole.ARCHIVE))
    handing.company.tick(25 * 3_600_000)
    records = handing.let_in(archive)
    assert records.join.givers == ()
    commit = decode(LogEntry, handing.world.log.entries[-1]).header
    who = Identity(archive.member_id, archive.device_id)
    assert LetIn.by_commit(handing.world.ada.unit, commit, [who]).added == ()
    refused(handing, "HISTORY-2", records)


def test_a_linked_device_takes_it_from_the_one_that_linked_it() -> None:
    handing = Handing(policy=History.NONE)
    laptop = handing.link(handing.world.ben_person)
    assert laptop.join.givers == (handing.world.ben.profile.device_id,)
    [gift] = handing.hand_over(handing.world.ben, laptop)
    _, [take] = handing.accept(gift, laptop)
    assert len(handing.judge(handing.blob(handing.world.ben, laptop), take, laptop)) == 4
    refused(handing, "HISTORY-2", laptop)  # Ada has let it in, and the policy says none


def test_a_history_for_another_joining_is_refused_history_3(handing: Handing) -> None:
    cy = handing.hire("Cy")
    gift = dataclasses.replace(handing.owed(cy), joined=Head(4, bytes(32)))
    document = handing.document(handing.world.ada, cy, gift=gift)
    refused(handing, "HISTORY-3", cy, document)


def test_a_history_that_comes_a_day_later_is_refused_history_3(handing: Handing) -> None:
    cy = handing.hire("Cy")
    document = handing.document(handing.world.ada, cy)
    handing.company.tick(OUT_OF_TIME_MS)
    refused(handing, "HISTORY-3", cy, document)


def test_a_second_history_by_the_same_device_is_refused_history_4(handing: Handing) -> None:
    cy = handing.hire("Cy")
    [gift] = handing.hand_over(handing.world.ada, cy)
    cy.join, _ = handing.accept(gift, cy)
    refused(handing, "HISTORY-4", cy)


def test_keys_that_were_made_for_somebody_else_are_refused(handing: Handing) -> None:
    """HISTORY-5, on the way in: a box that was sealed for Ben's eyes is passed on to Cy."""
    cy = handing.hire("Cy")
    document = handing.document(handing.world.ada, cy)
    part = dataclasses.replace(document.parts[0], last=document.parts[0].last + 1)
    for bent in (
        {"parts": (part,)},
        {"keys": document.keys[:-1] + b"\0"},
        {"receivers": (dataclasses.replace(document.receivers[0], sealed=b"x" * 1200),)},
    ):
        cy.join = dataclasses.replace(cy.join, heard=())
        refused(handing, "HISTORY-5", cy, dataclasses.replace(document, **bent))


def test_one_message_that_is_not_as_it_was_takes_its_part_along(handing: Handing) -> None:
    cy = handing.hire("Cy")
    ada = handing.world.ada
    [gift] = handing.hand_over(ada, cy)
    _, [take] = handing.accept(gift, cy)
    rows = handing.rows[ada.profile.device_id]
    first = min(n for n, record in rows.items() if record.original)
    said = rows[first]
    rows[first] = dataclasses.replace(said, content=said.content.replace(b"Ada 0", b"Ada 9"))
    with pytest.raises(ProtocolError, match="HISTORY-7"):
        handing.judge(handing.blob(ada, cy), take, cy)


def test_parts_are_of_one_slot_each_and_what_ends_in_a_moment_stays(handing: Handing) -> None:
    ada = handing.world.ada
    handing.company.tick(3_600_000)
    handing.say(ada, "an hour later")
    cy = handing.hire("Cy")
    planned = handing.planned(ada, cy)
    assert [len(one.messages) for one in planned] == [4, 1]
    assert planned[0].slot + 1 == planned[1].slot
    rows = sorted(handing.rows[ada.profile.device_id].items())
    soon = UnixMillis(planned[0].deadline - 1)
    assert [one.slot for one in plan(rows, now=soon)] == [planned[1].slot]
    assert plan(rows, now=UnixMillis(planned[1].deadline)) == []
    [(number, record)] = planned[1].messages
    many = [(number + n, record) for n in range(2 * PART_MESSAGES + 1)]
    assert [len(one.messages) for one in plan(many, now=handing.company.now)] == [2000, 2000, 1]
