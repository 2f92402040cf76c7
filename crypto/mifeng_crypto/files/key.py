"""The key of a file: made of a half in the message and a half at the server.

Neither half alone says anything about the key, so the honest deletion of either one is enough
(protocol.md, "Files"). File keys are never stored.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.ids import FileId, UnitId
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret

__all__ = ["SECRET_BYTES", "FileKey", "derive_file_key", "new_file_secret", "share_hash"]

SECRET_BYTES = 32
"""Length of a file secret, a share and a file key."""

_INFO = b"Mifeng 1.0 file"


@dataclasses.dataclass(frozen=True, slots=True)
class FileKey:
    """A Cobblestone-256 input key, and the context that binds it to one file of one unit."""

    key: Secret
    context: bytes


def new_file_secret(*, rng: Rng) -> Secret:
    """Draw the half that travels in the message; it is of use for one file only."""
    return Secret(rng(SECRET_BYTES))


def share_hash(share: bytes) -> bytes:
    """Return what a message says of the share, so that a wrong one is known as such."""
    return hashlib.sha256(share).digest()


def derive_file_key(
    secret: bytes, share: bytes, *, unit_id: UnitId, file_id: FileId, named: bytes
) -> FileKey:
    """Make the file key from its two halves.

    Args:
        secret: the file secret, 32 bytes.
        share: the server's share, 32 bytes.
        unit_id: the unit in which the file was uploaded.
        file_id: the server's id of the upload.
        named: the share's hash as the message has it; at upload, `share_hash(share)`.

    Raises:
        ProtocolError: FILE-1, it is not the share that the message names.
        UsageError: the secret has another length.
    """
    if len(secret) != SECRET_BYTES:
        raise UsageError("a file secret has 32 bytes; take the one in the message that shows it")
    check_share(share, named)
    context = bytes(unit_id) + bytes(file_id)
    key = HKDF(algorithm=SHA512(), length=SECRET_BYTES, salt=bytes(share), info=_INFO + context)
    return FileKey(Secret(key.derive(secret)), context)


def check_share(share: bytes, named: bytes) -> None:
    """FILE-1: the share has the hash that the message names, and its length.

    Raises:
        ProtocolError: it does not.
    """
    if len(share) != SECRET_BYTES or not hmac.compare_digest(share_hash(share), named):
        raise ProtocolError(
            "FILE-1",
            "the server handed out a share that does not belong to this file; "
            "ask the author to post the file again, and tell the operator",
        )
