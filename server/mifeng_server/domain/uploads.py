"""Files: opened, filled, read (protocol.md, "Files").

    open -> append ... append -> named by a message -> read until its deadline

An upload is visible to its own member only, until a message names it; then to the unit.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from mifeng_crypto.api.messages import FileReply, ReadersReply, ShareReply
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.history import MAX_BLOB_BYTES
from mifeng_crypto.ids import MemberId
from mifeng_crypto.ledger.policy import History
from mifeng_server.domain.accept import Call, Decision, Held, accept
from mifeng_server.domain.destroying import FILE_ID_BYTES, READERS, destroy, file_lock, postings_of
from mifeng_server.domain.digests import Running
from mifeng_server.domain.house import House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.protocols import Checksum, ConflictError
from mifeng_server.domain.quota import check_quota, check_room, take_room
from mifeng_server.domain.refusal import Refusal, not_found
from mifeng_server.domain.refused import refusing
from mifeng_server.domain.rows import (
    ContentRow,
    Delete,
    FetchRow,
    FileRow,
    Insert,
    PostingRow,
    Put,
    Swap,
    Write,
)
from mifeng_server.domain.unit import Unit, may_take_part

__all__ = [
    "MAX_FILE_BYTES",
    "Seen",
    "append",
    "name_files",
    "open_upload",
    "read_share",
    "readers",
    "see",
    "take_back",
]

UNNAMED_MS = 24 * 3_600_000
"""How long an upload waits for a message that names it."""
MAX_FILE_BYTES = 16 << 30


@dataclass(frozen=True, slots=True)
class Seen:
    """A file, and how much of it there is."""

    row: FileRow
    offset: int

    @property
    def reply(self) -> FileReply:
        return FileReply(
            file_id=self.row.file_id,
            unit_id=self.row.unit_id,
            length=self.row.length,
            offset=self.offset,
            retain_until=self.row.retain_until,
        )


async def open_upload(
    house: House,
    caller: Caller,
    call: Call,
    unit_id: bytes,
    length: int,
    *,
    original: int = 0,
    now: int,
) -> FileReply:
    """Begin an upload; its share is made here.

    Args:
        house: the server.
        caller: whose upload it is.
        call: the request.
        unit_id: where it goes.
        length: of the ciphertext.
        original: of a part of a history, the sequence of a message in it: the part lives as long
            as that, whatever names it. 0 for all other files.
        now: the time.

    Raises:
        Refusal: not_found, too_large, quota_exceeded; refused: UPLOAD-3.
        FullError: the disk has no room for it.
    """
    most = MAX_BLOB_BYTES if original else MAX_FILE_BYTES
    if not 0 < length <= most:
        raise Refusal(ProblemCode.TOO_LARGE, f"a file has 1 to {most} bytes")
    row = FileRow(
        file_id=house.rng(FILE_ID_BYTES),
        unit_id=unit_id,
        member_id=caller.member_id,
        length=length,
        created_at=now,
        retain_until=0,
        deadline=now + UNNAMED_MS,
    )

    async def decide(held: Held) -> Decision:
        unit = await _unit_of(house, caller, unit_id)
        if unit.charter.is_closed():
            raise Refusal(ProblemCode.REFUSED, "the unit is closed; create a new one")
        # One upload at a time of a member, in a unit, and on the disk: two do not fill one room.
        rooms = [caller.member_id, unit_id]
        for room in (*rooms, b""):
            await held.enter_async_context(house.locks.of(b"quota" + room))
        taken = [
            write
            for room in rooms
            for write in await take_room(
                house.store, room, token=row.file_id, deadline=row.deadline
            )
        ]
        await check_room(
            house.store,
            house.blobs,
            house.quotas,
            member_id=caller.member_id,
            unit_id=unit_id,
            length=length,
        )
        opened = row
        if original:
            with refusing():
                ceiling = await _end_of_original(house, unit, original, now=now)
            opened = replace(row, ceiling=ceiling, deadline=min(row.deadline, ceiling))
        # First the share: a share without a row is swept away at the next start, while a row
        # without a share would be a file that nobody can ever open.
        end = opened.ceiling or opened.deadline
        await house.shares.put(row.file_id, house.rng(32), deadline=end)
        return Decision(
            reply=Seen(opened, 0).reply,
            writes=(Insert(opened), *taken),
            remember_until=opened.deadline,
        )

    return await accept(house, call, FileReply, lock=file_lock(row.file_id), decide=decide)


async def _end_of_original(house: House, unit: Unit, sequence: int, *, now: int) -> int:
    """UPLOAD-3: return the deadline of the message that a part of a history is of.

    Raises:
        ProtocolError: there is none of this number in the unit's present log, or it is over.
    """
    await house.store.settle()
    row = await house.store.get(ContentRow, unit.unit_id, unit.row.generation, sequence)
    if row is None or row.deadline <= now:
        raise ProtocolError(
            "UPLOAD-3", "a part of a history is of a message of this unit that is there still"
        )
    return row.deadline


async def see(house: House, caller: Caller, file_id: bytes, *, now: int) -> Seen:
    """Return a file that the caller may see.

    Raises:
        Refusal: not_found; gone: its time is over.
    """
    row = await _visible(house, caller, file_id, now=now)
    return Seen(row, await house.blobs.size(file_id))


async def _visible(house: House, caller: Caller, file_id: bytes, *, now: int) -> FileRow:
    row = await house.store.get(FileRow, file_id)
    if row is None or (row.retain_until == 0 and row.member_id != caller.member_id):
        raise not_found()
    unit = await _unit_of(house, caller, row.unit_id)
    if row.deadline <= now or unit.charter.is_deleted():
        raise Refusal(ProblemCode.GONE)
    if not _is_of_his_time(unit, caller, row):
        raise not_found()
    return row


def _is_of_his_time(unit: Unit, caller: Caller, row: FileRow) -> bool:
    """Whether a unit that shows newcomers nothing of before may show this to the caller."""
    if unit.charter.policy.history is not History.NONE or not row.charter_sequence:
        return True
    return unit.charter.granted_since(MemberId(caller.member_id)) <= row.charter_sequence


async def read_share(house: House, caller: Caller, file_id: bytes, *, now: int) -> ShareReply:
    """The server's half of a file's key.

    Raises:
        Refusal: not_found, gone.
    """
    row = await _visible(house, caller, file_id, now=now)
    share = await house.shares.get(file_id)
    if share is None:
        raise Refusal(ProblemCode.GONE)
    if (
        row.member_id != caller.member_id
        and await house.store.get(FetchRow, file_id, caller.member_id) is None
    ):
        await house.store.write((Put(FetchRow(file_id, caller.member_id)),))
    return ShareReply(share=share)


async def readers(house: House, caller: Caller, file_id: bytes, *, now: int) -> ReadersReply:
    """Who has had the file's share. The server sees that anyway; the unit's members may know it.

    Raises:
        Refusal: not_found, gone.
    """
    await _visible(house, caller, file_id, now=now)
    found = await house.store.find(FetchRow, order="member_id", limit=READERS, file_id=file_id)
    return ReadersReply(member_ids=[row.member_id for row in found])


async def _unit_of(house: House, caller: Caller, unit_id: bytes) -> Unit:
    roster, unit = await house.roster(), await house.unit(unit_id)
    if roster is None or unit is None or not may_take_part(roster, unit, caller.member_id):
        raise not_found()
    return unit


async def append(
    house: House,
    caller: Caller,
    file_id: bytes,
    offset: int,
    chunks: AsyncIterator[bytes],
    *,
    checksum: Checksum | None,
    digest: bytes | None = None,
    clock: Callable[[], int],
) -> Seen:
    """Write what comes at `offset`, and return how much there is then, durably.

    Args:
        house: the server.
        caller: whose upload it is.
        file_id: the upload.
        offset: where the chunks go: where it ends at present.
        chunks: the bytes.
        checksum: of all of them, if the sender names one: else nothing of them is kept.
        digest: SHA-256 of the whole upload, if the sender names it: it is checked if the upload is
            whole now, and one that is not that is over.
        clock: the time, which goes on while they come.

    Raises:
        Refusal: not_found, gone, offset_mismatch, too_large, checksum_mismatch.
    """
    await _visible(house, caller, file_id, now=clock())
    async with house.locks.of(file_lock(file_id)):
        row = await house.store.get(FileRow, file_id)
        if row is None:
            raise not_found()
        if row.retain_until:
            raise Refusal(ProblemCode.OFFSET_MISMATCH, "a message shows it: it is whole")
        running = house.digests.take(file_id, offset) if checksum is None else None
        timely = _until(row.deadline, clock, _at_most(chunks, row.length - offset))
        try:
            end = await house.blobs.append(
                file_id, offset, timely, checksum=checksum, hashing=running
            )
        except ConflictError as err:
            there = await house.blobs.size(file_id)
            raise Refusal(ProblemCode.OFFSET_MISMATCH, f"the next byte is {there}") from err
        finally:
            house.digests.keep(file_id, running)
        await _still_wanted(house, row, now=clock())
        if digest is not None and end == row.length:
            await _check_digest(house, row, running or Running(), digest, now=clock())
    return Seen(row, end)


async def _check_digest(
    house: House, row: FileRow, running: Running, digest: bytes, *, now: int
) -> None:
    """An upload that is whole is what its sender means; else it is over, and its room is free."""
    if running.count != row.length:  # not all of it came through this process
        running = Running()
        async for piece in house.blobs.read(row.file_id, 0, row.length):
            running.update(piece)
        house.digests.keep(row.file_id, running)  # whoever asks again need not wait for it again
    if running.digest() == digest:
        return
    over = replace(row, deadline=min(row.deadline, now))
    with contextlib.suppress(ConflictError):  # a message shows it: its readers will see
        await house.store.write((Swap(row, over),))
        await destroy(house, over)
    raise Refusal(
        ProblemCode.CHECKSUM_MISMATCH, "the upload was bent on its way, and is given up: begin anew"
    )


async def _still_wanted(house: House, before: FileRow, *, now: int) -> None:
    """Leave nothing behind of an upload that another node has ended while the bytes came."""
    if not house.store.shared:
        return  # who ends it here waits for the file's lock
    row = await house.store.get(FileRow, before.file_id)
    if row is None or row.deadline < before.deadline or row.deadline <= now:
        await house.blobs.delete(before.file_id)
        raise Refusal(ProblemCode.GONE)


async def _at_most(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        limit -= len(chunk)
        if limit < 0:
            raise Refusal(ProblemCode.TOO_LARGE, "more came than the upload was announced with")
        yield chunk


async def _until(
    deadline: int, clock: Callable[[], int], chunks: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """A sender who never ends must not hold the lock that the purge waits for."""
    async for chunk in chunks:
        if clock() >= deadline:
            raise Refusal(ProblemCode.GONE)
        yield chunk


async def take_back(house: House, caller: Caller, file_id: bytes, *, now: int) -> None:
    """Give an upload up, or recall a file: whoever posted it may, at any time.

    What somebody else has posted again stays, as long as it was promised to that one. Besides a
    deadline this is the only thing that destroys a file (and `close`, for a whole unit).

    Raises:
        Refusal: not_found, gone; forbidden: the caller has not posted it.
    """
    await _visible(house, caller, file_id, now=now)
    async with house.locks.of(file_lock(file_id)):
        await house.store.settle()
        row = await house.store.get(FileRow, file_id)
        if row is None:
            raise not_found()
        postings = await postings_of(house, file_id)
        others = [posting for posting in postings if posting.member_id != caller.member_id]
        mine = len(postings) > len(others) or (not row.retain_until and _owns(caller, row))
        if not mine:
            raise Refusal(ProblemCode.FORBIDDEN, "a file is recalled by whoever posted it")
        # Its time is over first: a message that would keep it is refused from here on, and one that
        # came before makes this fail.
        left = replace(row, deadline=min(row.deadline, now))
        if others:
            last = max(others, key=lambda posting: posting.until)
            left = replace(
                row, member_id=last.member_id, retain_until=last.until, deadline=last.until
            )
        try:
            await house.store.write(
                (Swap(row, left), Delete(PostingRow, (file_id, caller.member_id)))
            )
        except ConflictError as err:
            raise Refusal(
                ProblemCode.FORBIDDEN, "somebody has posted the file again this moment"
            ) from err
        if not others:
            await destroy(house, left)


def _owns(caller: Caller, row: FileRow) -> bool:
    return row.member_id == caller.member_id


async def name_files(
    house: House,
    caller: Caller,
    unit: Unit,
    file_ids: tuple[bytes, ...],
    *,
    retain_until: int,
    may_keep: bool,
    charter_sequence: int,
    now: int,
) -> tuple[Write, ...]:
    """Bind files to the message that shows them: from now on its clock is theirs.

    A file that was posted before is kept so: its clock starts anew, and it counts as that
    member's; what it was promised to others for stays.

    Their shares are sealed anew, under the key of that deadline, before the transaction that binds
    them; the key that sealed them before ends earlier, and takes the older seal along.

    Raises:
        Refusal: gone, quota_exceeded.
        ProtocolError: UPLOAD-1: a file is not whole, of another unit, over, or another's upload;
            UPLOAD-2: the unit keeps no files.
    """
    writes, kept = list[Write](), 0
    for file_id in sorted(set(file_ids)):
        row = await house.store.get(FileRow, file_id)
        if (
            row is None
            or row.unit_id != unit.unit_id
            or (row.retain_until == 0 and row.member_id != caller.member_id)
            or row.deadline <= now
            or not _is_of_his_time(unit, caller, row)
            or await house.blobs.size(file_id) != row.length
        ):
            raise ProtocolError(
                "UPLOAD-1",
                "the message names a file that is neither a finished upload of yours "
                "nor a live file of this unit",
            )
        if row.retain_until and not may_keep:
            raise ProtocolError("UPLOAD-2", "this unit's policy does not let files be posted again")
        if row.member_id != caller.member_id:
            if not kept:
                writes += await take_room(
                    house.store, caller.member_id, token=house.rng(16), deadline=retain_until
                )
            kept += row.length
            await check_quota(house.store, house.quotas, member_id=caller.member_id, length=kept)
        share = await house.shares.get(file_id)
        if share is None:
            raise Refusal(ProblemCode.GONE, "the vault has no share of this file: upload it again")
        until, wanted = max(row.retain_until, retain_until), retain_until
        if row.ceiling:  # the share of a part of a history has this end from the beginning
            until = wanted = row.ceiling
        else:
            await house.shares.put(file_id, share, deadline=until)
            # No lock is held, lest one who uploads slowly keeps a unit waiting. So if the file was
            # recalled or purged meanwhile, its share may have come back here.
            again = await house.store.get(FileRow, file_id)
            if again is None or again.deadline <= now:
                await house.shares.destroy(file_id)
                raise Refusal(ProblemCode.GONE)
        named = replace(
            row,
            member_id=caller.member_id,
            retain_until=until,
            deadline=until,
            charter_sequence=charter_sequence,
        )
        before = await house.store.get(PostingRow, file_id, caller.member_id)
        promised = max(wanted, before.until if before else 0)
        writes += (Swap(row, named), Put(PostingRow(file_id, caller.member_id, promised)))
    return tuple(writes)
