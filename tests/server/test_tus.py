"""The extensions of tus 1.0.0, room for files, and a stock client that talks to us."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import msgspec
import pytest

from mifeng_crypto.api.problems import Problem
from mifeng_server.domain.digests import Digests
from mifeng_server.domain.memory import MemoryBlobs
from mifeng_server.domain.protocols import ConflictError, FullError
from mifeng_server.domain.quota import Quotas, check_room
from mifeng_server.domain.rows import FileRow
from tests.support.connection import RefusedError
from tests.support.peer import Peer
from tests.support.server import ManualClock, RunningServer

Two = tuple[Peer, Peer, bytes]
DATA = os.urandom(300_000)
TUS: dict[str, str | None] = {"Tus-Resumable": "1.0.0"}


def _code(raw: bytes) -> str:
    return msgspec.json.decode(raw, type=Problem).code


def _checksum(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


async def _offset(peer: Peer, file_id: bytes) -> int:
    _, _, headers = await peer.raw("HEAD", f"/v1/files/{file_id.hex()}", headers=TUS)
    return int(headers["Upload-Offset"])


async def _delete(peer: Peer, file_id: bytes) -> tuple[int, bytes]:
    status, raw, _ = await peer.raw("DELETE", f"/v1/files/{file_id.hex()}", headers=TUS)
    return status, raw


# ------------------------------------------------------------------ checksum


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
async def test_a_piece_with_the_right_checksum_is_kept(two: Two, algorithm: str) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, len(DATA))
    status, _, _ = await ann.patch(
        file_id, 0, DATA, **{"Upload-Checksum": _checksum(DATA, algorithm)}
    )
    assert status == 204
    assert await _offset(ann, file_id) == len(DATA)


async def test_nothing_is_kept_of_a_piece_that_changed_on_its_way(two: Two) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, len(DATA))
    bent = DATA[:-1] + bytes([DATA[-1] ^ 1])
    status, raw, _ = await ann.patch(file_id, 0, bent, **{"Upload-Checksum": _checksum(DATA)})
    assert (status, _code(raw)) == (460, "checksum_mismatch")
    assert await _offset(ann, file_id) == 0
    status, _, _ = await ann.patch(file_id, 0, DATA, **{"Upload-Checksum": _checksum(DATA)})
    assert status == 204


@pytest.mark.parametrize("said", ["md5 AAAA", "sha256 AAAA", "sha256", "sha256 !!", ""])
async def test_a_checksum_that_is_none_is_malformed(two: Two, said: str) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, 1)
    status, raw, _ = await ann.patch(file_id, 0, b"x", **{"Upload-Checksum": said})
    assert (status, _code(raw)) == (400, "malformed")


# ------------------------------------------------------------------ the hash of the whole


def _whole(data: bytes) -> dict[str, str]:
    return {"Repr-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"}


@pytest.mark.parametrize("way", ["at once", "in pieces", "cut off", "restarted", "checksum"])
async def test_an_upload_is_whole_if_it_has_the_hash_that_its_sender_names(
    server: RunningServer, two: Two, way: str
) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, len(DATA))
    half = 0 if way == "at once" else 150_001
    if way == "cut off":
        with pytest.raises(ConflictError):
            await server.house.blobs.append(
                file_id, 0, _ending(DATA[:half]), hashing=server.house.digests.take(file_id, 0)
            )
    elif half:
        checked = {"Upload-Checksum": _checksum(DATA[:half])} if way == "checksum" else {}
        await ann.patch(file_id, 0, DATA[:half], **checked)
    if way == "restarted":
        server.house.digests = Digests()
    status, _, _ = await ann.patch(file_id, half, DATA[half:], **_whole(DATA))
    assert status == 204
    # The answer was lost: nothing more is to come, and the question is the same.
    status, _, _ = await ann.patch(file_id, len(DATA), b"", **_whole(DATA))
    assert status == 204
    await ann.send(unit_id, files=[file_id])


async def _ending(data: bytes) -> AsyncIterator[bytes]:
    yield data
    raise ConflictError("the line broke")


@pytest.mark.parametrize("known", [True, False])
async def test_an_upload_with_another_hash_than_its_sender_names_is_over(
    server: RunningServer, two: Two, known: bool
) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, len(DATA))
    await ann.patch(file_id, 0, DATA[:100], **_whole(b"of what is not whole yet, nothing is said"))
    if not known:
        server.house.digests = Digests()
    bent = DATA[100:-1] + bytes([DATA[-1] ^ 1])
    status, raw, _ = await ann.patch(file_id, 100, bent, **_whole(DATA))
    assert (status, _code(raw)) == (460, "checksum_mismatch")
    assert await server.house.store.get(FileRow, file_id) is None
    assert await server.house.blobs.keys() == frozenset()
    assert await server.house.shares.get(file_id) is None


async def test_whoever_names_a_wrong_hash_destroys_no_file_that_a_message_shows(
    server: RunningServer, two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, len(DATA))

    async def post() -> None:
        await ann.send(unit_id, files=[file_id])

    posting = list[asyncio.Task[None]]()
    read = server.house.blobs.read

    async def read_and_post(key: bytes, start: int, end: int) -> AsyncIterator[bytes]:
        posting.append(asyncio.create_task(post()))
        await asyncio.wait(posting)
        async for piece in read(key, start, end):
            yield piece

    await ann.patch(file_id, 0, DATA)
    server.house.digests = Digests()
    monkeypatch.setattr(server.house.blobs, "read", read_and_post)
    status, raw, _ = await ann.patch(file_id, len(DATA), b"", **_whole(b"something else"))
    assert (status, _code(raw)) == (460, "checksum_mismatch")
    posting[0].result()
    monkeypatch.undo()
    _, raw, _ = await ann.raw("GET", f"/v1/files/{file_id.hex()}")
    assert raw == DATA


@pytest.mark.parametrize("said", ["sha-256=AAAA", "sha-256=:AAAA:", "sha-256=", "xsha-256=:::"])
async def test_a_hash_of_the_whole_that_is_none_is_malformed(two: Two, said: str) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, 1)
    status, raw, _ = await ann.patch(file_id, 0, b"x", **{"Repr-Digest": said})
    assert (status, _code(raw)) == (400, "malformed")


async def test_a_hash_by_an_algorithm_that_is_not_known_is_passed_over(two: Two) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, 1)
    status, _, _ = await ann.patch(file_id, 0, b"x", **{"Repr-Digest": "unixsum=30637"})
    assert status == 204


# ------------------------------------------------------------------ expiration, termination


async def test_an_unfinished_upload_says_until_when_the_rest_may_come(
    two: Two, clock: ManualClock
) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, 10)
    _, _, headers = await ann.patch(file_id, 0, b"12345")
    until = parsedate_to_datetime(headers["Upload-Expires"]).timestamp()
    assert until == clock.now() // 1000 + 86_400
    _, _, headers = await ann.patch(file_id, 5, b"67890")
    assert "Upload-Expires" not in headers


async def test_an_upload_that_is_given_up_leaves_nothing(server: RunningServer, two: Two) -> None:
    ann, _, unit_id = two
    file_id = await ann.open_upload(unit_id, 10)
    await ann.patch(file_id, 0, b"12345")
    assert (await _delete(ann, file_id))[0] == 204
    assert await server.house.store.get(FileRow, file_id) is None
    assert await server.house.blobs.keys() == frozenset()
    assert await server.house.shares.names() == frozenset()
    assert (await _delete(ann, file_id))[0] == 404


async def test_whoever_posted_a_file_recalls_it_and_nobody_else(
    server: RunningServer, two: Two
) -> None:
    ann, bob, unit_id = two
    file_id = await ann.upload(unit_id, DATA)
    assert (await _delete(bob, file_id))[0] == 404  # not named yet: it is nobody's business
    await ann.send(unit_id, files=[file_id])
    status, raw = await _delete(bob, file_id)
    assert (status, _code(raw)) == (403, "forbidden")
    assert (await bob.raw("GET", f"/v1/files/{file_id.hex()}"))[1] == DATA
    assert (await _delete(ann, file_id))[0] == 204
    assert (await bob.raw("GET", f"/v1/files/{file_id.hex()}"))[0] == 404
    assert await server.house.shares.names() == frozenset()


# ------------------------------------------------------------------ room


async def test_a_file_above_the_members_quota_is_refused_before_a_byte_is_sent(
    server: RunningServer, two: Two
) -> None:
    ann, bob, unit_id = two
    server.house.quotas = Quotas(member_bytes=1_000, unit_bytes=5_000)
    await ann.upload(unit_id, b"x" * 600)
    with pytest.raises(RefusedError, match="600 B of 1000 B") as caught:
        await ann.open_upload(unit_id, 401)
    assert caught.value.code == "quota_exceeded"
    await ann.open_upload(unit_id, 400)
    await bob.open_upload(unit_id, 1_000)  # another's quota is another's


async def test_a_file_above_the_units_quota_is_refused(server: RunningServer, two: Two) -> None:
    ann, bob, unit_id = two
    server.house.quotas = Quotas(member_bytes=1_000, unit_bytes=1_500)
    await ann.open_upload(unit_id, 1_000)
    with pytest.raises(RefusedError, match="unit"):
        await bob.open_upload(unit_id, 501)
    await bob.open_upload(unit_id, 500)


async def test_two_uploads_that_are_opened_at_once_do_not_fill_one_room(
    server: RunningServer, two: Two
) -> None:
    ann, _, unit_id = two
    server.house.quotas = Quotas(member_bytes=1_000, unit_bytes=1_000)
    opened = await asyncio.gather(
        *(ann.open_upload(unit_id, 300) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(one, bytes) for one in opened) == 3


async def test_what_is_over_makes_room_again(
    server: RunningServer, two: Two, clock: ManualClock
) -> None:
    ann, _, unit_id = two
    server.house.quotas = Quotas(member_bytes=1_000, unit_bytes=1_000)
    await ann.open_upload(unit_id, 1_000)
    clock.advance(86_400 + 61)
    await server.purge()
    await ann.login()
    await ann.open_upload(unit_id, 1_000)


class SmallDisk(MemoryBlobs):
    """A disk with room for so much more."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room

    async def room(self) -> int:
        return self._room


async def test_what_other_uploads_were_promised_is_not_promised_again(
    server: RunningServer, two: Two
) -> None:
    ann, _, unit_id = two
    await ann.open_upload(unit_id, 1_000)
    store, disk = server.house.store, SmallDisk(1_500)
    whose = {"member_id": ann.member_id, "unit_id": unit_id}
    await check_room(store, disk, Quotas(), length=500, **whose)
    with pytest.raises(FullError):
        await check_room(store, disk, Quotas(), length=501, **whose)


# ------------------------------------------------------------------ a stock client


async def test_what_a_client_would_say_of_the_file_is_refused(two: Two) -> None:
    ann, _, unit_id = two
    headers: dict[str, str | None] = {
        **TUS,
        "Upload-Length": "1",
        "Idempotency-Key": "k",
        "Upload-Metadata": "filename cGxhbi5wZGY=",
    }
    where = f"/v1/units/{unit_id.hex()}/files"
    status, raw, _ = await ann.raw("POST", where, headers=headers)
    assert (status, _code(raw)) == (400, "malformed")


async def test_a_stock_tus_client_uploads_and_goes_on_where_it_was_cut_off(
    server: RunningServer, two: Two, tmp_path: Path
) -> None:
    tus = pytest.importorskip(
        "tusclient.client", reason="tuspy is not installed (scripts/ci_setup.sh)"
    )
    ann, _, unit_id = two
    path = tmp_path / "sealed"
    path.write_bytes(DATA)
    client = tus.TusClient(
        f"{server.url}/v1/units/{unit_id.hex()}/files",
        headers={
            "Mifeng-Protocol": "1",
            "Authorization": f"Bearer {ann.token}",
            "Idempotency-Key": "stock",
        },
    )

    def upload() -> str:
        with path.open("rb") as file:
            first = client.uploader(file_stream=file, chunk_size=100_000, upload_checksum=True)
            first.upload_chunk()
        with path.open("rb") as file:
            second = client.uploader(file_stream=file, chunk_size=100_000, url=first.url)
            assert second.offset == 100_000
            second.upload()
        return str(second.url)

    url = await asyncio.to_thread(upload)
    file_id = bytes.fromhex(url.rsplit("/", 1)[1])
    await ann.send(unit_id, files=[file_id])
    assert (await ann.raw("GET", f"/v1/files/{file_id.hex()}"))[1] == DATA
