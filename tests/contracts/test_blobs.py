"""What every `Blobs` and `Shares` keeps to: memory, folder and S3."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import AsyncIterator
from hashlib import sha256
from itertools import pairwise
from os import urandom
from pathlib import Path

import pytest
from obstore.store import S3Store

from mifeng_crypto.errors import StorageError
from mifeng_server.blobs.folder import FolderBlobs
from mifeng_server.blobs.layout import OBJECT_BYTES
from mifeng_server.blobs.objects import ObjectBlobs
from mifeng_server.blobs.s3 import open_bucket
from mifeng_server.blobs.shares import ObjectShares
from mifeng_server.domain.memory import MemoryBlobs, MemoryShares
from mifeng_server.domain.protocols import Blobs, ConflictError, FullError, Shares
from mifeng_server.vault import GRAIN_MS, Vault
from tests.support.seaweed import Seaweed

KEY = b"k" * 16


@pytest.fixture(params=["memory", "folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "s3":
        return ObjectBlobs(_bucket(request.getfixturevalue("s3")))
    return MemoryBlobs() if request.param == "memory" else FolderBlobs(tmp_path / "blobs")


@pytest.fixture(params=["memory", "folder", "s3"])
def shares(request: pytest.FixtureRequest, tmp_path: Path) -> Shares:
    if request.param == "s3":
        return ObjectShares(_bucket(request.getfixturevalue("s3")), rng=urandom)
    return MemoryShares() if request.param == "memory" else Vault(tmp_path / "vault", rng=urandom)


def _bucket(s3: Seaweed) -> S3Store:
    return open_bucket(s3.new_address(), "part", endpoint=s3.endpoint, region="us-east-1")


async def _pieces(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def _read(blobs: Blobs, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in blobs.read(KEY, start, end)])


def _pattern(n: int) -> bytes:
    return (bytes(range(251)) * (n // 251 + 1))[:n]


async def test_a_blob_grows_piece_by_piece_and_is_read_in_ranges(blobs: Blobs) -> None:
    data = _pattern(2 * OBJECT_BYTES + 12_345)
    cuts = [0, 1, 100_000, OBJECT_BYTES, OBJECT_BYTES + 7, len(data)]
    for start, end in pairwise(cuts):
        assert await blobs.size(KEY) == start
        assert await blobs.append(KEY, start, _pieces(data[start:end])) == end
    assert await _read(blobs, 0, len(data)) == data
    start, end = OBJECT_BYTES - 5, OBJECT_BYTES + 5
    assert await _read(blobs, start, end) == data[start:end]
    assert await _read(blobs, 3, 3) == b""


async def test_appending_anywhere_but_at_the_end_is_a_conflict(blobs: Blobs) -> None:
    await blobs.append(KEY, 0, _pieces(b"abc"))
    for offset in (0, 2, 4):
        with pytest.raises(ConflictError):
            await blobs.append(KEY, offset, _pieces(b"xyz"))
    assert await _read(blobs, 0, 3) == b"abc"


async def test_what_came_before_a_sender_broke_off_is_kept(blobs: Blobs) -> None:
    data = _pattern(OBJECT_BYTES + 300_000)

    async def broken() -> AsyncIterator[bytes]:
        async for piece in _pieces(data):
            yield piece
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.append(KEY, 0, broken())
    assert await blobs.size(KEY) == len(data)
    assert await _read(blobs, 0, len(data)) == data


class _Sha256:
    """`Checksum`."""

    def __init__(self, data: bytes) -> None:
        self._named, self._hash = sha256(data).digest(), sha256()

    def update(self, data: bytes, /) -> None:
        self._hash.update(data)

    def check(self) -> None:
        if self._hash.digest() != self._named:
            raise ValueError("another checksum")


async def test_of_what_has_another_checksum_nothing_is_kept(blobs: Blobs) -> None:
    data = _pattern(2 * OBJECT_BYTES + 12_345)
    await blobs.append(KEY, 0, _pieces(data[:100]))
    for bent in (data[100:-1] + b"x", data[100:-1]):
        with pytest.raises(ValueError, match="another checksum"):
            await blobs.append(KEY, 100, _pieces(bent), checksum=_Sha256(data[100:]))
        assert await blobs.size(KEY) == 100
    end = await blobs.append(KEY, 100, _pieces(data[100:]), checksum=_Sha256(data[100:]))
    assert end == await blobs.size(KEY) == len(data)
    assert await _read(blobs, 0, len(data)) == data


async def test_of_what_broke_off_before_its_checksum_nothing_is_kept(blobs: Blobs) -> None:
    data = _pattern(OBJECT_BYTES + 300_000)

    async def broken() -> AsyncIterator[bytes]:
        async for piece in _pieces(data):
            yield piece
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.append(KEY, 0, broken(), checksum=_Sha256(data))
    assert await blobs.size(KEY) == 0
    assert await blobs.append(KEY, 0, _pieces(data), checksum=_Sha256(data)) == len(data)


async def test_what_a_crash_left_without_a_name_is_not_counted_and_goes(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    await blobs.append(KEY, 0, _pieces(b"whole"))
    home = tmp_path / KEY.hex()
    for number in range(3):
        (home / f"{number:08x}.part").write_bytes(b"cut off")
    assert await blobs.size(KEY) == 5
    await blobs.append(KEY, 5, _pieces(b" and more"))
    assert [path.name for path in home.iterdir()] == ["00000000"]
    (home / "00000001.part").write_bytes(b"cut off")
    await blobs.delete(KEY)
    assert not home.exists()


async def test_nothing_behind_what_could_not_be_synced_gets_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs, data = FolderBlobs(tmp_path), _pattern(7 * OBJECT_BYTES)
    honest, behind = os.fdatasync, threading.Event()

    def fail_for_the_second(file: int) -> None:
        name = Path(f"/proc/self/fd/{file}").readlink().stem
        if name == "00000001":
            assert behind.wait(60), "the third one is synced at the same time"
            raise OSError(errno.EIO, "the disk failed")
        honest(file)
        if name == "00000002":
            behind.set()

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail_for_the_second)
        with pytest.raises(StorageError, match="the disk failed"):
            await blobs.append(KEY, 0, _pieces(data))
    assert await blobs.size(KEY) == OBJECT_BYTES
    assert [path.name for path in (tmp_path / KEY.hex()).iterdir()] == ["00000000"]
    assert await blobs.append(KEY, OBJECT_BYTES, _pieces(data[OBJECT_BYTES:])) == len(data)
    assert await _read(blobs, 0, len(data)) == data


@pytest.mark.parametrize("room", [0, 20, 60, 200_000])
async def test_a_disk_that_fills_up_takes_nothing_of_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    blobs, data = FolderBlobs(tmp_path), _pattern(300_000)
    await blobs.append(KEY, 0, _pieces(data[:50]))
    honest = os.write

    def fill(file: int, some: memoryview) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "full")
        count = honest(file, some[:room])
        room -= count
        return count

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fill)
        with pytest.raises(FullError):
            await blobs.append(KEY, 50, _pieces(data[50:]))
    size = await blobs.size(KEY)
    assert size >= 50
    assert await blobs.append(KEY, size, _pieces(data[size:])) == len(data)
    assert await _read(blobs, 0, len(data)) == data


async def test_reading_what_is_not_there_is_an_error(blobs: Blobs) -> None:
    await blobs.append(KEY, 0, _pieces(b"abc"))
    for start, end in ((0, 4), (OBJECT_BYTES, OBJECT_BYTES + 1)):
        with pytest.raises(StorageError):
            await _read(blobs, start, end)


async def test_a_deleted_blob_is_gone_and_its_name_free(blobs: Blobs) -> None:
    await blobs.append(KEY, 0, _pieces(_pattern(OBJECT_BYTES + 1)))
    await blobs.append(b"o" * 16, 0, _pieces(b"other"))
    assert await blobs.keys() == {KEY, b"o" * 16}
    await blobs.delete(KEY)
    await blobs.delete(KEY)
    assert await blobs.keys() == {b"o" * 16}
    assert await blobs.size(KEY) == 0
    assert await blobs.append(KEY, 0, _pieces(b"new")) == 3


async def test_a_share_is_kept_until_it_is_destroyed(shares: Shares) -> None:
    await shares.put(KEY, b"s" * 32, deadline=GRAIN_MS)
    assert await shares.get(KEY) == b"s" * 32
    await shares.destroy(KEY)
    await shares.destroy(KEY)
    assert await shares.get(KEY) is None


async def test_shares_end_with_their_deadline_and_not_before(shares: Shares) -> None:
    for n in range(5):
        await shares.put(bytes([n]) * 16, bytes([n]) * 32, deadline=n * GRAIN_MS)
    await shares.put(bytes([1]) * 16, bytes([1]) * 32, deadline=4 * GRAIN_MS)
    assert await shares.expire(2 * GRAIN_MS - 1) == 1 + (not isinstance(shares, MemoryShares))
    assert await shares.names() == {bytes([n]) * 16 for n in (1, 2, 3, 4)}
    await shares.expire(2 * GRAIN_MS)
    assert await shares.names() == {bytes([n]) * 16 for n in (1, 3, 4)}
    assert await shares.get(bytes([1]) * 16) == bytes([1]) * 32
    await shares.expire(4 * GRAIN_MS)
    assert await shares.names() == frozenset()
