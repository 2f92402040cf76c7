"""Any part of a file, as a player asks for it: fetched, checked and opened by itself."""

from __future__ import annotations

import asyncio
import re
from typing import Self

from mifeng.content import Attachment
from mifeng.net import Api
from mifeng_crypto.api.messages import ShareReply
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.files.key import derive_file_key
from mifeng_crypto.files.open import check_sealed_length
from mifeng_crypto.files.ranged import PartialOpener
from mifeng_crypto.files.sealed import HEADER_BYTES
from mifeng_crypto.ids import UnitId

__all__ = ["FileReader"]


class FileReader:
    """Reads one file. Its share and keys are in memory, and go with this object."""

    def __init__(self, api: Api, attachment: Attachment, opener: PartialOpener) -> None:
        self._api = api
        self._attachment = attachment
        self._opener = opener

    @classmethod
    async def open(cls, api: Api, unit_id: UnitId, attachment: Attachment) -> Self:
        """Fetch the share, and check that the server has the file that the message names.

        Raises:
            ServerProblem: `gone`: its time is over.
            ProtocolError: FILE-1, FILE-2, FILE-3.
            TransportError: the server was not reached.
        """
        reply = await api.call("share", ShareReply, path={"file_id": attachment.file_id})
        key = derive_file_key(
            attachment.secret,
            reply.share,
            unit_id=unit_id,
            file_id=attachment.file_id,
            named=attachment.share_hash,
        )
        header = await _fetch(api, attachment, 0, HEADER_BYTES)
        return cls(api, attachment, PartialOpener(key, size=attachment.size, header=header))

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._attachment.size

    async def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` to `stop`; each part of them is authentic.

        Raises:
            UsageError: this is not within the file.
            ProtocolError: FILE-2, FILE-4: the server sent something else.
            ServerProblem, TransportError: as `open`.
        """
        ciphertext = await _fetch(self._api, self._attachment, *self._opener.range(start, stop))
        return await asyncio.to_thread(self._opener.open, start, stop, ciphertext)


async def _fetch(api: Api, attachment: Attachment, begin: int, end: int) -> bytes:
    path = f"/v1/files/{attachment.file_id.hex()}"
    async with api.raw("GET", path, headers={"Range": f"bytes={begin}-{end - 1}"}) as response:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if response.status != 206 or found is None or int(found[1]) != begin:
            raise ProtocolError("API-1", "the server sent another part than was asked for")
        check_sealed_length(int(found[2]), size=attachment.size)
        sealed = bytearray()
        async for piece in response.content.iter_any():
            sealed += piece
            if len(sealed) > end - begin:
                raise ProtocolError("API-1", "the server sent more than was asked for")
    return bytes(sealed)
