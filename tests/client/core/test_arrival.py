"""What only a reader can judge, judged as it arrives: by tree and roles of that moment."""

from __future__ import annotations

import pytest

from mifeng import content
from mifeng.content import Origin
from mifeng.core import outbox
from mifeng.core.events import NewEntry
from mifeng.core.rows import Condition, TimelineRecord
from mifeng_crypto.ledger.charter_entry import Grant, UnitRole
from mifeng_crypto.log import AuthenticatedData, EntryKind, Purpose
from mifeng_crypto.mls.wire.framing import PrivateMessage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.tls import decode
from tests.client.core.world import Desk, World

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
    return purpose, records[0 if by is world.ben else 1]


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
