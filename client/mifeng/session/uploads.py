"""Files on their way: sealed once, sent until the server has them, shown by one message.

    seal into the spool -> row -> (crash, or a broken line -> resume) -> message, row gone

The row goes in the transaction that puts the message into the outbox: so none is posted twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mifeng import transfer
from mifeng.content import Attachment
from mifeng.core import unfinished
from mifeng.core.rows import UploadRecord
from mifeng.errors import ServerProblem
from mifeng.transfer import OnSealed, Progress, Spool
from mifeng_crypto.errors import StorageError, TransportError
from mifeng_crypto.ids import FileId, UnitId
from mifeng_crypto.tls import decode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = [
    "drop",
    "drop_old",
    "finish",
    "give_back",
    "resume",
    "spool_of",
    "sweep",
    "upload",
    "waiting",
]

DAY_MS = 86_400_000

Send = Callable[[Spool, OnSealed], Awaitable[Attachment]]


def spool_of(session: Session) -> Spool:
    """Where the ciphertext of a profile's files waits."""
    return Spool(session.home.folder / "outgoing")


async def upload(session: Session, unit_id: UnitId, send: Send) -> Attachment:
    """Bring a file to the server by `send`; what was sealed of it is not lost on the way.

    Raises:
        TransportError: the server was not reached; `resume` goes on from there.
        ServerProblem: the server declined; nothing is kept.
        MifengError: by `send`.
    """
    begun: list[Attachment] = []

    async def on_sealed(attachment: Attachment) -> None:
        await session.save(unfinished.on_its_way(unit_id, attachment, now=session.now()))
        begun.append(attachment)

    try:
        return await send(spool_of(session), on_sealed)
    except ServerProblem:
        for attachment in begun:
            await finish(session, unit_id, attachment.file_id)
        raise


async def waiting(session: Session, unit_id: UnitId) -> list[Attachment]:
    """Return the files of a unit that are sealed, and that no message shows yet."""
    rows = await session.home.database.scan("uploads", unit_id)
    return [unfinished.attachment_from(key[len(unit_id) :], row) for key, row in rows]


async def resume(
    session: Session, unit_id: UnitId, attachment: Attachment, *, progress: Progress
) -> None:
    """Send what is missing of a file.

    Raises:
        ServerProblem: the server has forgotten it, after a day; nothing is kept of it here.
        StorageError: a part of it is lost here; nothing is kept of it.
        TransportError: the server was not reached; again later.
    """
    try:
        await transfer.resume(session.api, attachment, spool=spool_of(session), progress=progress)
    except ServerProblem:
        await finish(session, unit_id, attachment.file_id)
        raise
    except StorageError:
        with contextlib.suppress(TransportError):
            await drop(session, unit_id, attachment)
        raise


async def drop(session: Session, unit_id: UnitId, attachment: Attachment) -> None:
    """Give a file up, here and at the server.

    Raises:
        TransportError: the server was not reached; it is still on its way.
    """
    await transfer.take_back(session.api, attachment.file_id)
    await finish(session, unit_id, attachment.file_id)


async def finish(session: Session, unit_id: UnitId, *file_ids: FileId) -> None:
    """Keep nothing of these files' way any more."""
    await session.save(unfinished.done(unit_id, *file_ids))
    for file_id in file_ids:
        # Not on the loop: a large file takes its time.
        await asyncio.to_thread(spool_of(session).drop, file_id)


async def drop_old(session: Session) -> None:
    """Keep nothing of files whose day is over: the server has forgotten them as well."""
    now = session.now()
    for key, row in await session.home.database.scan("uploads"):
        if decode(UploadRecord, row).created_at + DAY_MS <= now:
            await finish(session, UnitId(key[:16]), FileId(key[16:]))


async def give_back(session: Session) -> None:
    """Free the room at the server of what was not sealed when its process ended."""
    spool = spool_of(session)
    for file_id in spool.lost():
        try:
            await transfer.take_back(session.api, file_id)
        except TransportError:
            return  # again at the next chance
        except ServerProblem:
            pass  # whatever it has against it, there is no more to be done
        spool.drop(file_id)


async def sweep(session: Session) -> None:
    """Delete what a crash has left: ciphertext without a row, and rows without ciphertext."""
    await drop_old(session)
    rows = [key for key, _ in await session.home.database.scan("uploads")]
    spool, known = spool_of(session), frozenset(FileId(key[16:]) for key in rows)
    spool.settle(known)
    here = spool.ids()
    for file_id in here - known:
        spool.drop(file_id)
    lost = {("uploads", key): None for key in rows if FileId(key[16:]) not in here}
    if lost:
        await session.save(lost)
