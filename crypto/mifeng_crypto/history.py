"""What was said before a device came into a unit, handed over by one that was there (protocol.md,
"History").

    blob    messages of one slot as they were signed and sent: their deadline is the blob's
    keys    the file secrets of the blobs, under a key that is drawn for one hand-over
    box     that key, sealed to one device, for one joining

A blob is a file of the unit like any other, so the server's share enters its key as well: nothing
of it can be opened once the originals are gone.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError
from mifeng_crypto.ids import (
    PROTOCOL_VERSION,
    DeviceId,
    FileId,
    GroupId,
    ProtocolVersion,
    UnixMillis,
    WorkspaceId,
)
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import Strict
from mifeng_crypto.mls.message.original import Original
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.rand import Rng
from mifeng_crypto.sealing import open_sealed, seal_to
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import (
    Bytes32,
    Opaque,
    UInt16,
    UInt32,
    UInt64,
    Vec,
    Width,
    decode,
    encode,
    struct,
)

__all__ = [
    "MAX_BLOB_BYTES",
    "MAX_PARTS",
    "MAX_RECEIVERS",
    "OUT_OF_TIME_MS",
    "Handed",
    "HandedMessage",
    "HistoryBlob",
    "HistoryContext",
    "HistoryPart",
    "keys_hash",
    "open_blob",
    "open_keys",
    "pack",
    "seal_box",
    "seal_keys",
]

LABEL = "History"
SECRET_BYTES = 32
NONCE_BYTES = 12
MAX_PARTS = 200
"""Of one hand-over: the newest."""
MAX_RECEIVERS = 100
"""Of one message; whoever adds more people at once sends several."""
MAX_BLOB_BYTES = 16 << 20
"""Of ciphertext, at the server."""
OUT_OF_TIME_MS = 24 * 3_600_000
"""So long after a joining history may come, by the times of the log; so long after a device was
linked it is handed over to it."""


@struct
class HistoryPart:
    """A blob: a file with messages `first` to `last` of one slot and deadline.

    `size` is that of the plaintext, `messages` how many there are, `strict` whether the unit was
    strict when they were accepted.
    """

    file_id: FileId
    share_hash: Bytes32
    digest: Bytes32
    size: UInt64
    slot: UInt64
    deadline: UnixMillis
    strict: Annotated[Strict, Width(1)]
    first: UInt64
    last: UInt64
    messages: UInt32


@struct
class HandedMessage:
    """A message of a blob: its content, and its `Original`, whose context is that of this place."""

    sequence: UInt64
    context: UInt16
    leaf_index: UInt32
    authenticated_data: Opaque
    content: Opaque
    signature: Opaque
    key: Opaque
    nonce: Opaque
    sender_data: Opaque
    padding: UInt32

    def __repr__(self) -> str:
        return f"HandedMessage(number {self.sequence})"


@struct
class HistoryBlob:
    """The plaintext of a part."""

    version: ProtocolVersion
    group: GroupId
    contexts: Vec[GroupContext]
    messages: Vec[HandedMessage]


@struct
class HistoryContext:
    """What a box is bound to: this joining of this device, this giver, these parts."""

    version: ProtocolVersion
    workspace_id: WorkspaceId
    group: GroupId
    joined: Head
    giver: DeviceId
    receiver: DeviceId
    keys_hash: Bytes32


class Handed(NamedTuple):
    """A message of a blob, opened; nothing of it is verified."""

    sequence: int
    original: Original
    content: bytes


# ------------------------------------------------------------------ blobs


def pack(group: GroupId, messages: Iterable[Handed]) -> bytes:
    """Return the plaintext of a part."""
    contexts = dict[bytes, int]()
    values = list[GroupContext]()
    handed = []
    for sequence, original, content in messages:
        place = contexts.setdefault(encode(original.context), len(contexts))
        if place == len(values):
            values.append(original.context)
        handed.append(
            HandedMessage(
                sequence=sequence,
                context=place,
                leaf_index=original.leaf_index,
                authenticated_data=original.authenticated_data,
                content=content,
                signature=original.signature,
                key=original.key,
                nonce=original.nonce,
                sender_data=original.sender_data,
                padding=original.padding,
            )
        )
    return encode(HistoryBlob(PROTOCOL_VERSION, group, tuple(values), tuple(handed)))


def open_blob(data: bytes, part: HistoryPart, *, group: GroupId, before: int) -> list[Handed]:
    """HISTORY-6: read a part; it is what it is called.

    Args:
        data: the plaintext of its file.
        part: as it was named.
        group: the unit's.
        before: the sequence of the joining: everything in it came earlier.

    Raises:
        ProtocolError: HISTORY-6.
    """
    try:
        blob = decode(HistoryBlob, data)
    except CodecError as err:
        raise _other_part() from err
    numbers = [message.sequence for message in blob.messages]
    if (
        (blob.version, blob.group, len(numbers)) != (PROTOCOL_VERSION, group, part.messages)
        or not numbers
        or any(a >= b for a, b in itertools.pairwise(numbers))
        or (numbers[0], numbers[-1]) != (part.first, part.last)
        or part.last >= before
        or any(message.context >= len(blob.contexts) for message in blob.messages)
    ):
        raise _other_part()
    return [
        Handed(
            message.sequence,
            Original(
                context=blob.contexts[message.context],
                leaf_index=message.leaf_index,
                authenticated_data=message.authenticated_data,
                signature=message.signature,
                key=message.key,
                nonce=message.nonce,
                sender_data=message.sender_data,
                padding=message.padding,
            ),
            message.content,
        )
        for message in blob.messages
    ]


def _other_part() -> ProtocolError:
    return ProtocolError("HISTORY-6", "a part of the history is not what it was said to be")


# ------------------------------------------------------------------ keys and boxes


def seal_keys(secrets: Sequence[bytes], parts: Sequence[HistoryPart], *, rng: Rng) -> bytes:
    """Seal the file secrets of the parts, in their order, under a key of one hand-over.

    Returns:
        That key, 32 bytes, and behind it what travels in the message.
    """
    key, nonce = rng(SECRET_BYTES), rng(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, b"".join(secrets), _hash_of(parts))
    return key + nonce + sealed


def seal_box(key: bytes, hpke_key: bytes, context: HistoryContext) -> bytes:
    """Seal that key to a device (protocol.md, "Sealed to a device").

    Raises:
        CryptoError: the device has given the roster no key.
    """
    return seal_to(hpke_key, LABEL, encode(context), key)


def keys_hash(keys: bytes) -> bytes:
    """Return the hash by which a box names the keys, and by these the parts."""
    return hashlib.sha256(keys).digest()


def open_keys(
    sealed: bytes,
    keys: bytes,
    parts: Sequence[HistoryPart],
    *,
    context: HistoryContext,
    hpke_key: bytes,
) -> list[Secret]:
    """HISTORY-5: open a box, and what is under its key: the file secrets of the parts.

    Raises:
        ProtocolError: HISTORY-5: it is for another device, joining, giver or hand-over.
    """
    try:
        key = open_sealed(hpke_key, LABEL, encode(context), sealed)
        opened = AESGCM(key).decrypt(keys[:NONCE_BYTES], keys[NONCE_BYTES:], _hash_of(parts))
    except (CryptoError, InvalidTag, ValueError) as err:
        raise _other_box() from err
    if len(opened) != SECRET_BYTES * len(parts):
        raise _other_box()
    return [Secret(opened[at : at + SECRET_BYTES]) for at in range(0, len(opened), SECRET_BYTES)]


def _other_box() -> ProtocolError:
    return ProtocolError(
        "HISTORY-5", "the keys of a history were not sealed to this device, for this joining"
    )


def _hash_of(parts: Sequence[HistoryPart]) -> bytes:
    return hashlib.sha256(b"".join(encode(part) for part in parts)).digest()
