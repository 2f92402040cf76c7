"""The hash chain of a unit's log (protocol.md, "Unit log").

    LOG-1  an entry is of this unit and generation
    LOG-2  it has the next sequence
    LOG-3  it names its predecessor's hash
    LOG-4  its content has the hash that its header states; only a message's may be gone
    LOG-5  it was not accepted before its predecessor
    LOG-6  it is of the group's epoch
    LOG-7  a device made it, unless it is a `heads`
    LOG-8  a position that a sender states is in this log, since the commit that began the epoch

The server makes headers with `next_header`; clients recompute every hash with `check_chain`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import DeviceId, GroupId, UnixMillis
from mifeng_crypto.labels import hash_mifeng
from mifeng_crypto.ledger.chain import SplitView, SplitViewError
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.log import EntryKind, LogEntry, LogHeader
from mifeng_crypto.tls import encode

__all__ = [
    "NO_DEVICE",
    "LogPosition",
    "check_chain",
    "genesis_of_log",
    "header_hash",
    "next_header",
]

NO_DEVICE = DeviceId(bytes(16))
"""Who made a `heads` entry."""


def header_hash(header: LogHeader) -> bytes:
    """Return the hash by which the next entry names this one."""
    return hash_mifeng("LogHeader", encode(header))


@dataclass(frozen=True, slots=True)
class LogPosition:
    """Where a log stands, and the hashes since the commit that began the epoch.

    A sender states in its authenticated data the last entry that it had applied. It could not have
    encrypted in this epoch without the commit that began it: so no older hash is ever needed.
    Positions that grew out of one another share one list, which is copied only for a fork.

    Attributes:
        began: the sequence of the commit that began the epoch; what the log follows, in the first.
        hashes: of the entries from `began` on; it may be longer than this position.
        sequence: of the last entry.
        heads_at: the sequence of the last `heads`, or `began` if there was none since.
    """

    began: int
    hashes: list[bytes]
    sequence: int
    heads_at: int

    @classmethod
    def begin(cls, head: Head) -> LogPosition:
        """Return the position at the commit (or founding GroupInfo) that begins an epoch."""
        return cls(head.sequence, [head.hash], head.sequence, head.sequence)

    @property
    def head(self) -> Head:
        return Head(self.sequence, self.hashes[self.sequence - self.began])

    def grown(self, header: LogHeader) -> LogPosition:
        """Return the position after an entry that follows; a commit begins anew."""
        head = Head(header.sequence, header_hash(header))
        if header.kind is EntryKind.COMMIT:
            return LogPosition.begin(head)
        length = self.sequence - self.began + 1
        hashes = self.hashes if len(self.hashes) == length else self.hashes[:length]
        hashes.append(head.hash)
        heads_at = head.sequence if header.kind is EntryKind.HEADS else self.heads_at
        return LogPosition(self.began, hashes, head.sequence, heads_at)

    def check_has(self, head: Head) -> None:
        """LOG-8: refuse a position that is not in this log since the epoch began.

        Raises:
            ProtocolError: LOG-8: it is before the epoch or past the log.
            SplitViewError: LOG-8: it is of another history.
        """
        if not self.began <= head.sequence <= self.sequence:
            raise ProtocolError(
                "LOG-8",
                "the sender had applied entry {sequence}, and it must be from {began} to {last}; "
                "catch up and send again",
                sequence=head.sequence,
                began=self.began,
                last=self.sequence,
            )
        check_same(Head(head.sequence, self.hashes[head.sequence - self.began]), head)


def check_same(own: Head, stated: Head) -> None:
    """LOG-8: refuse what a sender states of an entry that is another one here.

    Raises:
        SplitViewError: LOG-8.
    """
    if own != stated:
        raise SplitViewError(
            "LOG-8",
            "entry {sequence} is another one at the sender's: somebody was shown a different "
            "log; stop, and tell your administrator",
            split=SplitView("log", own, stated, b""),
        )


def genesis_of_log(group_info: bytes, *, begins: int = 0) -> Head:
    """Return what stands before a generation's first entry: the GroupInfo (MLSMessage) of epoch 0.

    Args:
        group_info: what was sent to open it.
        begins: the sequence that its first one follows, `Generation.begins`.
    """
    return Head(begins, hashlib.sha256(group_info).digest())


def next_header(
    log: Head,
    *,
    group: GroupId,
    epoch: int,
    kind: EntryKind,
    device_id: DeviceId,
    accepted_at: UnixMillis,
    content: bytes,
) -> LogHeader:
    """Return the header with which the server appends `content`."""
    return LogHeader(
        group=group,
        sequence=log.sequence + 1,
        epoch=epoch,
        kind=kind,
        device_id=device_id,
        accepted_at=accepted_at,
        content_hash=hashlib.sha256(content).digest(),
        previous=log.hash,
    )


def check_chain(
    log: Head, entry: LogEntry, *, group: GroupId, epoch: int, after: UnixMillis
) -> Head:
    """Check that an entry follows, before anything in it is looked at.

    Args:
        log: the last entry.
        entry: the one that comes.
        group: the log's.
        epoch: the group's, before the entry.
        after: when the last entry was accepted.

    Returns:
        Where the log stands with it.

    Raises:
        ProtocolError: LOG-1 to LOG-7.
    """
    header = entry.header
    check_group(header, group)
    check_sequence(header, log)
    check_previous(header, log)
    check_content(entry)
    check_order(header, after)
    check_epoch(header, epoch)
    check_maker(header)
    return Head(header.sequence, header_hash(header))


# ------------------------------------------------------------------ rules


def check_group(header: LogHeader, group: GroupId) -> None:
    """LOG-1."""
    if header.group != group:
        raise ProtocolError("LOG-1", "the entry is of another unit's log")


def check_sequence(header: LogHeader, log: Head) -> None:
    """LOG-2."""
    if header.sequence != log.sequence + 1:
        raise ProtocolError(
            "LOG-2",
            "the server sent entry {sequence} after entry {last}; fetch what is between",
            sequence=header.sequence,
            last=log.sequence,
        )


def check_previous(header: LogHeader, log: Head) -> None:
    """LOG-3."""
    if header.previous != log.hash:
        raise ProtocolError(
            "LOG-3",
            "entry {sequence} follows another history than the one that this device has seen; "
            "stop, and tell your administrator",
            sequence=header.sequence,
        )


def check_content(entry: LogEntry) -> None:
    """LOG-4."""
    header, content = entry.header, entry.content
    is_gone = not content and header.kind is EntryKind.MESSAGE
    if not is_gone and hashlib.sha256(content).digest() != header.content_hash:
        raise ProtocolError(
            "LOG-4",
            "the content of entry {sequence} is missing or was altered; fetch it again",
            sequence=header.sequence,
        )


def check_order(header: LogHeader, after: UnixMillis) -> None:
    """LOG-5."""
    if header.accepted_at < after:
        raise ProtocolError(
            "LOG-5",
            "entry {sequence} was accepted before its predecessor; the server's clock is wrong",
            sequence=header.sequence,
        )


def check_epoch(header: LogHeader, epoch: int) -> None:
    """LOG-6."""
    if header.epoch != epoch:
        raise ProtocolError(
            "LOG-6",
            "entry {sequence} is of epoch {found}, and the group is in epoch {epoch}",
            sequence=header.sequence,
            found=header.epoch,
            epoch=epoch,
        )


def check_maker(header: LogHeader) -> None:
    """LOG-7."""
    if (header.device_id == NO_DEVICE) is not (header.kind is EntryKind.HEADS):
        raise ProtocolError("LOG-7", "a `heads` is made by no device, anything else by one")
