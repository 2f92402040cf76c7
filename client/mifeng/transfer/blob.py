"""Parts of a history up and down: files that fit into memory, and that no message shows."""

from __future__ import annotations

import asyncio
from typing import IO

from mifeng.content.attachment import Attachment
from mifeng.net import Api
from mifeng.transfer.attempts import no_progress
from mifeng.transfer.down import stream
from mifeng.transfer.sending import Sending, create, is_there, known
from mifeng.transfer.spool import Spool
from mifeng_crypto.api.messages import ShareReply
from mifeng_crypto.files.key import derive_file_key, share_hash
from mifeng_crypto.files.seal import Sealer
from mifeng_crypto.files.sealed import sealed_length
from mifeng_crypto.history import HistoryPart
from mifeng_crypto.ids import FileId, UnitId
from mifeng_crypto.secret import Secret

__all__ = ["Blob", "fetch_part", "put_blob"]


class Blob:
    """A file that the server has: its id, the hash of its share, that of its ciphertext."""

    def __init__(self, file_id: FileId, named: bytes, digest: bytes) -> None:
        self.file_id = file_id
        self.share_hash = named
        self.digest = digest


async def put_blob(
    api: Api,
    data: bytes,
    secret: Secret,
    *,
    unit_id: UnitId,
    original: int,
    key: bytes,
    spool: Spool,
) -> Blob:
    """Seal a part and bring it to the server; a message must name it within 24 h.

    Cut off, it is sealed anew under another secret: what is left of it here is swept away.

    Args:
        api: the server.
        data: the part.
        secret: its file secret, of use for this one alone.
        unit_id: whose history it is.
        original: the sequence of a message in it, whose deadline is the part's.
        key: the idempotency key of the request that opens the upload.
        spool: where the ciphertext lies until the server has it.

    Raises:
        ServerProblem: the server declined.
        TransportError: it was not reached, again and again.
    """
    length = sealed_length(len(data))
    file_id = await create(api, unit_id, length, key=key, original=original)
    share = (await api.call("share", ShareReply, path={"file_id": file_id})).share
    named = share_hash(share)
    file_key = derive_file_key(secret, share, unit_id=unit_id, file_id=file_id, named=named)
    sealer = Sealer(file_key, size=len(data))

    def seal(file: IO[bytes]) -> None:
        Spool.write(file, sealer.update(data))
        for piece in sealer.finish():
            Spool.write(file, piece)

    try:
        with spool.writing(file_id) as file:
            await asyncio.to_thread(seal, file)
            sending = Sending.of(api, file_id, file, length, no_progress)
            await sending.send(0, is_there, known(sealer.digest))
    finally:
        spool.drop(file_id)
    return Blob(file_id, named, sealer.digest)


async def fetch_part(api: Api, part: HistoryPart, secret: bytes, *, unit_id: UnitId) -> bytes:
    """Fetch and open a part; nothing of it is written anywhere.

    Raises:
        ProtocolError: FILE-1 to FILE-6.
        ServerProblem: `gone`: its time is over.
        TransportError: the server was not reached, again and again.
    """
    attachment = Attachment(
        file_id=part.file_id,
        name="",
        content_type="application/octet-stream",
        size=part.size,
        secret=Secret(secret),
        share_hash=part.share_hash,
        digest=part.digest,
    )
    pieces = [piece async for piece in stream(api, unit_id=unit_id, attachment=attachment)]
    return b"".join(pieces)
