"""Lengths and places in a sealed file (C2SP chunked-encryption, "Message chunking").

    salt 24 | commitment 32 | chunk 0 | chunk 1 | ... | last chunk, always shorter
                              16 KiB + tag 16           0 to 16 KiB - 1, + tag 16

The plaintext is padded with zeros to `padme(size)` before it is sealed; the message has the true
size. So the size of a file gives the length of its ciphertext, and nothing else is accepted.
"""

from __future__ import annotations

from mifeng_crypto.padme import padme

__all__ = [
    "CHUNK_BYTES",
    "HEADER_BYTES",
    "MAX_FILE_BYTES",
    "SEALED_CHUNK_BYTES",
    "TAG_BYTES",
    "chunk_count",
    "room_for",
    "sealed_length",
]

SALT_BYTES = 24
COMMITMENT_BYTES = 32
HEADER_BYTES = SALT_BYTES + COMMITMENT_BYTES
TAG_BYTES = 16
CHUNK_BYTES = 16_384
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES

MAX_FILE_BYTES = 1 << 42
"""4 TiB: far above what is sent, far below the 2^32 chunks that every reader must manage."""


def chunk_count(size: int) -> int:
    """Return how many chunks a file of `size` bytes has, with padding and the short last one."""
    return padme(size) // CHUNK_BYTES + 1


def room_for(count: int) -> int:
    """Return how much at most comes of `count` bytes, together with what was held back before."""
    return HEADER_BYTES + count + (count // CHUNK_BYTES + 1) * TAG_BYTES + SEALED_CHUNK_BYTES


def sealed_length(size: int) -> int:
    """Return the length of the ciphertext of a file of `size` bytes."""
    return HEADER_BYTES + padme(size) + chunk_count(size) * TAG_BYTES
