"""Any part of a file, from only the chunks that hold it: a film that plays before it is here.

A part is authentic, in its place, and of this file. That the file as a whole is what its message
names (FILE-6) is known only to whoever reads all of it: `download` does.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import AsyncGenerator

from mifeng.content.attachment import Attachment
from mifeng.errors import NotFoundError
from mifeng.net import Api
from mifeng.transfer.attempts import Attempts
from mifeng.transfer.down import file_key
from mifeng_crypto.errors import ProtocolError, TransportError
from mifeng_crypto.files.open import check_sealed_length
from mifeng_crypto.files.ranged import PartialOpener
from mifeng_crypto.files.sealed import CHUNK_BYTES, HEADER_BYTES, SEALED_CHUNK_BYTES
from mifeng_crypto.ids import UnitId

__all__ = ["Reader", "open_reader"]

_READ_BYTES = 256 << 10


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Reader:
    """A file whose commitment was checked; its key is in memory only, until `close`.

    Attributes:
        api: the server.
        path: of the file there.
        size: how many bytes it has.
        opener: opens its chunks.
    """

    api: Api
    path: str
    size: int
    opener: PartialOpener

    @property
    def is_open(self) -> bool:
        """Whether anything can be read with it still."""
        return self.opener.is_alive

    def close(self) -> None:
        """Destroy the file's key."""
        self.opener.wipe()

    def _check_open(self) -> None:
        if not self.is_open:
            raise NotFoundError("this file is not there any longer: its time is over")

    async def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to `stop`.

        Raises:
            MifengError: as `pieces`.
        """
        return b"".join([piece async for piece in self.pieces(start, stop)])

    async def pieces(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` up to `stop` as they come.

        Raises:
            UsageError: they are not within the file.
            NotFoundError: it was closed, its time is over.
            ProtocolError: FILE-2, FILE-4.
            ServerProblem: `gone`, `not_found`.
            TransportError: the server was not reached, again and again.
        """
        attempts = Attempts()
        while start < stop:
            begin = start
            try:
                async for piece in self._read_once(start, stop):
                    start += len(piece)
                    yield piece
            except TransportError as err:
                if start > begin:
                    attempts = Attempts(under_way=True)
                await attempts.pause(err)

    async def _read_once(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        self._check_open()
        begin, end = self.opener.range(start, stop)
        held = bytearray()
        async with self.api.raw(
            "GET", self.path, headers={"Range": f"bytes={begin}-{end - 1}"}
        ) as response:
            check_part(response.headers.get("Content-Range", ""), begin, end, self.size)
            async for piece in response.content.iter_chunked(_READ_BYTES):
                held += piece
                begin += len(piece)
                whole = len(held) if begin == end else len(held) - len(held) % SEALED_CHUNK_BYTES
                if whole:
                    chunks = -(-whole // SEALED_CHUNK_BYTES)
                    to = min(stop, (start // CHUNK_BYTES + chunks) * CHUNK_BYTES)
                    sealed = bytes(memoryview(held)[:whole])
                    del held[:whole]
                    self._check_open()
                    yield await asyncio.to_thread(self.opener.open, start, to, sealed)
                    start = to
        if start < stop:
            raise TransportError("the file broke off on its way; try again")


async def open_reader(api: Api, *, unit_id: UnitId, attachment: Attachment) -> Reader:
    """Make ready to read parts of a file: fetch its share and its first bytes.

    Raises:
        ProtocolError: FILE-1, FILE-2, FILE-3.
        ServerProblem: `gone`, `not_found`.
        TransportError: the server was not reached.
    """
    key = await file_key(api, unit_id, attachment)
    headers = {"Range": f"bytes=0-{HEADER_BYTES - 1}"}
    path = f"/v1/files/{attachment.file_id.hex()}"
    async with api.raw("GET", path, headers=headers) as response:
        check_part(response.headers.get("Content-Range", ""), 0, HEADER_BYTES, attachment.size)
        header = await response.read()
    return Reader(
        api=api,
        path=path,
        size=attachment.size,
        opener=PartialOpener(key, size=attachment.size, header=header),
    )


def check_part(content_range: str, begin: int, end: int, size: int) -> None:
    """FILE-2, before anything is read: the part is the one that was asked for, of this length."""
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", content_range)
    if found is None or (int(found[1]), int(found[2])) != (begin, end - 1):
        raise ProtocolError("API-1", "the server sent another part of the file than was asked for")
    check_sealed_length(int(found[3]), size=size)
