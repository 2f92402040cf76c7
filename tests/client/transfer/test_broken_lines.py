"""Lines that break, and what goes on from there: at once, later, or in another process."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import IO

import pytest

from mifeng import transfer
from mifeng.content import Attachment
from mifeng.errors import ServerProblem
from mifeng.net import Api
from mifeng.transfer import attempts
from mifeng.transfer.sending import PIECE_BYTES
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError, StorageError, TransportError
from mifeng_crypto.ids import FileId
from tests.client.transfer.case import CONTENT, down, up
from tests.client.transfer.file_server import FILE_ID, FileServer


async def test_an_upload_goes_on_where_the_connection_broke(
    api: Api, server: FileServer, source: Path, folder: Path
) -> None:
    server.cut_patches_at = [1, 1_000_000, 8_500_000]
    attachment = await up(api, source)
    assert server.requests.count("HEAD") == 3
    assert attachment.digest == hashlib.sha256(server.data).digest()
    assert (await down(api, attachment, folder)).read_bytes() == CONTENT


async def test_pieces_grow_on_a_quick_line_and_are_small_again_after_a_break(
    api: Api,
    server: FileServer,
    tmp_path: Path,
    spool: transfer.Spool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mifeng.transfer.sending.QUICK_S", 60)
    source = tmp_path / "large"
    source.write_bytes(bytes(12 * PIECE_BYTES))
    attachment = await _sealed_only(api, server, source, spool)
    server.patches.clear()
    server.cut_patches_at = [5 * PIECE_BYTES + 1]
    await transfer.resume(api, attachment, spool=spool)
    assert attachment.digest == hashlib.sha256(server.data).digest()
    sizes = [-(-size // PIECE_BYTES) for size in server.patches]
    assert sizes[:5] == [1, 2, 4, 1, 2]  # the third one breaks off


async def test_with_the_last_piece_the_server_is_told_the_hash_of_the_whole(
    api: Api, server: FileServer, source: Path, spool: transfer.Spool
) -> None:
    attachment = await up(api, source, spool=spool)
    assert server.digests == [attachment.digest]
    # Also if all of it is there, and the answer that said whether it is the same was lost.
    await transfer.resume(api, attachment, spool=spool)
    assert server.digests == [attachment.digest] * 2
    assert server.patches[-1] == 0


async def test_a_creation_whose_answer_was_lost_is_the_same_file(
    api: Api, server: FileServer, source: Path
) -> None:
    server.lost_answers = 2
    await up(api, source)
    assert server.requests.count("POST") == 3
    assert len(server.created) == 1


async def test_a_download_goes_on_where_the_connection_broke(
    api: Api, server: FileServer, source: Path, folder: Path
) -> None:
    attachment = await up(api, source)
    server.cut_gets_after = [0, 10, 3_000_000, 16_400]
    assert (await down(api, attachment, folder)).read_bytes() == CONTENT


async def test_a_transfer_gives_up_when_nothing_gets_through(
    api: Api, server: FileServer, source: Path, folder: Path
) -> None:
    attachment = await up(api, source)
    server.cut_gets_after = [5, *[0] * 10]
    with pytest.raises(TransportError):
        await down(api, attachment, folder)
    assert not [*folder.iterdir()]
    server.data.clear()
    server.cut_patches_at = [0] * 10
    with pytest.raises(TransportError):
        await up(api, source)


async def test_a_server_that_lost_a_part_is_noticed(
    api: Api, server: FileServer, source: Path
) -> None:
    server.cut_patches_at = [8_500_000]
    server.forgets = True
    with pytest.raises(ProtocolError, match="lost a part"):
        await up(api, source)


# ------------------------------------------------------------------ on another day


async def test_what_was_sealed_is_sent_later_by_another_process_and_not_sealed_again(
    api: Api, server: FileServer, source: Path, folder: Path, spool: transfer.Spool
) -> None:
    sealed = await _sealed_only(api, server, source, spool)
    source.write_bytes(b"something else by now")
    assert server.data == b""
    await transfer.resume(api, sealed, spool=spool)
    assert (await down(api, sealed, folder)).read_bytes() == CONTENT


async def _sealed_only(
    api: Api, server: FileServer, source: Path, spool: transfer.Spool
) -> Attachment:
    """Seal a file whose first piece never comes through."""
    sealed = list[Attachment]()

    async def keep(attachment: Attachment) -> None:
        sealed.append(attachment)

    server.cut_patches_at = [0] * 20
    with pytest.raises(TransportError):
        await up(api, source, spool=spool, on_sealed=keep)
    assert "DELETE" not in server.requests
    server.cut_patches_at = []
    return sealed[0]


async def test_pieces_are_no_longer_than_what_is_sealed(
    api: Api, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mifeng.transfer.sending.QUICK_S", 60)
    source = tmp_path / "large"
    source.write_bytes(bytes(8 * PIECE_BYTES))
    write, tried = transfer.Spool.write, threading.Event()
    written = 0

    def slow(file: IO[bytes], data: bytes | memoryview) -> None:
        nonlocal written
        write(file, data)
        written += len(data)
        if written > 5 * PIECE_BYTES:  # four are known to be there
            assert tried.wait(60)

    def look(done: int, _total: int) -> None:
        if done >= 3 * PIECE_BYTES:
            tried.set()

    monkeypatch.setattr(transfer.Spool, "write", slow)
    attachment = await up(api, source, progress=look)
    assert attachment.digest == hashlib.sha256(server.data).digest()


async def test_what_a_power_cut_has_taken_is_not_sent(
    api: Api, server: FileServer, source: Path, spool: transfer.Spool, tmp_path: Path
) -> None:
    sealed = await _sealed_only(api, server, source, spool)
    [path] = (tmp_path / "outgoing").iterdir()
    whole = path.read_bytes()
    for left in (whole[:-1], whole[:-5000] + bytes(5000), b""):
        path.write_bytes(left)
        server.requests.clear()
        with pytest.raises(StorageError, match="send it again"):
            await transfer.resume(api, sealed, spool=spool)
        assert not server.requests


async def test_a_refusal_leaves_nothing_on_the_disk_of_what_was_not_sealed(
    api: Api, server: FileServer, tmp_path: Path, spool: transfer.Spool
) -> None:
    source = tmp_path / "large"
    source.write_bytes(bytes(6 * PIECE_BYTES))
    server.problem = ProblemCode.FORBIDDEN
    with pytest.raises(ServerProblem):
        await up(api, source, spool=spool)
    assert spool.ids() == frozenset()


async def test_nothing_in_the_spool_is_readable(
    api: Api, server: FileServer, source: Path, spool: transfer.Spool, tmp_path: Path
) -> None:
    await up(api, source, spool=spool)
    [path] = (tmp_path / "outgoing").iterdir()
    assert path.read_bytes() == bytes(server.data)
    assert CONTENT[:64] not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_what_was_not_sealed_is_empty_after_a_crash_and_its_room_is_known(
    spool: transfer.Spool, tmp_path: Path
) -> None:
    with spool.writing(FileId(FILE_ID)) as file:
        transfer.Spool.write(file, b"half of it")
    assert spool.ids() == frozenset()
    spool.settle(frozenset())
    assert spool.lost() == {FILE_ID}
    assert [path.stat().st_size for path in (tmp_path / "outgoing").iterdir()] == [0]
    spool.drop(FileId(FILE_ID))
    assert [*(tmp_path / "outgoing").iterdir()] == []


async def test_a_line_that_worked_is_waited_for_longer_than_one_that_never_did(
    api: Api, server: FileServer, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "PAUSES_S", (0.0,))
    monkeypatch.setattr(attempts, "UNDER_WAY_S", (0.0,) * 9)
    server.cut_patches_at = [0, 0]
    with pytest.raises(TransportError):
        await up(api, source)
    server.requests.clear()
    server.cut_patches_at = [1000] * 9
    await up(api, source)
    assert server.requests.count("HEAD") == 9
