"""Files up and down over a server that fails in every way that the network knows."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import io
import itertools
import os
import random
import resource
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

import pytest
from PIL import Image

from mifeng import transfer
from mifeng.content import Attachment
from mifeng.errors import DiskFullError, NotFoundError, ServerProblem
from mifeng.media.kind import OCTETS
from mifeng.net import Api
from mifeng.transfer import down as down_module
from mifeng.transfer import up as up_module
from mifeng.transfer.room import LEFT_BYTES, check_room_to_save
from mifeng.transfer.sending import PIECE_BYTES
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError, StorageError, UsageError
from mifeng_crypto.files.sealed import sealed_length
from mifeng_crypto.ids import UnitId
from tests.client.transfer.case import CONTENT, RNG, SIZE, UNIT, down, nobody, up
from tests.client.transfer.file_server import FILE_ID, FileServer


async def test_a_file_arrives_as_it_was_sent(
    api: Api, server: FileServer, source: Path, folder: Path
) -> None:
    attachment = await up(api, source)
    assert (attachment.file_id, attachment.size) == (FILE_ID, SIZE)
    assert (attachment.name, attachment.content_type) == (source.name, OCTETS)
    assert len(server.data) == server.length == sealed_length(SIZE)
    assert attachment.digest == hashlib.sha256(server.data).digest()
    assert CONTENT[:64] not in server.data
    got = await down(api, attachment, folder)
    assert got == folder / source.name
    assert got.read_bytes() == CONTENT
    assert [*folder.iterdir()] == [folder / source.name]


@pytest.mark.parametrize("size", [0, 1, 16_384, PIECE_BYTES])
async def test_files_of_every_size_arrive(api: Api, source: Path, folder: Path, size: int) -> None:
    source.write_bytes(RNG(size))
    got = await down(api, await up(api, source), folder)
    assert got.read_bytes() == source.read_bytes()


async def test_progress_only_grows_to_the_whole(api: Api, source: Path, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    record = lambda done, total: seen.append((done, total))  # noqa: E731
    attachment = await up(api, source, progress=record)
    middle = len(seen)
    await transfer.download(
        api, unit_id=UNIT, attachment=attachment, target=folder, progress=record
    )
    total = sealed_length(SIZE)
    for part in (seen[:middle], seen[middle:]):
        assert len(part) > 2
        assert part == sorted(part)
        assert part[-1] == (total, total)


# ------------------------------------------------------------------ what is refused


async def test_a_declined_transfer_raises_what_the_server_said(
    api: Api, server: FileServer, source: Path, folder: Path
) -> None:
    attachment = await up(api, source)
    server.problem = ProblemCode.GONE
    with pytest.raises(ServerProblem, match="its time is over"):
        await down(api, attachment, folder)
    server.data.clear()
    server.problem = ProblemCode.STORAGE_FULL
    with pytest.raises(ServerProblem, match="disk is full"):
        await up(api, source)


@pytest.mark.parametrize("change", ["altered", "truncated", "lengthened", "swapped", "share"])
async def test_nothing_is_left_of_a_file_that_is_not_what_was_sent(
    api: Api, server: FileServer, source: Path, folder: Path, change: str
) -> None:
    attachment = await up(api, source)
    if change == "altered":
        server.data[5_000_000] ^= 1
    elif change == "truncated":
        del server.data[-100:]
    elif change == "lengthened":
        server.data += b"more"
    elif change == "swapped":
        server.data[:] = RNG(len(server.data))
    else:
        server.share = bytes(32)
    rules = {"altered": 4, "truncated": 2, "lengthened": 2, "swapped": 3, "share": 1}
    with pytest.raises(ProtocolError) as refused:
        await down(api, attachment, folder)
    assert refused.value.rule == f"FILE-{rules[change]}"
    assert not [*folder.iterdir()]


async def test_a_file_of_another_unit_does_not_open(api: Api, source: Path, folder: Path) -> None:
    sent = await up(api, source)
    with pytest.raises(ProtocolError, match="FILE-3"):
        await transfer.download(api, unit_id=UnitId(RNG(16)), attachment=sent, target=folder)


async def test_a_file_that_is_there_is_never_overwritten_unasked(
    api: Api, source: Path, folder: Path
) -> None:
    attachment = await up(api, source)
    place = folder / source.name
    place.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        await down(api, attachment, folder)
    assert place.read_text() == "mine"
    await transfer.download(api, unit_id=UNIT, attachment=attachment, target=folder, overwrite=True)
    assert place.read_bytes() == CONTENT


async def test_a_file_that_appears_meanwhile_is_not_overwritten_either(
    api: Api, source: Path, folder: Path
) -> None:
    attachment = await up(api, source)
    place = folder / source.name

    def appear(done: int, total: int) -> None:
        if done == total:
            place.write_text("mine")

    with pytest.raises(UsageError, match="is there already"):
        await transfer.download(
            api, unit_id=UNIT, attachment=attachment, target=folder, progress=appear
        )
    assert place.read_text() == "mine"
    assert [*folder.iterdir()] == [folder / source.name]


async def test_a_link_in_the_folder_is_not_followed(
    api: Api, source: Path, folder: Path, tmp_path: Path
) -> None:
    attachment = await up(api, source)
    outside = tmp_path / "outside"
    (folder / source.name).symlink_to(outside)
    with pytest.raises(UsageError, match="is there already"):
        await down(api, attachment, folder)
    assert not outside.exists()


@pytest.mark.parametrize("way", [*itertools.product([False, True], repeat=2)])
async def test_a_download_that_is_killed_leaves_nothing_where_the_system_allows_it(
    api: Api,
    source: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: tuple[bool, bool],
) -> None:
    named, overwrite = way
    attachment = await up(api, source)
    if named:
        monkeypatch.setattr(down_module, "_unnamed", lambda _: None)
    if overwrite:
        (folder / source.name).write_bytes(b"an older one")
    before = len([*folder.iterdir()])
    during = set[int]()
    await transfer.download(
        api,
        unit_id=UNIT,
        attachment=attachment,
        target=folder,
        overwrite=overwrite,
        progress=lambda _done, _total: during.add(len([*folder.iterdir()]) - before),
    )
    assert during == {int(named or down_module._unnamed(folder) is None)}
    assert [path.name for path in folder.iterdir()] == [source.name]
    assert (folder / source.name).read_bytes() == CONTENT


async def test_a_name_that_leads_elsewhere_stays_in_the_folder(
    api: Api, source: Path, folder: Path
) -> None:
    attachment = dataclasses.replace(await up(api, source), name="../../.bashrc")
    assert await down(api, attachment, folder) == folder / "_.bashrc"


async def test_what_is_no_file_is_not_sent(api: Api, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError, match="is not a file"):
            await up(api, path)
    with pytest.raises(NotFoundError, match="there is no file"):
        await up(api, tmp_path / "nothing")


async def test_a_folder_that_is_missing_is_named(api: Api, source: Path, tmp_path: Path) -> None:
    attachment = await up(api, source)
    with pytest.raises(UsageError, match="there is no folder"):
        await down(api, attachment, tmp_path / "a" / "b")


async def test_a_file_that_changes_while_it_is_sent_is_not_sent_and_takes_no_room(
    api: Api, server: FileServer, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = transfer.Spool.write

    def grow(file: IO[bytes], data: bytes | memoryview) -> None:
        with source.open("ab") as more:
            more.write(b"more")
        write(file, data)

    monkeypatch.setattr(transfer.Spool, "write", grow)
    with pytest.raises(UsageError, match="grew"):
        await up(api, source)
    assert server.requests[-1] == "DELETE"


async def test_a_full_disk_is_said_and_leaves_nothing(api: Api, source: Path, folder: Path) -> None:
    attachment = await up(api, source)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(StorageError, match="cannot be written"):
            await down(api, attachment, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [*folder.iterdir()]


def _disks_with(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))


async def test_a_file_that_does_not_fit_on_the_disk_is_refused_before_it_is_fetched(
    api: Api, server: FileServer, source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attachment = await up(api, source)
    asked = len(server.requests)
    _disks_with(2 * SIZE - 1, monkeypatch)
    with pytest.raises(DiskFullError, match="17.2 MiB left, .* needs 17.2 MiB: make room"):
        await down(api, attachment, folder)
    assert len(server.requests) == asked
    assert not [*folder.iterdir()]
    pieces = [piece async for piece in transfer.stream(api, unit_id=UNIT, attachment=attachment)]
    assert b"".join(pieces) == CONTENT  # which takes no room
    _disks_with(2 * SIZE, monkeypatch)
    assert (await down(api, attachment, folder)).read_bytes() == CONTENT


async def test_beside_a_large_file_a_disk_keeps_some_room_and_not_as_much_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = 1 << 40
    _disks_with(large + LEFT_BYTES, monkeypatch)
    check_room_to_save(folder, large)
    _disks_with(large + LEFT_BYTES - 1, monkeypatch)
    with pytest.raises(DiskFullError, match="1.0 TiB left"):
        check_room_to_save(folder, large)


async def test_a_file_whose_ciphertext_does_not_fit_here_is_refused_before_the_server_is_asked(
    api: Api, server: FileServer, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _disks_with(SIZE, monkeypatch)
    with pytest.raises(DiskFullError, match="until the server has all of it"):
        await up(api, source)
    assert not server.requests


# ------------------------------------------------------------------ parts of it


async def _collect(pieces: AsyncIterator[bytes], into: bytearray) -> None:
    async for piece in pieces:
        into += piece


async def test_any_part_of_a_file_is_read_from_the_chunks_that_hold_it(
    api: Api, server: FileServer, source: Path
) -> None:
    reader = await transfer.open_reader(api, unit_id=UNIT, attachment=await up(api, source))
    spans = [(0, 1), (0, SIZE), (16_383, 16_385), (5_000_000, 5_000_001), (SIZE - 1, SIZE)]
    spans += [tuple(sorted(random.Random(n).sample(range(SIZE), 2))) for n in range(10)]  # type: ignore[misc]
    for start, stop in spans:
        assert await reader.read(start, stop) == CONTENT[start:stop]


async def test_a_part_goes_on_where_the_line_broke(
    api: Api, server: FileServer, source: Path
) -> None:
    reader = await transfer.open_reader(api, unit_id=UNIT, attachment=await up(api, source))
    server.cut_gets_after = [300_000, 1_000_000]
    assert await reader.read(1_000, 6_000_000) == CONTENT[1_000:6_000_000]


async def test_an_altered_chunk_is_refused_and_what_came_before_is_authentic(
    api: Api, server: FileServer, source: Path
) -> None:
    reader = await transfer.open_reader(api, unit_id=UNIT, attachment=await up(api, source))
    server.data[4_000_000] ^= 1
    got = bytearray()
    with pytest.raises(ProtocolError) as caught:
        await _collect(reader.pieces(0, SIZE), got)
    assert caught.value.rule == "FILE-4"
    assert CONTENT.startswith(got)
    assert await reader.read(5_000_000, SIZE) == CONTENT[5_000_000:]


async def test_a_part_outside_of_the_file_is_asked_for_in_vain(api: Api, source: Path) -> None:
    reader = await transfer.open_reader(api, unit_id=UNIT, attachment=await up(api, source))
    with pytest.raises(UsageError, match="not in a file"):
        await reader.read(0, SIZE + 1)


async def test_what_streams_is_authentic_as_far_as_it_came(
    api: Api, server: FileServer, source: Path
) -> None:
    attachment = await up(api, source)
    pieces = transfer.stream(api, unit_id=UNIT, attachment=attachment)
    assert b"".join([piece async for piece in pieces]) == CONTENT
    server.data[-1] ^= 1
    got = bytearray()
    with pytest.raises(ProtocolError):
        await _collect(transfer.stream(api, unit_id=UNIT, attachment=attachment), got)
    assert CONTENT.startswith(got)


# ------------------------------------------------------------------ what lies on no disk


async def _up_from(api: Api, data: bytes, size: int, name: str = "a.bin") -> Attachment:
    reading, writing = os.pipe()

    def feed() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as pipe:
            pipe.write(data)

    feeding = asyncio.create_task(asyncio.to_thread(feed))
    try:
        with (
            os.fdopen(reading, "rb", buffering=0) as file,
            tempfile.TemporaryDirectory() as folder,
        ):
            return await transfer.upload_from(
                api,
                file,
                unit_id=UNIT,
                name=name,
                size=size,
                rng=RNG,
                spool=transfer.Spool(Path(folder)),
                on_sealed=nobody,
            )
    finally:
        await feeding


@pytest.mark.parametrize("held", [0, 1 << 30])
async def test_bytes_that_lie_on_no_disk_arrive_whether_they_fit_into_memory_or_not(
    api: Api, server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(up_module, "HELD_BYTES", held)
    attachment = await _up_from(api, CONTENT, SIZE)
    assert (await down(api, attachment, folder)).read_bytes() == CONTENT


@pytest.mark.parametrize("held", [0, 1 << 30])
@pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1])
async def test_bytes_that_are_more_or_fewer_than_was_said_are_not_sent(
    api: Api, monkeypatch: pytest.MonkeyPatch, held: int, size: int
) -> None:
    monkeypatch.setattr(up_module, "HELD_BYTES", held)
    with pytest.raises(UsageError, match="while it was read"):
        await _up_from(api, CONTENT, size)


async def test_a_name_longer_than_any_file_system_has_is_not_sent(
    api: Api, server: FileServer
) -> None:
    with pytest.raises(UsageError, match="at most 1024 bytes"):
        await _up_from(api, b"hello", 5, name="密" * 342)
    assert not server.requests
    assert (await _up_from(api, b"hello", 5, name="密" * 341)).name == "密" * 341


async def test_a_picture_that_lies_on_no_disk_is_stripped_and_has_a_preview(
    api: Api, folder: Path
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    out = io.BytesIO()
    Image.new("RGB", (300, 200)).save(out, "JPEG", exif=exif)
    attachment = await _up_from(api, out.getvalue(), out.tell())
    assert (attachment.content_type, attachment.preview.width) == ("image/jpeg", 300)
    assert attachment.preview.thumbnail
    assert b"Canon" not in (await down(api, attachment, folder)).read_bytes()
