"""What the server has signed: checkpoints pinned, receipts kept (protocol.md, "Checkpoints").

CHECKPOINT-4  there is one of each ledger and log that the server serves this device
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mifeng.core.alarms import place_of
from mifeng.core.rows import Changes
from mifeng_crypto.api.messages import AcceptedReply
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate import header_hash
from mifeng_crypto.ids import UnitId, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.checkpoint import Checkpoint, open_checkpoint
from mifeng_crypto.ledger.note import parse_note
from mifeng_crypto.ledger.receipt import Acceptance, check_states, open_receipt
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import LogHeader

__all__ = ["check_receipt", "find_note", "pin_row", "receipt_row", "reopen"]


def find_note(notes: Sequence[bytes], origin: str) -> bytes:
    """CHECKPOINT-4: return the note of this origin.

    Raises:
        ProtocolError: NOTE-1; CHECKPOINT-4.
    """
    for note in notes:
        if parse_note(note).text.startswith(origin + "\n"):
            return note
    raise ProtocolError(
        "CHECKPOINT-4",
        "the server does not sign where {origin} stands, though the roster names its key; "
        "tell your administrator",
        origin=origin,
    )


def reopen(note: bytes | None, origin: str, roster: Roster) -> Checkpoint | None:
    """Return a pinned checkpoint; None if there is none, or the roster names another key now."""
    if note is None or roster.server.checkpoint_key is None:
        return None
    try:
        return open_checkpoint(
            note,
            origin=origin,
            workspace_id=roster.workspace_id,
            public_key=roster.server.checkpoint_key,
        )
    except ProtocolError as err:
        if err.rule == "NOTE-2":
            return None
        raise


def pin_row(found: Checkpoint) -> Changes:
    """Return the row that pins a checkpoint."""
    return {("pins", found.origin.encode()): found.note}


def check_receipt(
    reply: AcceptedReply, header: LogHeader, *, workspace_id: WorkspaceId, public_key: bytes
) -> None:
    """Verify that the server has signed what it answered.

    Raises:
        ProtocolError: RECEIPT-1 to RECEIPT-3.
    """
    expected = Acceptance(
        workspace_id=workspace_id,
        group=header.group,
        sequence=header.sequence,
        hash=header_hash(header),
        retain_until=UnixMillis(reply.retain_until),
    )
    check_states(open_receipt(reply.receipt, public_key=public_key), expected)


def receipt_row(header: LogHeader, receipt: bytes) -> Mapping[tuple[str, bytes], bytes | None]:
    """Return the row that keeps a receipt."""
    unit_id = UnitId(header.group.unit_id)
    place = place_of(unit_id, header.group.generation, header.sequence)
    return {("receipts", place): receipt}
