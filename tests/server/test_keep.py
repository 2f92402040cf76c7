"""A live file that is posted again: its clock starts anew, and it counts as who shows it last."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng_crypto.expiry import retain_until
from mifeng_crypto.ledger.policy import DEFAULT_POLICY, Keep
from mifeng_server.domain.quota import Quotas
from mifeng_server.domain.rows import FileRow
from tests.support.connection import RefusedError
from tests.support.peer import Peer, founded
from tests.support.server import ManualClock, RunningServer

Two = tuple[Peer, Peer, bytes]
DAY = 86_400


async def _posted(ann: Peer, unit_id: bytes, *others: Peer) -> bytes:
    file_id = await ann.upload(unit_id, b"sealed")
    await ann.send(unit_id, files=[file_id])
    for peer in (ann, *others):
        await peer.catch_up(unit_id)
    return file_id


async def _row(server: RunningServer, file_id: bytes) -> FileRow:
    await server.house.store.settle()
    row = await server.house.store.get(FileRow, file_id)
    assert row is not None
    return row


async def _bytes(peer: Peer, file_id: bytes) -> tuple[int, bytes]:
    status, data, _ = await peer.raw("GET", f"/v1/files/{file_id.hex()}")
    return status, data


async def _delete(peer: Peer, file_id: bytes) -> int:
    headers: dict[str, str | None] = {"Tus-Resumable": "1.0.0"}
    return (await peer.raw("DELETE", f"/v1/files/{file_id.hex()}", headers=headers))[0]


async def test_a_file_that_is_posted_again_lives_as_long_as_the_newer_message(
    server: RunningServer, two: Two, clock: ManualClock
) -> None:
    ann, bob, unit_id = two
    file_id = await _posted(ann, unit_id, bob)
    clock.advance(20 * 3600)
    await bob.login()
    reply = await bob.send(unit_id, files=[file_id])
    assert reply.retain_until == retain_until(bob.now, 3 * DAY)
    clock.advance((reply.retain_until - bob.now) / 1000 - 1)
    await server.purge()
    await ann.login()
    assert await _bytes(ann, file_id) == (200, b"sealed")
    clock.advance(62)
    await server.purge()  # the server may have been first
    assert (await _bytes(ann, file_id))[0] == 404
    assert await server.house.shares.names() == frozenset()


@pytest.mark.parametrize("moment", ["get", "put"])
async def test_a_recall_in_the_middle_of_a_message_leaves_no_share(
    server: RunningServer, two: Two, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    ann, bob, unit_id = two
    file_id = await _posted(ann, unit_id, bob)
    vault, recalled = server.house.shares, False
    honest = getattr(vault, moment)

    async def slowly(*args: bytes, **more: int) -> object:
        """The vault is asked, and before it answers the file's author has recalled it."""
        nonlocal recalled
        done = await honest(*args, **more)
        if not recalled:
            recalled = True
            assert await _delete(ann, file_id) == 204
        return done

    monkeypatch.setattr(vault, moment, slowly)
    with pytest.raises(RefusedError):
        await bob.send(unit_id, files=[file_id])
    assert await server.house.store.get(FileRow, file_id) is None
    assert await server.house.shares.names() == frozenset()


async def test_who_keeps_a_file_has_it_on_the_own_quota(server: RunningServer, two: Two) -> None:
    ann, bob, unit_id = two
    file_id = await _posted(ann, unit_id, bob)
    server.house.quotas = Quotas(member_bytes=5, unit_bytes=1_000)
    with pytest.raises(RefusedError, match="your files"):
        await bob.send(unit_id, files=[file_id])
    server.house.quotas = Quotas()
    await bob.send(unit_id, files=[file_id])
    assert (await _row(server, file_id)).member_id == bob.member_id


async def test_what_one_recalls_stays_for_the_other_as_long_as_it_was_promised_to_that_one(
    server: RunningServer, two: Two, clock: ManualClock
) -> None:
    ann, bob, unit_id = two
    file_id = await _posted(ann, unit_id, bob)
    first = (await _row(server, file_id)).retain_until
    clock.advance(20 * 3600)
    await bob.login()
    await ann.login()
    kept = await bob.send(unit_id, files=[file_id])
    assert await _delete(bob, file_id) == 204
    row = await _row(server, file_id)
    assert (row.member_id, row.retain_until) == (ann.member_id, first)
    assert await _bytes(bob, file_id) == (200, b"sealed")
    assert await _delete(bob, file_id) == 403
    assert kept.retain_until > first
    assert await _delete(ann, file_id) == 204
    assert (await _bytes(ann, file_id))[0] == 404
    assert await server.house.shares.names() == frozenset()


async def test_the_author_recalls_and_the_keepers_copy_stays(
    server: RunningServer, two: Two
) -> None:
    ann, bob, unit_id = two
    file_id = await _posted(ann, unit_id, bob)
    await bob.send(unit_id, files=[file_id])
    assert await _delete(ann, file_id) == 204
    assert await _bytes(ann, file_id) == (200, b"sealed")
    assert await _delete(bob, file_id) == 204
    assert (await _bytes(bob, file_id))[0] == 404


async def test_a_unit_whose_policy_denies_it_keeps_no_files_upload_2(
    server: RunningServer,
) -> None:
    async with founded(server) as ann:
        await ann.publish()
        unit_id = await ann.create_unit(dataclasses.replace(DEFAULT_POLICY, keep=Keep.DENIED))
        file_id = await _posted(ann, unit_id)
        with pytest.raises(RefusedError) as caught:
            await ann.send(unit_id, files=[file_id])
        assert caught.value.rule == "UPLOAD-2"


async def test_a_file_of_another_unit_is_not_kept(server: RunningServer, two: Two) -> None:
    ann, _, unit_id = two
    file_id = await _posted(ann, unit_id)
    other = await ann.create_unit()
    with pytest.raises(RefusedError, match="UPLOAD-1"):
        await ann.send(other, files=[file_id])


async def test_what_was_recalled_is_not_kept_any_more(two: Two) -> None:
    ann, bob, unit_id = two
    file_id = await _posted(ann, unit_id, bob)
    assert await _delete(ann, file_id) == 204
    with pytest.raises(RefusedError, match="UPLOAD-1"):
        await bob.send(unit_id, files=[file_id])
