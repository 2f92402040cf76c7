"""The end of files: what opens them, then their bytes, then what is known of them."""

from __future__ import annotations

from mifeng_server.domain.house import House
from mifeng_server.domain.rows import Delete, FetchRow, FileRow, PostingRow, key_of

__all__ = ["BATCH", "FILE_ID_BYTES", "READERS", "destroy", "file_lock", "is_file", "postings_of"]

FILE_ID_BYTES = 16
READERS = 100_000
"""More than a unit has had members while a file lived."""
BATCH = 250
"""Rows in one transaction at most, for writers wait for one; larger ones are hardly quicker."""


def file_lock(file_id: bytes) -> bytes:
    """The lock under which a file is written or destroyed.

    A message that names it does without: a finished file grows no more, and the row is swapped.
    """
    return b"file" + file_id


def is_file(name: bytes) -> bool:
    """Whether the share of this name is a file's."""
    return len(name) == FILE_ID_BYTES


async def postings_of(house: House, file_id: bytes) -> tuple[PostingRow, ...]:
    """Return who has posted a file."""
    return await house.store.find(PostingRow, order="member_id", limit=READERS, file_id=file_id)


async def destroy(house: House, *files: FileRow) -> None:
    """Destroy files whose locks the caller holds, and whose time is over by what their rows say.

    Cut off in between, it is taken up again: by the purge, or by the sweep at the next start.
    """
    ids = [row.file_id for row in files]
    await house.shares.destroy(*ids)
    await house.blobs.delete(*ids)
    gone = list[Delete]()
    for kind in (FetchRow, PostingRow):
        known = await house.store.among(kind, "file_id", ids) if ids else ()
        gone += [Delete(kind, key_of(row)) for row in known]
    gone += [Delete(FileRow, (file_id,)) for file_id in ids]  # last: it is what is looked for
    for at in range(0, len(gone), BATCH):
        await house.store.write(gone[at : at + BATCH])
