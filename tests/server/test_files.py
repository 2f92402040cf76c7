"""Files: tus uploads that are cut off and go on, ranges, shares, and the clock of a message."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest

from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import Problem
from mifeng_crypto.expiry import retain_until
from mifeng_server.domain.purge import sweep
from mifeng_server.domain.rows import FileRow
from tests.support.patience import PATIENCE_S
from tests.support.peer import Peer, RefusedError
from tests.support.server import ManualClock, RunningServer

Two = tuple[Peer, Peer, bytes]
DAY = 86_400
DATA = os.urandom(5_000_000)


async def _offset(peer: Peer, file_id: bytes) -> tuple[int, int]:
    headers: dict[str, str | None] = {"Tus-Resumable": "1.0.0"}
    status, _, got = await peer.raw("HEAD", f"/v1/files/{file_id.hex()}", headers=headers)
    assert status == 200
    return int(got["Upload-Offset"]), int(got["Upload-Length"])


async def _read(peer: Peer, file_id: bytes, span: str | None = None) -> tuple[int, bytes, str]:
    headers = {"Range": span}
    status, data, got = await peer.raw("GET", f"/v1/files/{file_id.hex()}", headers=headers)
    return status, data, got.get("Content-Range", "")


async def _share(peer: Peer, file_id: bytes) -> bytes:
    return (await peer.call("share", m.ShareReply, path={"file_id": file_id})).share


def _code(raw: bytes) -> str:
    return msgspec.json.decode(raw, type=Problem).code


async def test_a_file_goes_up_in_pieces_and_down_in_ranges(two: Two) -> None:
    ann, bob, unit_id = two
    file_id = await ann.open_upload(unit_id, len(DATA))
    for at in range(0, len(DATA), 2_000_000):
        assert await _offset(ann, file_id) == (at, len(DATA))
        status, _, headers = await ann.patch(file_id, at, DATA[at : at + 2_000_000])
        assert status == 204
        assert int(headers["Upload-Offset"]) == min(at + 2_000_000, len(DATA))
    await ann.send(unit_id, files=[file_id])
    assert await _read(bob, file_id) == (200, DATA, "")
    for span, start, end in (
        ("bytes=0-0", 0, 1),
        ("bytes=4194300-4194310", 4_194_300, 4_194_311),
        ("bytes=4999999-", 4_999_999, 5_000_000),
        ("bytes=-3", 4_999_997, 5_000_000),
        ("bytes=10-99999999", 10, 5_000_000),
    ):
        expected = f"bytes {start}-{end - 1}/{len(DATA)}"
        assert await _read(bob, file_id, span) == (206, DATA[start:end], expected)
    assert await _share(ann, file_id) == await _share(bob, file_id)


@pytest.mark.parametrize(
    "span", ["bytes=5-2", "bytes=99-", "bytes=0-1,3-4", "lines=1-2", "bytes=-"]
)
async def test_a_range_without_bytes_or_with_several_parts_is_malformed(
    two: Two, span: str
) -> None:
    ann, _, unit_id = two
    file_id = await ann.upload(unit_id, b"x" * 50)
    status, raw, _ = await _read(ann, file_id, span)
    assert (status, _code(raw)) == (400, "malformed")


def _first_chunk(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return what is set once the server has taken in something of an upload, and asks for more."""
    taken, append = asyncio.Event(), server.house.blobs.append

    async def watched(key: bytes, at: int, chunks: AsyncIterator[bytes], **more: Any) -> int:  # noqa: ANN401 - of `append`
        async def one_by_one() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                yield chunk
                taken.set()

        return await append(key, at, one_by_one(), **more)

    monkeypatch.setattr(server.house.blobs, "append", watched)
    return taken


async def test_an_upload_that_is_cut_off_goes_on_from_where_it_was(
    server: RunningServer, two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, len(DATA))
    taken = _first_chunk(server, monkeypatch)

    async def cut_off() -> AsyncIterator[bytes]:
        yield DATA[:1_000_000]
        await taken.wait()
        raise ConnectionResetError

    with pytest.raises((aiohttp.ClientError, ConnectionResetError)):
        await ann.patch(file_id, 0, cut_off())
    async with asyncio.timeout(PATIENCE_S):
        while not (offset := (await _offset(ann, file_id))[0]):
            await asyncio.sleep(0.02)
    assert 0 < offset <= 1_000_000
    status, _, _ = await ann.patch(file_id, offset, DATA[offset:])
    assert status == 204
    assert (await _read(ann, file_id))[1] == DATA


async def test_offsets_and_lengths_that_lie_are_refused(two: Two) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, 100)
    await ann.patch(file_id, 0, b"x" * 60)
    for offset in (0, 59, 61, 100):
        status, raw, _ = await ann.patch(file_id, offset, b"y" * 10)
        assert (status, _code(raw)) == (409, "offset_mismatch")
    status, raw, _ = await ann.patch(file_id, 60, b"y" * 41)
    assert (status, _code(raw)) == (413, "too_large")
    status, raw, _ = await ann.patch(file_id, 60, b"y", **{"Content-Type": "text/plain"})
    assert (status, _code(raw)) == (415, "unsupported_media_type")
    status, raw, _ = await ann.patch(file_id, 60, b"y", **{"Tus-Resumable": "0.2.2"})
    assert (status, _code(raw)) == (400, "malformed")
    for length in (0, 1 << 50):
        with pytest.raises(RefusedError, match="too_large"):
            await ann.open_upload(unit_id, length)
    assert (await _offset(ann, file_id))[0] == 60
    status, raw, _ = await _read(ann, file_id)
    assert (status, _code(raw)) == (409, "offset_mismatch")


async def test_pieces_without_a_byte_hold_nobody_up(two: Two) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, len(DATA))
    for _ in range(3):
        assert (await ann.patch(file_id, 0, b""))[0] == 204
    assert await _offset(ann, file_id) == (0, len(DATA))


async def test_opening_an_upload_again_with_its_key_opens_no_second_one(two: Two) -> None:
    ann, _, unit_id = two
    headers: dict[str, str | None] = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": "10",
        "Idempotency-Key": "k",
    }
    where = f"/v1/units/{unit_id.hex()}/files"
    first = (await ann.raw("POST", where, headers=headers))[2]["Location"]
    assert (await ann.raw("POST", where, headers=headers))[2]["Location"] == first
    status, raw, _ = await ann.raw("POST", where, headers=headers | {"Upload-Length": "11"})
    assert (status, _code(raw)) == (409, "idempotency_mismatch")


async def test_until_a_message_names_it_an_upload_is_its_members_own(two: Two) -> None:
    ann, bob, unit_id = two
    file_id = await ann.upload(unit_id, b"sealed")
    assert (await _read(bob, file_id))[0] == 404
    assert (await bob.refused("share", path={"file_id": file_id})).code == "not_found"
    assert (await bob.patch(file_id, 6, b""))[0] == 404
    with pytest.raises(RefusedError) as caught:
        await bob.send(unit_id, files=[file_id])
    assert (caught.value.code, caught.value.rule) == ("refused", "UPLOAD-1")
    await bob.catch_up(unit_id)
    reply = await ann.send(unit_id, files=[file_id])
    assert (await _read(bob, file_id))[1] == b"sealed"
    assert reply.retain_until == retain_until(ann.now, 3 * DAY)


async def test_a_message_names_only_whole_files_of_its_unit(two: Two) -> None:
    ann, _, unit_id = two
    half = await ann.open_upload(unit_id, 10)
    await ann.patch(half, 0, b"12345")
    named = await ann.upload(unit_id, b"x")
    await ann.send(unit_id, files=[named])
    await ann.catch_up(unit_id)
    for wrong in ([half], [half, named], [bytes(16)]):
        with pytest.raises(RefusedError, match="UPLOAD-1"):
            await ann.send(unit_id, files=wrong)


async def test_a_file_lives_as_long_as_its_message_and_then_is_gone(
    server: RunningServer, two: Two, clock: ManualClock
) -> None:
    ann, bob, unit_id = two
    clock.advance(1234)
    file_id = await ann.upload(unit_id, DATA)
    clock.advance(23 * 3600)
    await ann.login()
    reply = await ann.send(unit_id, files=[file_id])
    assert reply.retain_until >= ann.now + 3 * DAY * 1000
    clock.advance((reply.retain_until - ann.now) / 1000 - 1)
    await bob.login()
    assert (await server.purge()).files == 0
    assert (await _read(bob, file_id))[1] == DATA
    share = await _share(bob, file_id)
    clock.advance(1)
    status, raw, _ = await _read(bob, file_id)
    assert (status, _code(raw)) == (410, "gone")
    assert (await bob.refused("share", path={"file_id": file_id})).code == "gone"
    clock.advance(14 * 60)
    await server.purge()  # the server may have been first
    assert (await _read(bob, file_id))[0] == 404
    assert await server.house.blobs.keys() == frozenset()
    assert await server.house.shares.names() == frozenset()
    for path in server.folder.rglob("*"):
        assert not path.is_file() or share not in path.read_bytes(), path


async def test_an_upload_that_nobody_names_is_dropped_after_24_hours(
    server: RunningServer, two: Two, clock: ManualClock
) -> None:
    ann, _, unit_id = two
    file_id = await ann.upload(unit_id, b"forgotten")
    clock.advance(DAY - 1)
    await server.purge()
    await ann.login()
    assert (await _read(ann, file_id))[0] == 200
    clock.advance(62)
    await server.purge()
    assert await server.house.store.get(FileRow, file_id) is None
    assert await server.house.shares.names() == frozenset()


async def test_shares_are_never_in_the_database(server: RunningServer, two: Two) -> None:
    ann, _, unit_id = two
    file_id = await ann.upload(unit_id, b"x")
    await ann.send(unit_id, files=[file_id])
    share = await _share(ann, file_id)
    await server.house.store.settle()
    for path in server.folder.glob("server.db*"):
        assert share not in path.read_bytes()
    assert share not in (server.folder / "vault").read_bytes()


async def test_a_file_that_was_damaged_on_the_servers_disk_is_named(
    server: RunningServer, two: Two
) -> None:
    ann, _, unit_id = two
    file_id = await ann.upload(unit_id, b"x" * 1000)
    part = server.folder / "blobs" / file_id.hex() / "00000000"
    part.write_bytes(b"x" * 999)
    status, raw, _ = await _read(ann, file_id)
    assert (status, _code(raw)) == (409, "offset_mismatch")


async def test_a_posted_file_that_has_shrunk_on_the_servers_disk_is_the_operators_affair(
    server: RunningServer, two: Two
) -> None:
    ann, bob, unit_id = two
    file_id = await ann.upload(unit_id, b"x" * 1000)
    await ann.send(unit_id, files=[file_id])
    (server.folder / "blobs" / file_id.hex() / "00000000").write_bytes(b"x" * 999)
    status, raw, _ = await _read(bob, file_id)
    assert (status, _code(raw)) == (500, "internal")


async def test_what_a_crash_left_over_is_swept_away_at_the_next_start(
    server: RunningServer, two: Two
) -> None:
    ann, _, unit_id = two
    kept = await ann.upload(unit_id, b"x")
    await server.house.shares.put(b"l" * 16, bytes(32), deadline=2**50)

    async def one() -> AsyncIterator[bytes]:
        yield b"left over"

    await server.house.blobs.append(b"l" * 16, 0, one())
    await sweep(server.house, server.clock)
    assert await server.house.shares.names() == {kept}
    assert await server.house.blobs.keys() == {kept}


async def test_a_stock_tus_client_learns_what_there_is(founder: Peer) -> None:
    status, _, headers = await founder.raw("OPTIONS", "/v1/files")
    assert status == 204
    assert headers["Tus-Version"] == "1.0.0"
    assert "creation" in headers["Tus-Extension"]


async def test_a_sender_who_never_ends_does_not_hold_up_the_purge(
    server: RunningServer, two: Two, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, 1_000_000)
    taken, over = _first_chunk(server, monkeypatch), asyncio.Event()

    async def for_ever() -> AsyncIterator[bytes]:
        yield b"x"
        await over.wait()
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    sending = asyncio.create_task(ann.patch(file_id, 0, for_ever()))
    await taken.wait()
    clock.advance(DAY + 62)
    over.set()
    async with asyncio.timeout(PATIENCE_S):
        await server.purge()
        status, raw, _ = await sending
    assert (status, _code(raw)) == (410, "gone")
    assert await server.house.blobs.keys() == frozenset()


async def test_a_file_that_breaks_off_in_the_middle_is_never_filled_up_with_something_else(
    server: RunningServer, two: Two
) -> None:
    ann, _, unit_id = two
    file_id = await ann.upload(unit_id, DATA)
    first, second = sorted((server.folder / "blobs" / file_id.hex()).iterdir())
    first.write_bytes(first.read_bytes()[:-1])
    second.write_bytes(second.read_bytes() + b"x")
    url = f"{server.url}/v1/files/{file_id.hex()}"
    headers = {"Mifeng-Protocol": "1", "Authorization": f"Bearer {ann.token}"}
    got = bytearray()

    async def read() -> None:
        async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as response:
            async for piece in response.content.iter_any():
                got.extend(piece)

    with pytest.raises(aiohttp.ClientError):
        await read()
    assert DATA.startswith(got)
