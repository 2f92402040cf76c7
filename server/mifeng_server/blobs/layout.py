"""How a blob lies in a folder or bucket: as numbered objects of 4 MiB."""

from __future__ import annotations

from mifeng_crypto.errors import StorageError

__all__ = ["OBJECT_BYTES", "PIECE_BYTES", "broken"]

OBJECT_BYTES = 4 << 20
PIECE_BYTES = 1 << 20
"""What is read and sent at once."""


def broken() -> StorageError:
    """A part of a blob is not there."""
    return StorageError("a file is not whole on the server's disk: restore it from a backup")
