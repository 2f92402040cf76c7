"""Files that are sealed and on their way, as rows: what a message will say of them."""

from __future__ import annotations

from mifeng.content import Attachment, Preview
from mifeng.core.rows import Changes, UploadRecord
from mifeng_crypto.ids import FileId, UnitId, UnixMillis
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import decode, encode

__all__ = ["attachment_from", "done", "on_its_way"]


def on_its_way(unit_id: UnitId, attachment: Attachment, *, now: UnixMillis) -> Changes:
    """Return the row of a file whose ciphertext is on this device's disk."""
    preview = attachment.preview
    record = UploadRecord(
        name=attachment.name,
        content_type=attachment.content_type,
        size=attachment.size,
        secret=attachment.secret,
        share_hash=attachment.share_hash,
        digest=attachment.digest,
        width=preview.width,
        height=preview.height,
        duration_ms=preview.duration_ms,
        pages=preview.pages,
        thumbnail=preview.thumbnail,
        thumbnail_type=preview.thumbnail_type,
        created_at=now,
    )
    return {("uploads", unit_id + attachment.file_id): encode(record)}


def done(unit_id: UnitId, *file_ids: FileId) -> Changes:
    """Return the deletion of such rows: a message shows the files now, or nobody wants them."""
    return {("uploads", unit_id + file_id): None for file_id in file_ids}


def attachment_from(key: bytes, row: bytes) -> Attachment:
    """Read a row; the key is without the unit's id."""
    record = decode(UploadRecord, row)
    return Attachment(
        file_id=FileId(key),
        name=record.name,
        content_type=record.content_type,
        size=record.size,
        secret=Secret(record.secret),
        share_hash=record.share_hash,
        digest=record.digest,
        preview=Preview(
            width=record.width,
            height=record.height,
            duration_ms=record.duration_ms,
            pages=record.pages,
            thumbnail=record.thumbnail,
            thumbnail_type=record.thumbnail_type,
        ),
    )
