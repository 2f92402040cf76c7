"""Files with a real server whose disk somebody has been at: each change has its name."""

from __future__ import annotations

import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

import mifeng
from mifeng.errors import NotFoundError
from mifeng.net import Api
from mifeng.sdk import shelf
from mifeng.session import uploads
from mifeng.transfer import Spool, attempts
from mifeng.transfer.sending import PIECE_BYTES, create
from mifeng_crypto.errors import ProtocolError, StorageError, TransportError, UsageError
from mifeng_crypto.files.sealed import sealed_length
from mifeng_crypto.ids import FileId, UnitId
from mifeng_server.domain.destroying import destroy
from mifeng_server.domain.protocols import Shares
from mifeng_server.domain.rows import FileRow
from tests.e2e.people import PASSPHRASE, Cast, cast
from tests.support.server import RunningServer, running_server

RNG = random.Random(11).randbytes
SIZE = 300_000


@dataclass
class Disk:
    """A file as the server has it: its share, and the ciphertext's parts."""

    shares: Shares
    name: bytes
    parts: list[Path]

    async def share(self) -> bytes:
        share = await self.shares.get(self.name)
        assert share is not None
        return share

    async def hand_out(self, share: bytes) -> None:
        await self.shares.destroy(self.name)
        await self.shares.put(self.name, share, deadline=1 << 45)


def _disk(server: RunningServer, file: mifeng.File) -> Disk:
    name = file.id.hex()
    parts = [p for p in (server.folder / "blobs").rglob("*") if p.is_file() and name in str(p)]
    return Disk(server.house.shares, file.id, sorted(parts))


def _change(path: Path, change: Callable[[bytearray], object]) -> None:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def _flip(at: int) -> Callable[[bytearray], object]:
    def change(data: bytearray) -> None:
        data[at] ^= 1

    return change


async def _wrong_share(one: Disk, _other: Disk) -> None:
    share = bytearray(await one.share())
    _flip(5)(share)
    await one.hand_out(bytes(share))


async def _swapped_shares(one: Disk, other: Disk) -> None:
    await one.hand_out(await other.share())


async def _altered_header(one: Disk, _other: Disk) -> None:
    _change(one.parts[0], _flip(30))


async def _altered_body(one: Disk, _other: Disk) -> None:
    _change(one.parts[-1], _flip(-1))


async def _swapped_chunks(one: Disk, _other: Disk) -> None:
    def swap(data: bytearray) -> None:
        first, second = slice(56, 56 + 16_400), slice(56 + 16_400, 56 + 2 * 16_400)
        data[first], data[second] = data[second], data[first]

    _change(one.parts[0], swap)


async def _swapped_files(one: Disk, other: Disk) -> None:
    for mine, theirs in zip(one.parts, other.parts, strict=True):
        mine.write_bytes(theirs.read_bytes())


Change = Callable[[Disk, Disk], Awaitable[None]]
CHANGES: dict[str, list[Change]] = {
    "FILE-1": [_wrong_share, _swapped_shares],
    "FILE-3": [_altered_header, _swapped_files],
    "FILE-4": [_altered_body, _swapped_chunks],
}
CASES = [(rule, change) for rule, changes in CHANGES.items() for change in changes]


async def _send(c: Cast, name: str) -> mifeng.File:
    path = c.folder / name
    path.write_bytes(RNG(SIZE))
    return (await c.adas.upload(path)).files[0]


@pytest.mark.parametrize(("rule", "change"), CASES, ids=lambda x: getattr(x, "__name__", x))
async def test_a_file_that_was_changed_at_the_server_is_refused_by_name(
    tmp_path: Path, rule: str, change: Change
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        one, other = await _send(c, "one.bin"), await _send(c, "other.bin")
        await change(_disk(server, one), _disk(server, other))
        target = tmp_path / "downloads"
        target.mkdir()
        await c.ben.sync()
        with pytest.raises(ProtocolError) as refused:
            await c.bens.download(one, target)
        assert refused.value.rule == rule
        assert not [*target.iterdir()]
        assert (await c.bens.download(other, target)).read_bytes() == (
            tmp_path / "other.bin"
        ).read_bytes()


async def test_files_of_every_length_around_the_borders_come_down_the_same(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        (tmp_path / "down").mkdir()
        for size in (0, 1, 256, 16_383, 16_384, 16_385):
            path = tmp_path / f"{size}.bin"
            path.write_bytes(RNG(size))
            sent = await c.adas.upload(path)
            got = await c.bens.download(sent.files[0], tmp_path / "down")
            assert got.read_bytes() == path.read_bytes()


async def test_any_part_of_a_file_is_read_without_the_rest_of_it(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        file = await _send(c, "film.bin")
        data = (tmp_path / "film.bin").read_bytes()
        reader = await c.bens.reader(file)
        assert await reader.read(200_000, 250_000) == data[200_000:250_000]
        assert b"".join([piece async for piece in c.bens.stream(file)]) == data


async def test_whoever_is_not_in_the_unit_gets_neither_file_nor_share(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        file = await _send(c, "secret.bin")
        link = (await c.ada.invite()).link
        async with mifeng.join(
            link, profile=tmp_path / "eve", name="Eve", passphrase=PASSPHRASE
        ) as eve:
            api = eve._session.api
            for path, tail in itertools.product(("GET", "HEAD"), ("", "/share")):
                with pytest.raises(mifeng.ServerProblem) as refused:
                    async with api.raw(
                        path, f"/v1/files/{file.id.hex()}{tail}", headers={"Tus-Resumable": "1.0.0"}
                    ):
                        pass
                assert refused.value.status in {403, 404, 405}


async def test_two_uploads_of_one_file_have_nothing_in_common(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        (tmp_path / "same.bin").write_bytes(bytes(SIZE))
        files = [(await c.adas.upload(tmp_path / "same.bin")).files[0] for _ in range(2)]
        blobs = [b"".join(p.read_bytes() for p in _disk(server, file).parts) for file in files]
        blocks = [{blob[at : at + 16] for at in range(0, SIZE, 16)} for blob in blobs]
        assert blocks[0].isdisjoint(blocks[1])


async def test_a_picture_comes_with_its_size_and_a_small_one(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        exif = Image.Exif()
        exif[0x010F] = "Canon"
        Image.new("RGB", (640, 480), "teal").save(tmp_path / "a.jpg", exif=exif)
        await c.adas.upload(tmp_path / "a.jpg", caption="the roof")
        await c.ben.sync()
        file = (await c.bens.history())[-1].files[0]
        assert (file.content_type, file.preview.width, file.preview.height) == (
            "image/jpeg",
            640,
            480,
        )
        assert file.preview.thumbnail_type == "image/webp"
        got = await c.bens.download(file, tmp_path / "b.jpg")
        assert b"Canon" not in got.read_bytes()
        await c.adas.upload(tmp_path / "a.jpg", keep_metadata=True)
        await c.ben.sync()
        got = await c.bens.download((await c.bens.history())[-1].files[0], tmp_path / "c.jpg")
        assert got.read_bytes() == (tmp_path / "a.jpg").read_bytes()


async def test_the_files_of_a_unit_say_how_long_they_live_and_who_has_fetched_them(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        file = await _send(c, "plan.bin")
        await _send(c, "other.bin")
        await c.ben.sync()
        await c.bens.download(file, tmp_path / "got.bin")
        plan, other = await c.bens.files(with_readers=True)
        assert [plan.file.name, other.file.name] == ["plan.bin", "other.bin"]
        assert [who.name for who in plan.readers or ()] == ["Ben"]
        assert other.readers == ()
        hours = (plan.until - plan.message.time).total_seconds() / 3600
        assert 72 < hours < 74


async def test_a_file_is_kept_by_another_and_then_only_that_one_recalls_it(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        first = await c.adas.upload(_file(tmp_path, "plan.bin"))
        await c.ben.sync()
        kept = await c.bens.keep(first.files[0], caption="still needed")
        await c.ada.sync()
        assert (await c.adas.delete(first.sequence)).is_deleted
        await c.ben.sync()
        [shared] = await c.bens.files()
        assert shared.message.sequence == kept.sequence
        got = await c.bens.download(shared.file, tmp_path / "got.bin")
        assert got.read_bytes() == (tmp_path / "plan.bin").read_bytes()
        await c.bens.delete(kept)
        assert await server.house.blobs.keys() == frozenset()


async def test_a_file_that_is_recalled_is_gone_for_all_and_leaves_a_tombstone(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        sent = await c.adas.upload(_file(tmp_path, "wrong.bin"))
        await c.ben.sync()
        await c.adas.delete(sent)
        with pytest.raises(mifeng.ServerProblem):
            await c.bens.download(sent.files[0], tmp_path / "got.bin")
        await c.ben.sync()
        assert (await c.bens.message(sent.sequence)).is_deleted
        assert await c.bens.files() == []
        assert await server.house.blobs.keys() == frozenset()
        assert await server.house.shares.names() == frozenset()


async def test_a_recall_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        sent = await c.adas.upload(_file(tmp_path, "wrong.bin"))
        await c.adas._recall(sent.files[0].attachment.file_id)  # and then the line broke
        assert (await c.adas.delete(sent)).is_deleted


def _file(folder: Path, name: str) -> Path:
    (folder / name).write_bytes(RNG(SIZE))
    return folder / name


# ------------------------------------------------------------------ over restarts


async def _broken_off(
    unit: mifeng.Unit, path: Path, monkeypatch: pytest.MonkeyPatch, *, there: int = 0
) -> mifeng.File:
    """Begin an upload whose line is cut for good once so many bytes are at the server."""
    monkeypatch.setattr(attempts, "PAUSES_S", (0.0, 0.01))
    monkeypatch.setattr(attempts, "UNDER_WAY_S", (0.0, 0.01))

    def stop(done: int, _total: int) -> None:
        if done >= there:
            raise TransportError("the line is cut")

    with pytest.raises(TransportError):
        await unit.upload(path, progress=stop)
    [waiting] = await unit.unfinished()
    return waiting


async def test_an_interrupted_upload_goes_on_after_a_restart_of_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "film.bin"
    path.write_bytes(RNG(3 * PIECE_BYTES))
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        unit_id = c.adas.id
        waiting = await _broken_off(c.adas, path, monkeypatch, there=2 * PIECE_BYTES)
        file_id = waiting.id
        there = await server.house.blobs.size(file_id)
        assert 0 < there < 3 * PIECE_BYTES
    path.write_bytes(b"another film by now")
    async with running_server(tmp_path, restart=True) as server:
        async with mifeng.open(tmp_path / "ada", passphrase=PASSPHRASE) as ada:
            unit = ada.unit(unit_id.hex())
            [waiting] = await unit.unfinished()
            message = await unit.resume(waiting)
            assert message.files[0].id == file_id
            assert await unit.unfinished() == []
        assert not [*(tmp_path / "ada" / "outgoing").iterdir()]
        async with mifeng.open(tmp_path / "ben", passphrase=PASSPHRASE) as ben:
            unit = ben.unit(unit_id.hex())
            assert len(await unit.files()) == 1
            got = await unit.download(message.files[0], tmp_path / "got.bin")
            assert got.stat().st_size == 3 * PIECE_BYTES


async def test_an_unfinished_upload_is_given_up_here_and_at_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        waiting = await _broken_off(c.adas, _file(tmp_path, "film.bin"), monkeypatch)
        await c.adas.give_up(waiting)
        assert await c.adas.unfinished() == []
        assert await server.house.blobs.keys() == frozenset()
        assert not [*(tmp_path / "ada" / "outgoing").iterdir()]


async def test_an_unfinished_upload_of_which_a_power_cut_took_a_part_is_given_up_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        waiting = await _broken_off(c.adas, _file(tmp_path, "film.bin"), monkeypatch)
        _change(tmp_path / "ada" / "outgoing" / waiting.id.hex(), _flip(SIZE // 2))
        with pytest.raises(StorageError, match="send it again"):
            await c.adas.resume(waiting)
        assert await c.adas.unfinished() == []
        assert await server.house.blobs.keys() == frozenset()


async def test_an_upload_whose_day_is_over_is_named_and_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        waiting = await _broken_off(c.adas, _file(tmp_path, "film.bin"), monkeypatch)
        row = await server.house.store.get(FileRow, waiting.id)
        assert row is not None
        await destroy(server.house, row)
        with pytest.raises(mifeng.ServerProblem):
            await c.adas.resume(waiting)
        assert await c.adas.unfinished() == []


async def test_a_file_that_the_server_has_lost_before_its_time_is_named_file_7(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "RECALL_S", 0.0)
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        file = await _send(c, "plan.bin")
        await c.ben.sync()
        row = await server.house.store.get(FileRow, file.id)
        assert row is not None
        await destroy(server.house, row)
        with pytest.raises(ProtocolError, match="receipt") as caught:
            await c.bens.download(file, tmp_path / "got.bin")
        assert caught.value.rule == "FILE-7"
        with pytest.raises(ProtocolError, match="receipt"):
            await c.bens.reader(file)
        with pytest.raises(ProtocolError, match="receipt"):
            await anext(c.bens.stream(file))


async def test_a_client_that_was_killed_while_sealing_takes_its_room_back_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        file_id = await create(c.ada._session.api, UnitId(c.adas.id), 10_000_000, key=RNG(16))
        with uploads.spool_of(c.ada._session).writing(file_id) as file:
            file.write(b"as far as it had come")
    async with running_server(tmp_path, restart=True) as server:
        assert await server.house.store.get(FileRow, file_id)
        async with mifeng.open(tmp_path / "ada", passphrase=PASSPHRASE):
            assert await server.house.store.get(FileRow, file_id) is None
        assert not [*(tmp_path / "ada" / "outgoing").iterdir()]


async def test_an_upload_that_was_killed_when_it_was_just_sealed_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        """As `kill -9`: nothing is tidied up."""

    def kill(_spool: Spool, _file_id: FileId) -> None:
        raise KilledError

    keep = Spool.keep
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        unit_id = c.adas.id
        monkeypatch.setattr(Spool, "keep", kill)
        monkeypatch.setattr(Spool, "drop", lambda _spool, _file_id: None)
        monkeypatch.setattr("mifeng.transfer.up._give_back", _nothing)
        with pytest.raises(KilledError):
            await c.adas.upload(_file(tmp_path, "film.bin"))
    monkeypatch.undo()
    assert Spool.keep is keep
    [left] = (tmp_path / "ada" / "outgoing").iterdir()
    assert left.suffix == ".sealing"
    async with (
        running_server(tmp_path, restart=True),
        mifeng.open(tmp_path / "ada", passphrase=PASSPHRASE) as ada,
    ):
        unit = ada.unit(unit_id.hex())
        [waiting] = await unit.unfinished()
        await unit.resume(waiting)
        assert [shared.file.name for shared in await unit.files()] == ["film.bin"]


async def _nothing(_api: Api, _file_id: FileId) -> None:
    """Not done any more by who was killed."""


async def test_a_file_that_was_posted_is_not_taken_back_by_what_a_crash_has_left(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        message = await c.adas.upload(_file(tmp_path, "film.bin"))
    file_id = message.files[0].id
    (tmp_path / "ada" / "outgoing" / file_id.hex()).write_bytes(b"its ciphertext")
    async with running_server(tmp_path, restart=True) as server:
        async with mifeng.open(tmp_path / "ada", passphrase=PASSPHRASE):
            assert await server.house.store.get(FileRow, file_id)
        assert not [*(tmp_path / "ada" / "outgoing").iterdir()]


async def test_a_file_is_found_by_the_number_that_a_list_shows(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        one = await c.adas.upload(_file(tmp_path, "film.bin"))
        two = await c.adas.upload(_file(tmp_path, "a.bin"), _file(tmp_path, "b.bin"))
        for name in (str(one.sequence), f"#{one.sequence}", "film.bin", one.files[0].id.hex()[:9]):
            assert (await c.adas.find_file(name)).id == one.files[0].id
        with pytest.raises(UsageError, match=r"a\.bin, b\.bin"):
            await c.adas.find_file(f"#{two.sequence}")


async def test_a_file_is_found_by_how_its_name_begins_as_people_see_it(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.upload(_file(tmp_path, "年度报告.bin"), _file(tmp_path, "plan.bin"))
        turned = await c.adas.upload(_file(tmp_path, "x\u202enib.exe"))
        newer = await c.adas.upload(_file(tmp_path, "plan.bin"))
        assert (await c.adas.find_file("年度")).name == "年度报告.bin"
        assert (await c.adas.find_file("PLA")).id == newer.files[0].id
        assert (await c.adas.find_file("x\ufffdn")).id == turned.files[0].id
        await c.adas.upload(_file(tmp_path, "plane.bin"))
        with pytest.raises(UsageError, match=r"plan\.bin, plane\.bin"):
            await c.adas.find_file("pla")
        assert (await c.adas.find_file("plan.bin")).id == newer.files[0].id


# ------------------------------------------------------------------ several at once


async def test_files_are_sent_only_if_all_of_them_can_be(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        good, scan = _file(tmp_path, "good.bin"), tmp_path / "scan.tiff"
        with pytest.raises(NotFoundError, match="there is no file"):
            await c.adas.upload(good, tmp_path / "missing.bin")
        with pytest.raises(UsageError, match="1 to 8 files"):
            await c.adas.upload(*[good] * 9)
        with pytest.raises(ProtocolError, match="CONTENT-1"):
            await c.adas.upload(good, caption="long " * 60_000)
        assert await server.house.blobs.keys() == frozenset()
        Image.new("RGB", (30, 20)).save(scan)
        with pytest.raises(UsageError, match="image/tiff"):
            await c.adas.upload(good, scan)
        assert await c.adas.unfinished() == []
        assert await server.house.blobs.keys() == frozenset()


async def test_the_progress_of_several_files_is_that_of_all_together(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        seen = list[tuple[int, int]]()
        await c.adas.upload(
            *(_file(tmp_path, name) for name in ("a.bin", "b.bin")),
            progress=lambda done, total: seen.append((done, total)),
        )
        assert seen == sorted(seen)
        assert {total for _, total in seen} == {2 * sealed_length(SIZE)}
        assert seen[-1] == (2 * sealed_length(SIZE),) * 2
