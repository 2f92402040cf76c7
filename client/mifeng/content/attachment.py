"""A file, as a message names it: a MIMI ExternalPart (protocol.md, "Files").

The part's `key` is the file secret, its `contentHash` that of the ciphertext, its `size` that of
the plaintext. MIMI has no field for the hash of the server's share; it stands in an extension, by
file id.
"""

from __future__ import annotations

import dataclasses

from mifeng.content.mimi import SHA256, ExternalPart, Value
from mifeng.content.preview import NO_PREVIEW, Preview
from mifeng.content.uris import file_id_of, file_uri
from mifeng_crypto.errors import CodecError
from mifeng_crypto.files.key import SECRET_BYTES
from mifeng_crypto.files.sealed import MAX_FILE_BYTES
from mifeng_crypto.ids import FileId, WorkspaceId
from mifeng_crypto.secret import Secret

__all__ = ["COBBLESTONE_256", "SHARES", "Attachment", "attachment_of", "part_of"]

COBBLESTONE_256 = 0xF0C0
"""`encAlg` (private use): Cobblestone-256 under the file key of protocol.md."""
SHARES = "mifeng.shares"
"""Extension: a map from file id to the SHA-256 of the file's share."""

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


def part_of(attachment: Attachment, workspace_id: WorkspaceId) -> ExternalPart:
    """Return the part that names a file; the share's hash goes into the extension."""
    return ExternalPart(
        content_type=attachment.content_type,
        url=file_uri(workspace_id, attachment.file_id),
        size=attachment.size,
        enc_alg=COBBLESTONE_256,
        key=bytes(attachment.secret),
        hash_alg=SHA256,
        content_hash=attachment.digest,
        filename=attachment.name,
    )


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
