"""What only a reader can judge, judged as it arrives: by tree and roles of that moment."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng import content
from mifeng.content import Origin
from mifeng.content.documents import (
    MARK,
    Announcement,
    Confirmation,
    Document,
    Poll,
    Statement,
    StatementBody,
    StatementTBS,
    UnitProfile,
    sign_statement,
)
from mifeng.content.documents.poll import Choose
from mifeng.content.mimi import MimiContent, SinglePart, encode_mimi
from mifeng.core import outbox
from mifeng.core.events import NewEntry
from mifeng.core.rows import Condition, TimelineRecord
from mifeng_crypto.ids import MemberId, UnitId
from mifeng_crypto.ledger.charter_entry import Grant, SetPolicy, UnitRole
from mifeng_crypto.ledger.policy import DEFAULT_POLICY, Posting
from mifeng_crypto.log import AuthenticatedData, EntryKind, Purpose
from mifeng_crypto.mls.wire.framing import PrivateMessage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.tls import decode
from tests.client.core.world import TITLE, Desk, World

NAMED = bytes([1]) + bytes(31)


@pytest.fixture
def world() -> World:
    world = World()
    world.amend(Grant(world.ben_person.member_id, UnitRole.READER))
    return world


def origin(desk: Desk) -> Origin:
    profile = desk.profile
    return Origin(
        workspace_id=profile.workspace_id, unit_id=desk.unit.unit_id, member_id=profile.member_id
    )


def arrives(world: World, by: Desk, said: bytes) -> tuple[Purpose, TimelineRecord]:
    """What it is sent as, and what becomes of it at everybody's."""
    by.queue(said)
    sealed = by.seal()
    message = decode(MLSMessage, sealed).message
    assert isinstance(message, PrivateMessage)
    purpose = decode(AuthenticatedData, message.authenticated_data).purpose
    entry = world.accept(EntryKind.MESSAGE, sealed, by)
    records = [
        event.entry
        for desk in world.everybody
        for event in desk.apply(entry).events
        if isinstance(event, NewEntry)
    ]
    return purpose, records[0 if by is not world.ada else 1]


def statement(world: World, by: Desk, body: StatementBody, **bent: object) -> Statement:
    made: dict[str, object] = {
        "version": 1,
        "workspace_id": world.company.workspace_id,
        "unit_id": world.unit_id,
        "member_id": by.profile.member_id,
        "device_id": by.profile.device_id,
        "time": world.company.now,
        "subject": None,
        "body": body,
    }
    return sign_statement(StatementTBS(**(made | bent)), by.profile.signature_key)  # type: ignore[arg-type]


def sends(world: World, by: Desk, document: Document) -> TimelineRecord:
    said = content.encode_work(document, origin=origin(by), rng=world.company.rng)
    return arrives(world, by, said)[1]


def everybody(world: World) -> tuple[MemberId, ...]:
    return tuple(sorted(desk.profile.member_id for desk in world.everybody))


def test_an_announcement_arrives_with_exactly_those_in_the_tree(world: World) -> None:
    body = Announcement("Drill", "", (), ())
    short = dataclasses.replace(body, readers=(world.company.ada.member_id,))
    record = sends(world, world.ada, statement(world, world.ada, short))
    assert record.condition is Condition.READ
    got = content.decode(record.content, origin=origin(world.ada)).document
    assert isinstance(got, Statement)
    assert isinstance(got.body, Announcement)
    assert got.body.readers == everybody(world)


@pytest.mark.parametrize("kind", ["announcement", "poll"])
def test_a_list_that_leaves_somebody_out_is_named_content_7(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(outbox, "addressed", lambda said, *_, **__: said)
    alone = (world.company.ada.member_id,)
    made: Document = Poll("Tea?", ("yes", "no"), Choose.ONE, None, alone)
    if kind == "announcement":
        made = statement(world, world.ada, Announcement("Drill", "", alone, ()))
    record = sends(world, world.ada, made)
    assert (record.condition, record.content) == (Condition.MALFORMED, b"")
    assert "CONTENT-7" in record.reason


@pytest.mark.parametrize(
    "bent", [{"member_id": MemberId(bytes(16))}, {"unit_id": UnitId(bytes(16))}, {"time": 1}]
)
def test_a_statement_that_is_not_its_senders_is_named_content_6(
    world: World, monkeypatch: pytest.MonkeyPatch, bent: dict[str, object]
) -> None:
    monkeypatch.setattr(outbox, "addressed", lambda said, *_, **__: said)
    good = statement(world, world.ada, Announcement("Drill", "", everybody(world), ()))
    tbs = dataclasses.replace(good.tbs, **bent)  # type: ignore[arg-type]
    forged = (
        Statement(tbs, good.signature)
        if "time" in bent
        else statement(world, world.ada, tbs.body, **bent)
    )
    record = sends(world, world.ada, forged)
    assert record.condition is Condition.MALFORMED
    assert "CONTENT-6" in record.reason


def test_content_that_lies_about_its_type_is_named_content_5(world: World) -> None:
    for data, kind in ((b"rubbish", "poll"), (b"", "announcement"), (bytes(9), "template")):
        part = SinglePart(content_type=f"{MARK}{kind};version=1", content=data)
        said = encode_mimi(MimiContent(salt=world.company.rng(16), body=part))
        record = arrives_raw(world, world.ada, said)
        assert record.condition is Condition.MALFORMED
        assert "CONTENT-5" in record.reason


def arrives_raw(world: World, by: Desk, said: bytes) -> TimelineRecord:
    """Sealed by a client that does not look at what it sends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox, "addressed", lambda content, *_, **__: content)
        return arrives(world, by, said)[1]


def test_only_managers_say_what_a_unit_is_called_content_8(world: World) -> None:
    world.amend(Grant(world.ben_person.member_id, UnitRole.MEMBER))
    profile = UnitProfile("Bees", "honey", "")
    record = sends(world, world.ben, profile)
    assert "CONTENT-8" in record.reason
    assert world.ada.unit.title == TITLE
    assert sends(world, world.ada, profile).condition is Condition.READ
    assert {(d.unit.title, d.unit.topic) for d in world.everybody} == {("Bees", "honey")}


def test_a_reader_confirms(world: World) -> None:
    confirmation = statement(world, world.ben, Confirmation(), subject=bytes(32))
    assert sends(world, world.ben, confirmation).condition is Condition.READ


def test_a_reader_reacts_and_takes_it_back(world: World) -> None:
    rng = world.company.rng
    heart = content.encode_reaction("❤", NAMED, origin=origin(world.ben), rng=rng)
    undone = content.encode_nothing(
        NAMED, in_reply_to=None, of_reaction=True, origin=origin(world.ben), rng=rng
    )
    for said in (heart, undone):
        purpose, record = arrives(world, world.ben, said)
        assert (purpose, record.condition, record.content) == (
            Purpose.RESPONSE,
            Condition.READ,
            said,
        )


def comment(world: World, by: Desk, topic: bytes = NAMED) -> bytes:
    in_thread = content.Refers(topic_id=topic)
    return content.encode_text("well", origin=origin(by), rng=world.company.rng, refers=in_thread)


def test_a_reader_comments_where_the_policy_says_so(world: World) -> None:
    world.amend(SetPolicy(dataclasses.replace(DEFAULT_POLICY, posting=Posting.COMMENTS)))
    said = comment(world, world.ben)
    purpose, record = arrives(world, world.ben, said)
    assert (purpose, record.condition, record.content) == (
        Purpose.RESPONSE,
        Condition.READ,
        said,
    )
    # a text elsewhere than in a thread is a post, whatever it is called
    purpose, record = arrives(world, world.ben, comment(world, world.ben, topic=b"no id"))
    assert (purpose, record.content) == (Purpose.POST, b"")
    assert "GATE-25" in record.reason


def test_a_comment_where_the_policy_lets_nobody_is_named_and_not_read_content_9(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_purpose", lambda *_: Purpose.RESPONSE)
    _, record = arrives(world, world.ben, comment(world, world.ben))
    assert (record.condition, record.content) == (Condition.MALFORMED, b"")
    assert "CONTENT-9" in record.reason


def test_who_may_post_tells_the_server_nothing_of_what_he_sends(world: World) -> None:
    rng = world.company.rng
    heart = content.encode_reaction("❤", NAMED, origin=origin(world.ada), rng=rng)
    purpose, record = arrives(world, world.ada, heart)
    assert (purpose, record.condition) == (Purpose.POST, Condition.READ)


def test_a_reader_who_posts_under_the_name_of_a_response_is_named_and_not_read_content_4(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = content.encode_text("hear me", origin=origin(world.ben), rng=world.company.rng)
    monkeypatch.setattr(outbox, "_purpose", lambda *_: Purpose.RESPONSE)
    _, record = arrives(world, world.ben, said)
    assert (record.condition, record.content) == (Condition.MALFORMED, b"")
    assert "CONTENT-4" in record.reason
    assert record.member_id == world.ben_person.member_id
