"""Blobs as numbered objects of 4 MiB: object stores have no append, and this needs none.

    <key in hex>/00000000   4 MiB
    <key in hex>/00000001   4 MiB
    <key in hex>/00000002   the rest: growing, it is written anew under the same name

So an upload that is interrupted anywhere is whole up to its last object, its size is a listing,
and a range is found by division. Memory: two objects for each upload, one for each download.

Nobody holds a lock on a blob, for none would outlive the connection that holds it: an object is put
only if there is none yet, or if it is still the one that was read. So of two nodes that write one
blob, one is told that it came late, however long it had slept.

Beside each object stand the CRC-32s of its MiB. A piece is read whole and compared before a byte of
it is served: a disk or a line that bends bits is a failure here, and not a riddle for clients.
"""

from __future__ import annotations

import asyncio
import binascii
import itertools
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PreconditionError,
)
from obstore.store import ObjectStore

from mifeng_crypto.errors import StorageError
from mifeng_server.blobs.layout import OBJECT_BYTES, PIECE_BYTES, broken
from mifeng_server.domain.protocols import (
    Checksum,
    ConflictError,
    FullError,
    Hashing,
    checked,
)

if TYPE_CHECKING:  # there are no such names when it runs
    from obstore import ObjectMeta, PutMode

__all__ = ["ObjectBlobs"]

CHECKSUMS = "crc32"
"""The metadata of an object: one checksum a piece, in hex."""


class ObjectBlobs:
    """`Blobs` on an object store whose `put` is atomic, durable, and keeps to conditions."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def append(
        self,
        key: bytes,
        offset: int,
        chunks: AsyncIterator[bytes],
        *,
        checksum: Checksum | None = None,
        hashing: Hashing | None = None,
    ) -> int:
        objects = {meta["path"]: meta async for meta in self._all(key.hex())}
        size = sum(meta["size"] for meta in objects.values())
        if size != offset:
            raise ConflictError(f"the blob has {size} bytes, not {offset}")
        number, filled = divmod(offset, OBJECT_BYTES)
        kept, growing = bytearray(), objects.get(_name(key, number))
        if filled:
            for at in range(0, filled, PIECE_BYTES):
                kept += await self._piece(key, number, at)
            if len(kept) != filled:
                raise broken()
        written = filled
        try:
            async for chunk in chunks if checksum is None else checked(chunks, checksum):
                if hashing is not None:
                    hashing.update(chunk)
                kept += chunk
                while len(kept) >= OBJECT_BYTES:
                    whole = bytes(memoryview(kept)[:OBJECT_BYTES])
                    await self.put(_name(key, number), whole, growing)
                    del kept[:OBJECT_BYTES]
                    number, written, growing = number + 1, 0, None
        except (StorageError, ConflictError):
            kept.clear()  # the store does not take it: what comes behind it has no place
            raise
        finally:
            # Also when the sender broke off: what it sent need not be sent again.
            if len(kept) > written:
                await self.put(_name(key, number), bytes(kept), growing)
        return number * OBJECT_BYTES + len(kept)

    async def put(self, name: str, data: bytes, before: ObjectMeta | None) -> None:
        """Write one object, durably, in place of what was read before; None: there was none.

        Raises:
            ConflictError: somebody else has written it meanwhile.
            FullError: no space.
            StorageError: the store failed otherwise.
        """
        try:
            await self._put(name, data, before)
        except (AlreadyExistsError, PreconditionError) as err:
            # It may have been this very call, whose answer was lost and which was repeated.
            if await self._whole(name) != data:
                raise ConflictError("another node has written this part of the blob") from err
        except (BaseError, OSError) as err:
            if "No space left" in str(err) or "Disk quota" in str(err):
                raise FullError from err
            raise _failed(err) from err

    async def _put(self, name: str, data: bytes, before: ObjectMeta | None) -> None:
        if before is None:
            known: PutMode = "create"
        else:
            known = {"e_tag": before["e_tag"] or ""}
        await obstore.put_async(
            self._store,
            name,
            data,
            use_multipart=False,
            mode=known,
            attributes={CHECKSUMS: " ".join(_checksums(data))},
        )

    async def _whole(self, name: str) -> bytes:
        try:
            return bytes(await (await obstore.get_async(self._store, name)).bytes_async())
        except (BaseError, OSError) as err:
            raise _failed(err) from err

    async def size(self, key: bytes) -> int:
        return sum([meta["size"] async for meta in self._all(key.hex())])

    async def room(self) -> int | None:
        return None

    async def read(self, key: bytes, start: int, end: int) -> AsyncIterator[bytes]:
        while start < end:
            number, at = divmod(start, OBJECT_BYTES)
            into = at % PIECE_BYTES
            piece = await self._piece(key, number, at - into)
            part = piece[into : into + end - start]
            # A blob ends anywhere, but only its last object is shorter.
            if not part or (start + len(part) < end and into + len(part) < PIECE_BYTES):
                raise broken()
            yield part
            start += len(part)

    async def _piece(self, key: bytes, number: int, at: int) -> bytes:
        """Read one MiB of an object, or what there is of it."""
        try:
            got = await obstore.get_async(
                self._store, _name(key, number), options={"range": (at, at + PIECE_BYTES)}
            )
            data = bytes(await got.bytes_async())
        except (NotFoundError, FileNotFoundError) as err:
            raise broken() from err
        except (BaseError, OSError) as err:
            raise _failed(err) from err
        # What somebody copied into the bucket has none.
        known = got.attributes.get(CHECKSUMS, "").split()
        if known and known[at // PIECE_BYTES :][:1] != _checksums(data):
            raise StorageError("the blob store gave back other bytes than were put")
        return data

    async def delete(self, *keys: bytes) -> None:
        # From the end: a deletion that was cut off leaves a blob that is only shorter.
        found = await asyncio.gather(*(self._names(key) for key in keys))
        names = sorted(itertools.chain(*found), reverse=True)
        try:
            await obstore.delete_async(self._store, names)
        except (BaseError, OSError) as err:
            raise _failed(err) from err

    async def _names(self, key: bytes) -> list[str]:
        return [meta["path"] async for meta in self._all(key.hex())]

    async def keys(self) -> frozenset[bytes]:
        # By the objects: some stores go on listing a folder in which there are none any more.
        paths = [meta["path"] async for meta in self._all("")]
        return frozenset(bytes.fromhex(path.partition("/")[0]) for path in paths)

    async def _all(self, prefix: str) -> AsyncIterator[ObjectMeta]:
        try:
            async for page in obstore.list(self._store, prefix=prefix):
                for meta in page:
                    yield meta
        except (BaseError, OSError) as err:
            raise _failed(err) from err


def _checksums(data: bytes) -> list[str]:
    whole = memoryview(data)
    return [
        f"{binascii.crc32(whole[at : at + PIECE_BYTES]):08x}"
        for at in range(0, len(data), PIECE_BYTES)
    ]


def _failed(err: Exception) -> StorageError:
    # Its own words hold the address of the object: they are not for the log.
    status = re.search(r"status code: ([0-9]{3})", str(err))
    reason = type(err).__name__ + (f", HTTP {status[1]}" if status else "")
    return StorageError("the blob store failed: {reason}", reason=reason)


def _name(key: bytes, number: int) -> str:
    return f"{key.hex()}/{number:08x}"
