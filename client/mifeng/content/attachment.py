"""A file, as a message names it: a MIMI ExternalPart (protocol.md, "Files").

The part's `key` is the file secret, its `contentHash` that of the ciphertext, its `size` that of
the plaintext. MIMI has no field for the hash of the server's share; it stands in an extension, by
file id.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

from mifeng.content.mimi import SHA256, Disposition, ExternalPart, Part, SinglePart, Value
from mifeng.content.preview import MAX_THUMBNAIL_BYTES, NO_PREVIEW, Preview
from mifeng.content.uris import file_id_of, file_uri
from mifeng_crypto.errors import CodecError
from mifeng_crypto.files.key import SECRET_BYTES
from mifeng_crypto.files.sealed import MAX_FILE_BYTES
from mifeng_crypto.ids import FileId, WorkspaceId
from mifeng_crypto.secret import Secret

__all__ = [
    "COBBLESTONE_256",
    "MEDIA",
    "SHARES",
    "Attachment",
    "attachment_of",
    "attachments_of",
    "extensions_of",
    "parts_of",
]

COBBLESTONE_256 = 0xF0C0
"""`encAlg` (private use): Cobblestone-256 under the file key of protocol.md."""
SHARES = "mifeng.shares"
"""Extension: a map from file id to the SHA-256 of the file's share."""
MEDIA = "mifeng.media"
"""Extension: a map from file id to [width, height, duration in ms, pages]; 0: not known."""
THUMBNAIL_TYPES = frozenset({"image/webp", "image/jpeg", "image/png"})

_HASH_BYTES = 32


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """All that is needed to download and open a file, but the server's share.

    `name` and `content_type` are the sender's words: `mifeng.transfer` makes a name safe.
    """

    file_id: FileId
    name: str
    content_type: str
    size: int
    secret: Secret
    share_hash: bytes
    digest: bytes
    preview: Preview = NO_PREVIEW


def parts_of(attachment: Attachment, workspace_id: WorkspaceId) -> list[Part]:
    """Return the part that names a file, and behind it the small picture of it, if there is one.

    The share's hash, and what else is known of the file, go into extensions.
    """
    preview = attachment.preview
    parts: list[Part] = [
        ExternalPart(
            content_type=attachment.content_type,
            url=file_uri(workspace_id, attachment.file_id),
            size=attachment.size,
            enc_alg=COBBLESTONE_256,
            key=bytes(attachment.secret),
            hash_alg=SHA256,
            content_hash=attachment.digest,
            filename=attachment.name,
        )
    ]
    if preview.thumbnail:
        small = SinglePart(
            disposition=Disposition.PREVIEW,
            content_type=preview.thumbnail_type,
            content=preview.thumbnail,
        )
        parts.append(small)
    return parts


def extensions_of(attachments: Sequence[Attachment]) -> dict[int | str, Value]:
    """Return the extensions that go with the parts of files."""
    shares: dict[int | str | bytes, Value] = {bytes(a.file_id): a.share_hash for a in attachments}
    media: dict[int | str | bytes, Value] = {}
    for a in attachments:
        facts = a.preview.width, a.preview.height, a.preview.duration_ms, a.preview.pages
        if any(facts):
            media[bytes(a.file_id)] = facts
    extensions: dict[int | str, Value] = {SHARES: shares} if shares else {}
    return {**extensions, MEDIA: media} if media else extensions


def attachments_of(
    parts: Sequence[Part], extensions: Mapping[int | str, Value], workspace_id: WorkspaceId
) -> tuple[Attachment, ...]:
    """Return the files that a message shows.

    Raises:
        CodecError: one of them cannot be a file of ours.
    """
    shares, media = extensions.get(SHARES), extensions.get(MEDIA)
    found: list[Attachment] = []
    for before, part in pairwise([None, *parts]):
        if isinstance(part, ExternalPart) and part.disposition == Disposition.ATTACHMENT:
            attachment = attachment_of(part, shares, workspace_id)
            facts = media.get(attachment.file_id) if isinstance(media, Mapping) else None
            found.append(dataclasses.replace(attachment, preview=_preview(facts)))
        elif _is_thumbnail(part) and isinstance(before, ExternalPart) and found:
            assert isinstance(part, SinglePart), "it is a thumbnail"
            preview = msgspec.structs.replace(
                found[-1].preview, thumbnail=part.content, thumbnail_type=part.content_type
            )
            found[-1] = dataclasses.replace(found[-1], preview=preview)
    return tuple(found)


def _is_thumbnail(part: Part | None) -> bool:
    """Whether it is a small picture of a kind that is shown; others are passed over."""
    return (
        isinstance(part, SinglePart)
        and part.disposition == Disposition.PREVIEW
        and part.content_type in THUMBNAIL_TYPES
        and len(part.content) <= MAX_THUMBNAIL_BYTES
    )


def _preview(facts: Value) -> Preview:
    """What the sender says of a file; nothing, where it is not said as it should be."""
    if not isinstance(facts, tuple) or len(facts) != 4:
        return NO_PREVIEW
    numbers = [fact if type(fact) is int and 0 <= fact < 1 << 53 else 0 for fact in facts]
    width, height, duration_ms, pages = numbers
    return Preview(width=width, height=height, duration_ms=duration_ms, pages=pages)


def attachment_of(part: ExternalPart, shares: Value, workspace_id: WorkspaceId) -> Attachment:
    """Return the file that a part names.

    Raises:
        CodecError: it cannot be a file of ours.
    """
    file_id = file_id_of(part.url, workspace_id)
    share_hash = shares.get(file_id) if isinstance(shares, dict) else None
    sizes = len(part.key) == SECRET_BYTES, len(part.content_hash) == _HASH_BYTES
    algorithms = part.enc_alg == COBBLESTONE_256, part.hash_alg == SHA256
    if (
        not isinstance(share_hash, bytes)
        or len(share_hash) != _HASH_BYTES
        or not all((*sizes, *algorithms, part.size <= MAX_FILE_BYTES))
        or part.nonce
        or part.aad
    ):
        raise CodecError("a message names a file in a way that nobody can open")
    return Attachment(
        file_id=file_id,
        name=part.filename,
        content_type=part.content_type,
        size=part.size,
        secret=Secret(part.key),
        share_hash=share_hash,
        digest=part.content_hash,
    )
