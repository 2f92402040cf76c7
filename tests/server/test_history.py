"""What the server knows of a history that is handed over: how long its parts live, and for whom."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import Problem
from mifeng_crypto.expiry import retain_until
from mifeng_crypto.history import MAX_BLOB_BYTES
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.charter_entry import SetPolicy
from mifeng_crypto.ledger.policy import DEFAULT_POLICY, History
from mifeng_crypto.log import EntryKind, LogEntry
from mifeng_crypto.tls import decode
from mifeng_server.domain.rows import FileRow
from tests.support.connection import RefusedError
from tests.support.peer import Peer, founded, peer_of
from tests.support.server import ManualClock, RunningServer

Two = tuple[Peer, Peer, bytes]
DAY = 86_400


async def opens(peer: Peer, unit_id: bytes, original: int, length: int = 6) -> bytes:
    status, raw, headers = await peer.raw(
        "POST",
        f"/v1/units/{unit_id.hex()}/files",
        headers={
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(length),
            "Mifeng-Original": str(original),
        },
    )
    if status != 201:
        raise RefusedError(msgspec.json.decode(raw, type=Problem), headers)
    return bytes.fromhex(headers["Location"].rpartition("/")[2])


async def brings(peer: Peer, unit_id: bytes, original: int) -> bytes:
    file_id = await opens(peer, unit_id, original)
    assert (await peer.patch(file_id, 0, b"sealed"))[0] == 204
    return file_id


async def says(peer: Peer, unit_id: bytes, *others: Peer, files: tuple[bytes, ...] = ()) -> int:
    """Post, and return the message's number."""
    await peer.send(unit_id, files=files)
    for one in (peer, *others):
        await one.catch_up(unit_id)
    return peer.units[unit_id].log.sequence


async def row_of(server: RunningServer, file_id: bytes) -> FileRow:
    await server.house.store.settle()
    row = await server.house.store.get(FileRow, file_id)
    assert row is not None
    return row


async def test_a_part_lives_as_long_as_its_original_whatever_names_it(
    server: RunningServer, two: Two, clock: ManualClock
) -> None:
    ann, bob, unit_id = two
    end = retain_until(ann.now, 3 * DAY)
    first = await says(ann, unit_id, bob)
    clock.advance(40 * 3600)
    await ann.login()
    await bob.login()
    part = await brings(ann, unit_id, first)
    assert (await row_of(server, part)).deadline == ann.now + DAY * 1000
    await says(ann, unit_id, bob, files=(part,))
    row = await row_of(server, part)
    assert (row.retain_until, row.deadline) == (end, end)
    assert (await bob.call("share", m.ShareReply, path={"file_id": part})).share
    await says(bob, unit_id, ann, files=(part,))  # keeping it brings it nothing
    row = await row_of(server, part)
    assert (row.retain_until, row.deadline) == (end, end)
    clock.advance((end - ann.now) / 1000 + 61)
    await server.purge()
    await bob.login()
    with pytest.raises(RefusedError) as caught:
        await bob.call("share", m.ShareReply, path={"file_id": part})
    assert caught.value.code == "not_found"
    assert part not in await server.house.shares.names()


async def test_a_part_that_ends_within_a_day_is_not_kept_for_one(
    server: RunningServer, two: Two, clock: ManualClock
) -> None:
    ann, bob, unit_id = two
    end = retain_until(ann.now, 3 * DAY)
    first = await says(ann, unit_id, bob)
    clock.advance((end - ann.now) / 1000 - 3600)
    await ann.login()
    part = await opens(ann, unit_id, first)
    assert (await row_of(server, part)).deadline == end


async def test_a_part_is_of_a_message_that_is_there_upload_3(two: Two, clock: ManualClock) -> None:
    ann, bob, unit_id = two
    end = retain_until(ann.now, 3 * DAY)
    first = await says(ann, unit_id, bob)
    for number in (1, first - 1, first + 1):  # a `heads`, a commit, nothing
        with pytest.raises(RefusedError) as caught:
            await opens(ann, unit_id, number)
        assert caught.value.rule == "UPLOAD-3"
    other = await ann.create_unit()
    with pytest.raises(RefusedError, match="UPLOAD-3"):
        await opens(ann, other, first)
    with pytest.raises(RefusedError) as caught:
        await opens(ann, unit_id, first, MAX_BLOB_BYTES + 1)
    assert caught.value.code == "too_large"
    clock.advance((end - ann.now) / 1000)
    await ann.login()
    with pytest.raises(RefusedError, match="UPLOAD-3"):
        await opens(ann, unit_id, first)


async def test_nobody_from_outside_brings_a_part(server: RunningServer, two: Two) -> None:
    ann, bob, unit_id = two
    first = await says(ann, unit_id, bob)
    async with peer_of(server) as eve:
        member_id, key = await ann.invite()
        await eve.join_workspace(member_id, key, ann.known)
        with pytest.raises(RefusedError) as caught:
            await opens(eve, unit_id, first)
        assert caught.value.code == "not_found"


async def test_files_from_before_a_newcomer_are_not_his_unless_the_policy_says_so(
    server: RunningServer,
) -> None:
    async with founded(server) as ann, peer_of(server) as cy:
        unit_id = await ann.create_unit()
        old = await ann.upload(unit_id, b"sealed")
        await says(ann, unit_id, files=(old,))
        member_id, key = await ann.invite()
        await cy.join_workspace(member_id, key, ann.known)
        await ann.fetch_roster()
        await ann.add(unit_id, cy)
        asks = {"file_id": old}
        for what in ("share", "readers"):
            with pytest.raises(RefusedError) as caught:
                await cy.call(what, m.ShareReply, path=asks)
            assert caught.value.code == "not_found"
        assert (await cy.raw("GET", f"/v1/files/{old.hex()}"))[0] == 404
        assert (await ann.call("share", m.ShareReply, path=asks)).share
        await ann.catch_up(unit_id)
        new = await ann.upload(unit_id, b"sealed")
        await says(ann, unit_id, cy, files=(new,))
        with pytest.raises(RefusedError, match="UPLOAD-1"):
            await says(cy, unit_id, files=(old,))  # he does not give himself what is not his
        assert (await cy.call("share", m.ShareReply, path={"file_id": new})).share
        await says(ann, unit_id, cy, files=(old,))  # posted again: now it is for him as well
        assert (await cy.call("share", m.ShareReply, path=asks)).share
        # Who was out meanwhile is a newcomer.
        await ann.revoke(unit_id, cy.member_id)
        await ann.grant(unit_id, cy.member_id)
        with pytest.raises(RefusedError):
            await cy.call("share", m.ShareReply, path=asks)
        window = dataclasses.replace(DEFAULT_POLICY, history=History.WINDOW)
        await ann.append_charter(unit_id, SetPolicy(window))
        assert (await cy.call("share", m.ShareReply, path=asks)).share


async def test_a_bare_log_has_the_content_of_heads_alone(two: Two) -> None:
    ann, bob, unit_id = two
    for _ in range(3):
        await says(ann, unit_id, bob)
    path = {"unit_id": unit_id}
    full = await ann.call("log", m.LogReply, path=path)
    bare = await ann.call("log", m.LogReply, path=path, query="?bare=1")
    assert bare.head_sequence == full.head_sequence
    kinds = set()
    for one, other in zip(full.entries, bare.entries, strict=True):
        whole, entry = decode(LogEntry, one), decode(LogEntry, other)
        kinds.add(entry.header.kind)
        heads = entry.header.kind is EntryKind.HEADS
        assert entry == LogEntry(whole.header, whole.content if heads else b"")
    assert kinds == {EntryKind.HEADS, EntryKind.COMMIT, EntryKind.MESSAGE}
    assert UnixMillis(0) < decode(LogEntry, bare.entries[0]).header.accepted_at
