"""HISTORY-n: what was said before is shown only as what its author had accepted at its place."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from mifeng_crypto import gate, history
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.history import Handed, HistoryContext
from mifeng_crypto.ids import PROTOCOL_VERSION, UnixMillis
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import DEFAULT_POLICY, Posting
from mifeng_crypto.log import AuthenticatedData, EntryKind, LogEntry
from mifeng_crypto.tls import decode, encode
from tests.support.company import SUITE, Company
from tests.support.history import Before
from tests.support.unit import Unit


@pytest.fixture
def before() -> Before:
    before = Before()
    for n in range(3):
        before.say(before.ada, b"Ada %d" % n)
        before.say(before.bo, b"Bo %d" % n)
    return before


def refused(rule: str, before: Before, handed: Handed, **more: object) -> None:
    with pytest.raises(ProtocolError) as error:
        before.judge(handed, **more)  # type: ignore[arg-type]
    assert error.value.rule == rule


def test_what_was_said_is_believed_with_its_author_place_and_time(before: Before) -> None:
    for handed in before.said:
        judged = before.judge(handed)
        entry = before.unit.entries[handed.sequence - 1]
        who = before.ada if handed.content.startswith(b"Ada") else before.bo
        assert judged.member_id == who.member_id
        assert (judged.header, judged.size) == (entry.header, len(entry.content))
        assert judged.entry_hash == gate.header_hash(entry.header)
        assert judged.deadline == before.part([handed]).deadline


def test_messages_of_an_epoch_that_is_over_are_believed_as_well(before: Before) -> None:
    before.unit.send_commit(before.ada, before.unit.commit(before.ada))
    before.say(before.bo, b"in the next one")
    assert {before.judge(handed).said.version for handed in before.said} == {PROTOCOL_VERSION}


def test_a_log_that_does_not_lead_to_the_joining_is_not_believed(before: Before) -> None:
    """LOG-1 to LOG-4, backwards: whoever bends one header breaks the hash of the last."""
    bare, joined, group = before.bare(), before.joined(), before.unit.group
    assert gate.check_past(bare, group=group, joined=joined).first == 1
    assert gate.check_past(bare[4:], group=group, joined=joined).first == 5

    def refuses(rule: str, entries: list[LogEntry]) -> None:
        with pytest.raises(ProtocolError, match=rule):
            gate.check_past(entries, group=group, joined=joined)

    later = dataclasses.replace(bare[4].header, accepted_at=UnixMillis(0))
    refuses("LOG-3", [*bare[:4], LogEntry(later, b""), *bare[5:]])
    refuses("LOG-2", [*bare[:4], *bare[5:]])
    refuses("LOG-3", bare[:-1])
    refuses("LOG-3", [])
    other = dataclasses.replace(bare[4].header, group=dataclasses.replace(group, generation=1))
    refuses("LOG-1", [*bare[:4], LogEntry(other, b""), *bare[5:]])
    refuses("LOG-4", [LogEntry(bare[0].header, b"other heads"), *bare[1:]])


def test_a_log_in_which_an_epoch_comes_back_is_not_believed(before: Before) -> None:
    """LOG-6: a server that keeps a place for who goes on in an epoch that is over."""
    before.unit.send_commit(before.ada, before.unit.commit(before.ada))
    back = gate.next_header(
        before.joined(),
        group=before.unit.group,
        epoch=before.unit.entries[-1].header.epoch,  # of the commit: the one that it ended
        kind=EntryKind.MESSAGE,
        device_id=before.bo.device_id,
        accepted_at=before.company.now,
        content=b"of the epoch before",
    )
    before.unit.entries.append(LogEntry(back, b""))
    with pytest.raises(ProtocolError, match="LOG-6"):
        before.past()


def test_where_an_author_cannot_have_been_is_seen_log_8(before: Before) -> None:
    """In his epoch, and before his message; what is before all that is known nobody can tell."""
    unit, bo = before.unit, before.bo
    early = decode(AuthenticatedData, unit.said(bo)).log
    unit.send_commit(before.ada, unit.commit(before.ada))
    honest = decode(AuthenticatedData, unit.said(bo))
    began = honest.log.sequence

    def seen(log: Head) -> Handed:
        said = encode(dataclasses.replace(honest, log=log))
        return before.say(bo, b"?", said=said, force=True)

    assert before.judge(seen(honest.log)).said.log == honest.log
    late = seen(early)
    refused("LOG-8", before, late)
    refused("LOG-8", before, late, past=before.past(since=began))
    assert before.judge(late, past=before.past(since=began + 1)).said.log == early
    refused("LOG-8", before, seen(Head(unit.entries[-1].header.sequence + 5, bytes(32))))


def test_bytes_that_the_log_does_not_have_there_are_refused_history_7(before: Before) -> None:
    first, second = before.said[0], before.said[2]
    refused("HISTORY-7", before, first._replace(content=b"Ada 9"))
    refused("HISTORY-7", before, first._replace(sequence=second.sequence))
    part = before.part([first])
    refused("HISTORY-7", before, first._replace(sequence=9999), part=part)
    refused("HISTORY-7", before, first._replace(sequence=1))  # a `heads`
    for field, value in (
        ("padding", first.original.padding + 1),
        ("padding", 2**32 - 1),
        ("leaf_index", 7),
        ("signature", bytes(64)),
        ("key", bytes(16)),
        ("key", b"short"),
        ("sender_data", b"x"),
        ("context", dataclasses.replace(first.original.context, epoch=9)),
        ("context", dataclasses.replace(first.original.context, cipher_suite=2)),
    ):
        bent = dataclasses.replace(first.original, **{field: value})  # type: ignore[arg-type]
        if field == "leaf_index":  # stands in no byte that the log has: the signature covers it
            refused("HISTORY-8", before, first._replace(original=bent))
        else:
            refused("HISTORY-7", before, first._replace(original=bent))


def test_what_another_signed_is_not_shown_under_the_logs_name_history_8(before: Before) -> None:
    """A member and a server that puts his words into the log under Ada's device."""
    forged = before.say(before.bo, b"I resign", as_device=before.ada.device_id, force=True)
    refused("HISTORY-8", before, forged)


def test_who_was_not_in_the_unit_then_is_not_shown_history_9(before: Before) -> None:
    """Bo is revoked; with the server's help he goes on in the old epoch."""
    before.company.revoke(before.unit.unit_id, before.bo)
    before.unit.write_heads()
    ghost = before.say(before.bo, b"still here", force=True)
    refused("HISTORY-9", before, ghost)
    assert before.judge(before.said[1]).member_id == before.bo.member_id


def test_without_the_heads_that_judged_it_its_authors_own_count_history_9(before: Before) -> None:
    early = before.said[1]
    past = before.past(since=early.sequence)
    assert not past.heads
    assert before.judge(early, past=past).member_id == before.bo.member_id
    before.company.revoke(before.unit.unit_id, before.bo)
    said = decode(AuthenticatedData, before.unit.said(before.ada))
    ghost = before.say(before.bo, b"still here", said=encode(said), force=True)
    refused("HISTORY-9", before, ghost, past=before.past(since=ghost.sequence))


def test_nothing_lives_longer_than_where_it_came_from_history_10(before: Before) -> None:
    handed = before.said[0]
    part = before.part([handed])
    refused("HISTORY-10", before, handed, part=before.later(part, 1))
    refused("HISTORY-10", before, handed, part=dataclasses.replace(part, slot=part.slot + 1))
    shorter = before.later(part, -1)
    assert before.judge(handed, part=shorter).deadline == shorter.deadline


def test_what_its_author_says_that_it_had_seen_is_held_against_the_past(before: Before) -> None:
    honest = decode(AuthenticatedData, before.unit.said(before.bo))
    for rule, said in (
        ("GATE-20", b"nothing"),
        ("GATE-21", encode(dataclasses.replace(honest, time=UnixMillis(0)))),
        ("LEDGER-8", encode(dataclasses.replace(honest, roster=Head(1, b"x" * 32)))),
        ("LEDGER-8", encode(dataclasses.replace(honest, charter=Head(1, b"x" * 32)))),
        ("LOG-8", encode(dataclasses.replace(honest, log=Head(3, b"x" * 32)))),
    ):
        refused(rule, before, before.say(before.bo, b"?", said=said, force=True))


def test_what_a_reader_posted_is_not_shown_later_either(before: Before) -> None:
    company = Company()
    policy = dataclasses.replace(DEFAULT_POLICY, posting=Posting.PUBLISHERS)
    channel = Before(company, Unit(company, policy=policy))
    company.grant(channel.unit.unit_id, channel.bo, UnitRole.READER)
    channel.unit.write_heads()
    refused("GATE-25", channel, channel.say(channel.bo, b"a post", force=True))


# ------------------------------------------------------------------ parts and keys


def test_a_part_is_what_it_is_called_history_6(before: Before) -> None:
    data, part, group = (
        history.pack(before.unit.group, before.said),
        before.part(),
        before.unit.group,
    )
    end = before.said[-1].sequence + 1
    assert history.open_blob(data, part, group=group, before=end) == before.said
    blob = decode(history.HistoryBlob, data)
    swapped = (blob.messages[1], blob.messages[0], *blob.messages[2:])
    twice = (blob.messages[0], *blob.messages[:-1])
    lost = dataclasses.replace(blob.messages[0], context=9)
    for bent in (
        b"",
        data[:-1],
        data + b"\0",
        encode(dataclasses.replace(blob, version=2)),
        encode(dataclasses.replace(blob, group=dataclasses.replace(group, generation=1))),
        encode(dataclasses.replace(blob, messages=())),
        encode(dataclasses.replace(blob, messages=blob.messages[1:])),
        encode(dataclasses.replace(blob, messages=swapped)),
        encode(dataclasses.replace(blob, messages=twice)),
        encode(dataclasses.replace(blob, messages=(lost, *blob.messages[1:]))),
    ):
        with pytest.raises(ProtocolError, match="HISTORY-6"):
            history.open_blob(bent, part, group=group, before=end)
    with pytest.raises(ProtocolError, match="HISTORY-6"):
        history.open_blob(data, part, group=group, before=end - 1)


def test_keys_open_only_for_the_device_joining_and_parts_that_they_are_for_history_5(
    before: Before,
) -> None:
    parts = (before.part(before.said[:2]), before.part(before.said[2:]))
    secrets = [b"1" * 32, b"2" * 32]
    both = history.seal_keys(secrets, parts, rng=before.company.rng)
    key, keys = both[:32], both[32:]
    context = HistoryContext(
        version=PROTOCOL_VERSION,
        workspace_id=before.company.roster.workspace_id,
        group=before.unit.group,
        joined=before.joined(),
        giver=before.ada.device_id,
        receiver=before.bo.device_id,
        keys_hash=history.keys_hash(keys),
    )
    box = history.seal_box(key, before.bo.device.hpke_key, context)
    opened = history.open_keys(box, keys, parts, context=context, hpke_key=before.bo.hpke_key)
    assert opened == secrets
    assert secrets[0] not in box + keys
    bends: tuple[dict[str, Any], ...] = (
        {"hpke_key": before.ada.hpke_key},
        {"context": dataclasses.replace(context, joined=Head(1, bytes(32)))},
        {"context": dataclasses.replace(context, giver=before.bo.device_id)},
        {"context": dataclasses.replace(context, receiver=before.ada.device_id)},
        {"keys": keys[:-1] + bytes([keys[-1] ^ 1])},
        {"keys": b""},
        {"parts": parts[::-1]},
        {"parts": parts[:1]},
        {"sealed": b""},
    )
    for bent in bends:
        asked: dict[str, Any] = {"sealed": box, "keys": keys, "parts": parts, "context": context}
        asked |= {"hpke_key": before.bo.hpke_key, **bent}
        with pytest.raises(ProtocolError, match="HISTORY-5"):
            history.open_keys(asked.pop("sealed"), asked.pop("keys"), asked.pop("parts"), **asked)


def test_originals_do_not_show_their_keys(before: Before) -> None:
    handed = before.said[0]
    blob = decode(history.HistoryBlob, history.pack(before.unit.group, before.said))
    for shown in (repr(handed.original), repr(blob.messages[0])):
        assert repr(bytes(handed.original.key))[2:-1] not in shown
    assert before.unit.charter.cipher_suite == SUITE
