"""Checkpoints: the server's signed word on where a ledger or a log stands (protocol.md,
"Checkpoints"). In the form of C2SP tlog-checkpoint: a signed note of three lines.

    origin, which names the workspace and the ledger or log
    sequence of the head, in decimal
    hash of the head, in base64

    CHECKPOINT-1  it has this form, and this origin
    CHECKPOINT-2  it is not before the one that is pinned
    CHECKPOINT-3  it does not name another head at the sequence of the one that is pinned

Whether the head is on one's own ledger is asked of that (`check_has`: LEDGER-8, LEDGER-9).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import GroupId, UnitId, WorkspaceId
from mifeng_crypto.ledger.chain import SplitView, SplitViewError
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.note import sign_note, verify_note

__all__ = [
    "Checkpoint",
    "check_pin",
    "key_name",
    "open_checkpoint",
    "origin_of_charter",
    "origin_of_log",
    "origin_of_roster",
    "sign_checkpoint",
]

HASH_BYTES = 32
MAX_SEQUENCE = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A verified checkpoint. `note` is the whole note: the evidence of what the server said."""

    origin: str
    head: Head
    note: bytes


def key_name(workspace_id: WorkspaceId) -> str:
    """Return what a workspace's checkpoint key is called in notes."""
    return f"mifeng/{workspace_id.hex()}"


def origin_of_roster(workspace_id: WorkspaceId) -> str:
    """Return what the first line of a roster's checkpoints says."""
    return f"{key_name(workspace_id)}/roster"


def origin_of_charter(workspace_id: WorkspaceId, unit_id: UnitId) -> str:
    """Return what the first line of a charter's checkpoints says."""
    return f"{key_name(workspace_id)}/charter/{unit_id.hex()}"


def origin_of_log(workspace_id: WorkspaceId, group: GroupId) -> str:
    """Return what the first line of the checkpoints of a generation's log says."""
    return f"{key_name(workspace_id)}/log/{group.unit_id.hex()}/{group.generation}"


def sign_checkpoint(
    origin: str, head: Head, *, workspace_id: WorkspaceId, signing_key: bytes
) -> bytes:
    """Make a checkpoint: the server's signed word that the ledger of this origin ends here."""
    return sign_note(_text(origin, head), name=key_name(workspace_id), signing_key=signing_key)


def open_checkpoint(
    note: bytes, *, origin: str, workspace_id: WorkspaceId, public_key: bytes
) -> Checkpoint:
    """Verify a checkpoint.

    Args:
        note: what the server sent.
        origin: of the ledger or log that was asked for.
        workspace_id: whose key it is.
        public_key: the workspace's checkpoint key, from the roster.

    Raises:
        ProtocolError: NOTE-1, NOTE-2, CHECKPOINT-1.
    """
    text = verify_note(note, name=key_name(workspace_id), public_key=public_key)
    return Checkpoint(origin, _head(text, origin), note)


def check_pin(pinned: Checkpoint | None, found: Checkpoint) -> None:
    """Decide whether `found` may take the place of the checkpoint that is pinned.

    Raises:
        ProtocolError: CHECKPOINT-2.
        SplitViewError: CHECKPOINT-3: the server signed two histories; both notes prove it.
    """
    if pinned is None:
        return
    assert pinned.origin == found.origin, "a pin belongs to one ledger"
    if found.head.sequence < pinned.head.sequence:
        raise ProtocolError(
            "CHECKPOINT-2",
            "the server went back from entry {pinned} to {found}: it was restored, or it hides "
            "what came since; stop, and tell your administrator",
            pinned=pinned.head.sequence,
            found=found.head.sequence,
        )
    if found.head.sequence == pinned.head.sequence and found.head != pinned.head:
        raise SplitViewError(
            "CHECKPOINT-3",
            "the server signed two different histories up to entry {sequence} of {ledger}; stop, "
            "and tell your administrator",
            split=SplitView(found.origin, pinned.head, found.head, pinned.note + found.note),
        )


def _text(origin: str, head: Head) -> str:
    return f"{origin}\n{head.sequence}\n{base64.b64encode(head.hash).decode()}\n"


def _head(text: str, origin: str) -> Head:
    """CHECKPOINT-1. Written again it is the same text: so there is one form of each."""
    try:
        _, sequence, root = text.split("\n", 3)[:3]
        head = Head(int(sequence), base64.b64decode(root, validate=True))
    except (ValueError, binascii.Error):
        head = None
    if (
        head is None
        or len(head.hash) != HASH_BYTES
        or not 0 <= head.sequence <= MAX_SEQUENCE
        or _text(origin, head) != text
    ):
        raise ProtocolError(
            "CHECKPOINT-1", "this is no checkpoint of this ledger or log; fetch it again"
        )
    return head
