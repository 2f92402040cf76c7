"""Group C: what people say. Attacks by members, servers and whoever looks at lengths."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import pytest

from mifeng import content
from mifeng.content.documents import (
    Announcement,
    Confirmation,
    Statement,
    StatementTBS,
    Status,
    sign_statement,
)
from mifeng.content.mimi import MimiContent, MultiPart, PartSemantics, SinglePart, encode_mimi
from mifeng.core.events import NewEntry
from mifeng.core.rows import Condition, TimelineRecord
from mifeng.core.timeline import Line, Position
from mifeng.sdk import exporting
from mifeng.sdk.values import Message
from mifeng.session import receipts
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import MemberId
from mifeng_crypto.labels import sign_mifeng, verify_mifeng
from mifeng_crypto.log import EntryKind
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.wire.framing import ApplicationContent, PrivateMessage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.secret import Secret
from mifeng_crypto.signature import public_of
from mifeng_crypto.tls import decode, encode
from tests.attacks.adversary import Adversary, attack
from tests.attacks.insider import Insider
from tests.attacks.stage import Stage
from tests.client.core.scroll import ADA, BO, CY, Scroll
from tests.client.core.world import Desk, World
from tests.vectors_own.mallory import forge_proposal


def shown_as_invalid(adversary: Adversary, line: Line, by: MemberId, *rules: str) -> None:
    """O2, O4: the last line is the attempt, with its author and the rule, and shows nothing."""
    if line.rule not in rules:
        adversary.succeeds()
    assert (line.author, line.said) == (by, None)
    assert line.problem
    adversary.refused_by.append(line.rule)


@attack("nothing but what decrypts")
def test_c3_a_text_in_the_clear_is_put_into_the_log(adversary: Adversary, stage: Stage) -> None:
    unit, bo = stage.unit, stage.bo
    if adversary.on:
        for text in ("I am Bo, really", ""):
            before = unit.server
            said = {"ad": unit.said(bo).hex(), "text": text}
            unit.append(EntryKind.MESSAGE, json.dumps(said).encode(), bo.device_id)
            stage.judge(before, ("CodecError",), but=bo)
        sealed = unit.encrypt(bo, b"I am Bo, really")
        wire = decode(MLSMessage, sealed)
        assert isinstance(wire.message, PrivateMessage)
        clear = forge_proposal(Insider(unit, bo), ApplicationContent(b"I am Bo"))  # type: ignore[arg-type]
        empty = dataclasses.replace(wire.message, ciphertext=b"")
        for written, rule in (
            (clear, "RFC9420-6-3"),  # signed, and in a PublicMessage
            (encode(MLSMessage(wire.version, empty)), "RFC9420-6.3-3"),
            (sealed[:2] + b"\xf0\x01" + sealed[4:], "CodecError"),  # of no known wire format
        ):
            before = unit.server
            unit.append(EntryKind.MESSAGE, written, bo.device_id)
            stage.judge(before, (rule,), but=bo)
    stage.goes_on()


@attack("the sender of a message")
def test_c4_the_server_names_another_as_the_author(adversary: Adversary, stage: Stage) -> None:
    unit, bo = stage.unit, stage.bo
    written = unit.encrypt(bo, b"I resign")
    if adversary.on:
        before, author = unit.server, unit.members.pop(bo.device_id)
        unit.append(EntryKind.MESSAGE, written, stage.cy.device_id)
        stage.judge(before, ("GATE-22",), but=stage.cy)
        unit.members[bo.device_id] = author
    stage.goes_on()


@attack("the origin of a content")
def test_c4_a_content_names_another_as_its_sender(adversary: Adversary) -> None:
    scroll = Scroll()
    by, rng = (ADA if adversary.on else BO), scroll.rng.randbytes
    scroll.append(BO, content.encode_text("I resign", origin=scroll.origin(by), rng=rng))
    (line,) = scroll.lines()
    if adversary.on:
        shown_as_invalid(adversary, line, BO, "CONTENT-2")
    else:
        assert line.said is not None


@attack("receipts of what is there")
def test_c5_a_receipt_is_ahead_of_what_was_sent(adversary: Adversary) -> None:
    """Of others nobody can give one: a status is its sender's, and moves no other's place."""
    scroll = Scroll()
    scroll.post(ADA, "hello")
    scroll.say(BO, Status(1, 1))
    if adversary.on:
        scroll.say(CY, Status(999, 999))
        shown_as_invalid(adversary, scroll.lines()[-1], CY, "TIMELINE-3")
    positions = scroll.fold().positions
    assert positions == {BO: Position(1, 1)}


@attack("edits by the author alone")
def test_c5_a_member_edits_and_deletes_what_another_has_said(adversary: Adversary) -> None:
    scroll = Scroll()
    first = scroll.post(ADA, "I approve of it")
    liked = scroll.react(ADA, "👍", first)
    if adversary.on:
        scroll.post(BO, "I do not approve of it", replaces=first)
        shown_as_invalid(adversary, scroll.lines()[-1], BO, "TIMELINE-1")
        scroll.delete(BO, first)
        shown_as_invalid(adversary, scroll.lines()[-1], BO, "TIMELINE-1")
        scroll.delete(BO, liked, of_reaction=True)
        shown_as_invalid(adversary, scroll.lines()[-1], BO, "TIMELINE-1")
    hers = scroll.lines()[0]
    assert hers.said is not None
    assert (hers.said.text, hers.is_deleted, set(hers.reactions)) == (
        "I approve of it",
        False,
        {"👍"},
    )


@attack("statements by their sender")
def test_c5_a_member_confirms_in_anothers_name(adversary: Adversary) -> None:
    world = World()
    ada, ben = world.ada, world.ben
    by = ada if adversary.on else ben
    forged = StatementTBS(
        version=1,
        workspace_id=world.company.workspace_id,
        unit_id=world.unit_id,
        member_id=by.profile.member_id,
        device_id=by.profile.device_id,
        time=world.company.now,
        subject=bytes(32),
        body=Confirmation(),
    )
    statement = sign_statement(forged, ben.profile.signature_key)
    record = arrives(world, ben, document_by(world, ben, statement))
    if adversary.on:
        stands_refused(adversary, record, "CONTENT-6")
    else:
        assert record.condition is Condition.READ


@attack("the readers of an announcement")
def test_c5_an_announcement_leaves_out_who_is_to_be_blamed(adversary: Adversary) -> None:
    world = World()
    ada = world.ada
    readers = (ada.profile.member_id,) if adversary.on else everybody(world)
    tbs = StatementTBS(
        version=1,
        workspace_id=world.company.workspace_id,
        unit_id=world.unit_id,
        member_id=ada.profile.member_id,
        device_id=ada.profile.device_id,
        time=world.company.now,
        subject=None,
        body=Announcement("Drill", "", readers, ()),
    )
    statement = sign_statement(tbs, ada.profile.signature_key)
    with pytest.MonkeyPatch.context() as patch:  # a client that sends what it was told to
        patch.setattr("mifeng.core.outbox.addressed", lambda said, *_, **__: said)
        record = arrives(world, ada, document_by(world, ada, statement))
    if adversary.on:
        stands_refused(adversary, record, "CONTENT-7")
    else:
        assert record.condition is Condition.READ


def document_by(world: World, by: Desk, statement: Statement) -> bytes:
    profile = by.profile
    origin = content.Origin(
        workspace_id=profile.workspace_id, unit_id=by.unit.unit_id, member_id=profile.member_id
    )
    return content.encode_work(statement, origin=origin, rng=world.company.rng)


def everybody(world: World) -> tuple[MemberId, ...]:
    return tuple(sorted(desk.profile.member_id for desk in world.everybody))


def arrives(world: World, by: Desk, said: bytes) -> TimelineRecord:
    """What becomes of it at somebody else's."""
    by.queue(said)
    entry = world.accept(EntryKind.MESSAGE, by.seal(), by)
    other = world.ben if by is world.ada else world.ada
    (record,) = [e.entry for e in other.apply(entry).events if isinstance(e, NewEntry)]
    return record


def stands_refused(adversary: Adversary, record: TimelineRecord, rule: str) -> None:
    """O2, O4: it stands there with its author and the rule, and its content is gone."""
    if record.condition is not Condition.MALFORMED:
        adversary.succeeds()
    assert record.content == b""
    assert rule in record.reason
    adversary.refused_by.append(rule)


@attack("one history of the log")
def test_c6_two_messages_of_one_sender_change_places(adversary: Adversary, stage: Stage) -> None:
    unit, bo = stage.unit, stage.bo
    if not adversary.on:
        unit.send(bo, b"do not")
        unit.send(bo, b"sell")
        stage.goes_on()
        return
    before, member = unit.server, unit.of(bo)
    first = unit.encrypt(bo, b"do not")
    unit.append(EntryKind.MESSAGE, first, bo.device_id)
    unit.apply(member, unit.entries[-1])  # the author has seen the first one in its place
    second = unit.encrypt(bo, b"sell")
    unit.entries.pop()
    unit.server = before
    unit.append(EntryKind.MESSAGE, second, bo.device_id)
    stage.judge(before, ("LOG-8",), but=bo)


@attack("labels")
def test_c7_a_login_is_taken_for_a_statement(adversary: Adversary, stage: Stage) -> None:
    public, said = public_of(Secret(stage.bo.key)), b"what the server would like signed"
    label = "Login" if adversary.on else "Statement"
    signature = sign_mifeng(stage.bo.key, label, said)
    with adversary.refused("CryptoError"):
        verify_mifeng(public, "Statement", said, signature)


@attack("the tag of a ciphertext")
def test_c8_a_broken_ciphertext_says_nothing_of_what_is_inside(
    adversary: Adversary, stage: Stage
) -> None:
    unit, bo, ada = stage.unit, stage.bo, stage.ada
    written = unit.encrypt(bo, b"yes or no? " * 20)
    wire = decode(MLSMessage, written)
    assert isinstance(wire.message, PrivateMessage)
    if adversary.on:
        reasons, member = set[str](), unit.of(ada)
        assert member.epoch is not None
        sealed = wire.message.ciphertext
        for at in (0, 1, 2, 100, len(sealed) - 30, len(sealed) - 1):  # lengths, text, padding, tag
            bent = sealed[:at] + bytes([sealed[at] ^ 0x80]) + sealed[at + 1 :]
            broken = dataclasses.replace(wire.message, ciphertext=bent)
            with pytest.raises(MifengError) as refusal:
                mls.decrypt(member.epoch, broken)
            reasons.add(str(refusal.value))
        if len(reasons) != 1:
            adversary.succeeds()
        adversary.refused_by.append("one answer for all")
    stage.goes_on()


@attack("how much a content may hold")
def test_c9_a_content_of_endless_parts(adversary: Adversary) -> None:
    leaf = SinglePart(content_type="text/plain", content=b"x")
    many = 5_000 if adversary.on else 500
    body = MultiPart(part_semantics=PartSemantics.PROCESS_ALL, parts=(leaf,) * many)
    with adversary.refused("CONTENT-1"):
        encode_mimi(MimiContent(salt=bytes(16), body=body))


@attack("what causes a receipt")
def test_c10_reactions_draw_no_receipts(adversary: Adversary) -> None:
    scroll = Scroll()
    scroll.post(ADA, "hello")
    told_once = receipts.position(scroll.fold(), 1, me=BO)
    if adversary.on:
        nobody = bytes([1]) + bytes(31)
        for n in range(1_000):
            scroll.now += 1_000
            scroll.react(CY, "👀", nobody[:-2] + n.to_bytes(2, "big"))
        timeline = scroll.fold()
        if receipts.position(timeline, timeline.sequence, me=BO) != told_once:
            adversary.succeeds()
        adversary.refused_by.append("nothing to tell")


@attack("a page without markup of others")
def test_c11_an_exported_page_calls_nobody(adversary: Adversary) -> None:
    trap = '<img src="http://trap.example/x"><script src="http://trap.example/y"></script>'
    scroll = Scroll()
    scroll.post(ADA, trap if adversary.on else "plain")
    record = scroll.rows[0][1]
    line = Message(
        unit_id=scroll.origin(ADA).unit_id,
        sequence=1,
        epoch=1,
        kind="message",
        time=dt.datetime.fromtimestamp(record.accepted_at / 1000, dt.UTC),
        sender=None,
        readable=trap if adversary.on else "plain",
    )
    page = exporting.article(line, {})
    if adversary.on:
        if "<img" in page or "<script" in page:
            adversary.succeeds()
        adversary.refused_by.append("shown as text")
    else:
        assert "plain" in page


@attack("padding")
def test_c13_texts_of_many_lengths_look_the_same(adversary: Adversary, stage: Stage) -> None:
    lengths = {len(stage.unit.encrypt(stage.bo, bytes(n))) for n in range(1, 120, 7)}
    if adversary.on:
        if len(lengths) != 1:
            adversary.succeeds()
        adversary.refused_by.append("one length")
    stage.goes_on()
