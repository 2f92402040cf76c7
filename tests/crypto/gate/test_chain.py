"""LOG-n: the hash chain of a unit's log, and where a sender says that it stood."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng_crypto import gate
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate import LogPosition
from mifeng_crypto.ids import DeviceId, GroupId, UnitId, UnixMillis
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.log import EntryKind, LogEntry, LogHeader

GROUP = GroupId(UnitId(b"u" * 16), 0)
BO = DeviceId(b"b" * 16)
GENESIS = gate.genesis_of_log(b"group info")


def entry(
    log: Head = GENESIS,
    content: bytes = b"content",
    *,
    kind: EntryKind = EntryKind.MESSAGE,
    device_id: DeviceId = BO,
) -> LogEntry:
    header = gate.next_header(
        log,
        group=GROUP,
        epoch=3,
        kind=kind,
        device_id=device_id,
        accepted_at=UnixMillis(1000),
        content=content,
    )
    return LogEntry(header, content)


def check(entry: LogEntry, log: Head = GENESIS) -> Head:
    return gate.check_chain(log, entry, group=GROUP, epoch=3, after=UnixMillis(1000))


def refused(rule: str, entry: LogEntry) -> None:
    with pytest.raises(ProtocolError) as error:
        check(entry)
    assert error.value.rule == rule


def altered(**changes: object) -> LogEntry:
    fine = entry()
    header: LogHeader = dataclasses.replace(fine.header, **changes)  # type: ignore[arg-type]
    return LogEntry(header, fine.content)


def test_a_log_begins_with_the_group_info_that_founded_it() -> None:
    assert Head(0, hashlib.sha256(b"group info").digest()) == GENESIS
    first = entry()
    assert first.header.previous == GENESIS.hash
    assert check(first) == Head(1, gate.header_hash(first.header))


def test_an_entry_of_another_log_is_refused_log_1() -> None:
    refused("LOG-1", altered(group=GroupId(GROUP.unit_id, 1)))


@pytest.mark.parametrize("sequence", [0, 2, 7])
def test_an_entry_out_of_order_is_refused_log_2(sequence: int) -> None:
    refused("LOG-2", altered(sequence=sequence))


def test_an_entry_of_a_forked_log_is_refused_log_3() -> None:
    refused("LOG-3", altered(previous=bytes(32)))
    other = entry(gate.genesis_of_log(b"another group info"))
    refused("LOG-3", other)


def test_an_altered_content_is_refused_log_4() -> None:
    fine = entry()
    refused("LOG-4", LogEntry(fine.header, b"Content"))


def test_only_a_messages_content_may_be_gone_log_4() -> None:
    assert check(LogEntry(entry().header, b"")).sequence == 1
    for kind, device_id in ((EntryKind.COMMIT, BO), (EntryKind.HEADS, gate.NO_DEVICE)):
        refused("LOG-4", LogEntry(entry(kind=kind, device_id=device_id).header, b""))


def test_an_entry_accepted_before_its_predecessor_is_refused_log_5() -> None:
    refused("LOG-5", altered(accepted_at=UnixMillis(999)))


@pytest.mark.parametrize("epoch", [2, 4])
def test_an_entry_of_another_epoch_is_refused_log_6(epoch: int) -> None:
    refused("LOG-6", altered(epoch=epoch))


def test_only_heads_are_made_by_no_device_log_7() -> None:
    refused("LOG-7", entry(device_id=gate.NO_DEVICE))
    refused("LOG-7", entry(kind=EntryKind.HEADS))
    check(entry(kind=EntryKind.HEADS, device_id=gate.NO_DEVICE))


def test_a_position_knows_every_hash_since_the_commit_that_began_the_epoch_log_8() -> None:
    position = LogPosition.begin(GENESIS)
    heads = [position.head]
    for n in range(4):
        position = position.grown(entry(position.head, bytes([n])).header)
        heads.append(position.head)
    for head in heads:
        position.check_has(head)
    commit = entry(position.head, kind=EntryKind.COMMIT)
    position = position.grown(commit.header)
    position.check_has(position.head)
    for head in heads:  # nobody could have encrypted in this epoch who had seen no more than that
        with pytest.raises(ProtocolError, match="LOG-8"):
            position.check_has(head)


def test_a_position_of_another_log_or_ahead_of_this_one_is_refused_log_8() -> None:
    position = LogPosition.begin(GENESIS).grown(entry().header)
    with pytest.raises(ProtocolError, match="LOG-8"):
        position.check_has(Head(1, bytes(32)))
    with pytest.raises(ProtocolError, match="LOG-8"):
        position.check_has(Head(2, bytes(32)))


def test_two_positions_that_grow_out_of_one_do_not_see_each_other() -> None:
    common = LogPosition.begin(GENESIS)
    left = common.grown(entry(content=b"left").header)
    right = common.grown(entry(content=b"right").header)
    assert common.head == GENESIS
    left.check_has(left.head)
    right.check_has(right.head)
    with pytest.raises(ProtocolError, match="LOG-8"):
        left.check_has(right.head)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_no_altered_header_has_the_same_hash(at: int, flip: int) -> None:
    header = entry().header
    raw = bytearray(header.content_hash + header.previous)
    raw[at % 64] ^= flip
    other = dataclasses.replace(header, content_hash=bytes(raw[:32]), previous=bytes(raw[32:]))
    assert gate.header_hash(other) != gate.header_hash(header)
