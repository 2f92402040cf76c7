"""May what was said before a device came in be shown to it? See protocol.md, "History".

A newcomer has not been in the epoch of the message, nor has it the tree of that time. What it has
is the log: the hash of each header leads to the next one, and the last to its own joining. So it
knows what was accepted where, when and from which device, and what is handed over must be exactly
that; the ledgers say who had the right to it.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from mifeng_crypto.errors import CryptoError, ProtocolError
from mifeng_crypto.expiry import retain_until
from mifeng_crypto.expiry.slot import slot_of
from mifeng_crypto.gate.authenticated import check_clock, read_authenticated_data
from mifeng_crypto.gate.chain import (
    check_epoch,
    check_group,
    check_previous,
    check_same,
    check_sequence,
    header_hash,
)
from mifeng_crypto.gate.message import MAY_POST, check_no_state
from mifeng_crypto.gate.standing import Ledgers
from mifeng_crypto.history import Handed, HistoryPart
from mifeng_crypto.ids import GroupId, MemberId, UnixMillis
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import Strict
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import AuthenticatedData, EntryKind, Heads, LogEntry, LogHeader, Purpose
from mifeng_crypto.mls.message.original import bytes_of, verify_original
from mifeng_crypto.tls import decode, encode

__all__ = ["Judged", "Past", "check_handed", "check_past"]


@dataclass(frozen=True, slots=True)
class Past:
    """The log before a joining, from some entry on, as far as its headers tell.

    `heads` are those `heads` entries that are in it, by their sequence.
    """

    group: GroupId
    headers: Sequence[LogHeader]
    hashes: Sequence[bytes]
    heads: Sequence[tuple[int, Heads]]

    @property
    def first(self) -> int:
        """The sequence of its first entry."""
        return self.headers[0].sequence

    def header(self, sequence: int) -> LogHeader | None:
        """Return the header of an entry; None if it is not in it."""
        at = sequence - self.first
        return self.headers[at] if 0 <= at < len(self.headers) else None

    def heads_before(self, sequence: int) -> Heads | None:
        """Return the `heads` that judged an entry; None if they stand before all of this."""
        at = bisect.bisect_left(self.heads, sequence, key=lambda found: found[0])
        return self.heads[at - 1][1] if at else None

    def check_has(self, head: Head, message: LogHeader) -> None:
        """LOG-8: what a sender had applied is in this log, since the commit that began the epoch.

        Before the beginning of all of this nobody can tell.

        Args:
            head: that, as the sender states it.
            message: the header of the sender's message.

        Raises:
            ProtocolError: LOG-8: it is before the epoch, or not before the message.
            SplitViewError: LOG-8: it is of another history.
        """
        header = self.header(head.sequence) if head.sequence < message.sequence else None
        if header is None:
            is_elsewhere = head.sequence >= self.first or self.headers[0].epoch != message.epoch
        else:
            check_same(Head(head.sequence, self.hashes[head.sequence - self.first]), head)
            is_elsewhere = header.epoch_after != message.epoch
        if is_elsewhere:
            raise ProtocolError(
                "LOG-8",
                "number {sequence} of a history names a place in the log at which its author "
                "cannot have been",
                sequence=message.sequence,
            )


def check_past(entries: Sequence[LogEntry], *, group: GroupId, joined: Head) -> Past:
    """Check that entries lead to a joining, hash by hash; of all but `heads` without content.

    Args:
        entries: one after the other, the last one that of the joining.
        group: whose log it is.
        joined: where the log stood after the commit by which this device came in.

    Raises:
        ProtocolError: LOG-1 to LOG-4, LOG-6.
    """
    headers, hashes, heads = list[LogHeader](), list[bytes](), list[tuple[int, Heads]]()
    for entry in entries:
        header = entry.header
        check_group(header, group)
        if headers:
            last = Head(headers[-1].sequence, hashes[-1])
            check_sequence(header, last)
            check_previous(header, last)
            check_epoch(header, headers[-1].epoch_after)
        if header.kind is EntryKind.HEADS:
            if hashlib.sha256(entry.content).digest() != header.content_hash:
                raise ProtocolError(
                    "LOG-4",
                    "the content of entry {sequence} is missing or was altered; fetch it again",
                    sequence=header.sequence,
                )
            heads.append((header.sequence, decode(Heads, entry.content)))
        headers.append(header)
        hashes.append(header_hash(header))
    if not headers or Head(headers[-1].sequence, hashes[-1]) != joined:
        raise ProtocolError(
            "LOG-3",
            "entry {sequence} follows another history than the one that this device has seen; "
            "stop, and tell your administrator",
            sequence=joined.sequence,
        )
    return Past(group, headers, hashes, heads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a message from before turned out to be.

    `ledgers` are those by which it was judged, `entry_hash` and `size` those of its entry.
    """

    header: LogHeader
    entry_hash: bytes
    size: int
    member_id: MemberId
    said: AuthenticatedData
    ledgers: Ledgers
    deadline: UnixMillis
    strict: Strict


def check_handed(
    past: Past, handed: Handed, part: HistoryPart, *, roster: Roster, charter: Charter
) -> Judged:
    """Decide whether a message from before is what its author had accepted at its place.

    Args:
        past: the log before the joining.
        handed: the message.
        part: where it came from: its slot and deadline are those of the message.
        roster, charter: at least up to the heads that its author names.

    Raises:
        ProtocolError: HISTORY-7 to HISTORY-10, GATE-20, GATE-21, GATE-25, GATE-37, LEDGER-8,
            LOG-8.
        NeedLedgerError: LEDGER-9: its author knows more of a ledger; fetch it first.
    """
    header, message = check_is_logged(past, handed, charter)
    said = read_authenticated_data(handed.original.authenticated_data)
    check_clock(said.time, header.accepted_at)
    roster.check_has(said.roster)
    charter.check_has(said.charter)
    past.check_has(said.log, header)
    # Those of its author only where the `heads` that judged it stand further back.
    heads = past.heads_before(header.sequence) or Heads(said.roster, said.charter)
    roster.check_has(heads.roster)
    charter.check_has(heads.charter)
    ledgers = Ledgers(roster, charter, heads)
    member_id = check_author(ledgers, header, handed)
    check_no_state(said)
    check_might_post(ledgers, member_id, said.purpose)
    check_time(ledgers, header, part)
    return Judged(
        header=header,
        entry_hash=past.hashes[header.sequence - past.first],
        size=len(message),
        member_id=member_id,
        said=said,
        ledgers=ledgers,
        deadline=part.deadline,
        strict=ledgers.policy.strict,
    )


# ------------------------------------------------------------------ rules


def check_is_logged(past: Past, handed: Handed, charter: Charter) -> tuple[LogHeader, bytes]:
    """HISTORY-7: these are the very bytes that the log has there.

    Returns:
        The header, and the bytes.

    Raises:
        ProtocolError: they are others, or there is no message.
    """
    header, context = past.header(handed.sequence), handed.original.context
    if (
        header is not None
        and header.kind is EntryKind.MESSAGE
        and context.group_id == encode(past.group)
        and context.epoch == header.epoch
        and context.cipher_suite == charter.cipher_suite
    ):
        try:
            message = bytes_of(handed.original, handed.content)
        except CryptoError:
            message = b""
        if message and hashlib.sha256(message).digest() == header.content_hash:
            return header, message
    raise ProtocolError(
        "HISTORY-7",
        "number {sequence} of a history is not what the log has there",
        sequence=handed.sequence,
    )


def check_author(ledgers: Ledgers, header: LogHeader, handed: Handed) -> MemberId:
    """HISTORY-8: the device that the log names has signed it. HISTORY-9: it was in the unit then.

    Raises:
        ProtocolError: it is not so.
    """
    device = ledgers.roster.device(header.device_id, at=ledgers.heads.roster.sequence)
    if device is None or ledgers.role_of(device.member_id) is None:
        raise ProtocolError(
            "HISTORY-9",
            "number {sequence} of a history is by somebody who was not in the unit then",
            sequence=header.sequence,
        )
    try:
        verify_original(handed.original, handed.content, device.signature_key)
    except CryptoError:
        raise ProtocolError(
            "HISTORY-8",
            "number {sequence} of a history was not signed by the device that the log names",
            sequence=header.sequence,
        ) from None
    return device.member_id


def check_might_post(ledgers: Ledgers, member_id: MemberId, purpose: Purpose) -> None:
    """GATE-25, as of then."""
    role = ledgers.role_of(member_id)
    if purpose is not Purpose.RESPONSE and role not in MAY_POST[ledgers.policy.posting]:
        raise ProtocolError(
            "GATE-25", "this member may read here and not post; ask the unit's manager"
        )


def check_time(ledgers: Ledgers, header: LogHeader, part: HistoryPart) -> None:
    """HISTORY-10: it lives no longer here than where it came from.

    Raises:
        ProtocolError: its part has another slot, or a later deadline than the unit gave it.
    """
    until = retain_until(header.accepted_at, ledgers.policy.retention_s)
    if part.slot != slot_of(header.accepted_at) or part.deadline > until:
        raise ProtocolError(
            "HISTORY-10",
            "number {sequence} of a history would live longer than the unit lets it",
            sequence=header.sequence,
        )
