"""Messages on their way: waiting, sent, confirmed (protocol.md, "Outbox").

    queue -> waiting --seal--> bytes, saved --send--> sent --the log brings it back--> confirmed
                ^                  |   ^     |
                |   lost race      |   |     | lost answer: the same bytes, the same idempotency key
                +------------------+---+-----+
                |                            |
                +--- again --- refused <-----+ the server does not take it: its author decides

The content, and with it the client message id, never changes. The bytes are those of one epoch:
once that has ended without them in the log they can never be accepted, and are made anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

from mifeng.content import Origin, decode
from mifeng.core.addressed import addressed
from mifeng.core.arrival import people_in
from mifeng.core.profile import Profile
from mifeng.core.rows import Condition, OutboxRecord, TimelineRecord
from mifeng.core.unit import OutboxItem, Unit
from mifeng_crypto.gate import MAY_COMMENT, MAY_POST, UnitView
from mifeng_crypto.ids import FileId, UnixMillis
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import EntryKind, LogHeader, Purpose
from mifeng_crypto.mls import group as mls
from mifeng_crypto.rand import Rng
from mifeng_crypto.tls import encode

__all__ = [
    "accepted",
    "again",
    "as_if_sent",
    "carried_over",
    "confirmed",
    "content_hash",
    "drop",
    "epoch_ended",
    "idempotency_key",
    "next_item",
    "queue",
    "refused",
    "seal",
    "unseal",
]

MOST_DETAIL = 500
"""Characters that are kept of what a server says of a refusal."""


def idempotency_key(data: bytes) -> bytes:
    """The same bytes have the same key, new bytes a new one; so there is nothing to remember."""
    return hashlib.sha256(b"Mifeng 1.0 Idempotency-Key" + data).digest()[:16]


def content_hash(data: bytes) -> bytes:
    """The hash by which the log's headers name a content."""
    return hashlib.sha256(data).digest()


def queue(
    unit: Unit, content: bytes, *, files: Sequence[FileId] = (), now: UnixMillis
) -> tuple[Unit, int]:
    """Put a message at the end of the outbox.

    Returns:
        The unit, and the item's number in the outbox.
    """
    # Never a number that a confirmed one had: log sequences only grow, and so do these.
    highest = max((item.number for item in unit.outbox), default=0)
    item = OutboxItem(
        number=max(highest + 1, now),
        record=OutboxRecord(
            content=content,
            files=tuple(files),
            created_at=now,
            epoch=0,
            message=b"",
            accepted_sequence=0,
        ),
    )
    return dataclasses.replace(unit, outbox=(*unit.outbox, item)), item.number


def next_item(unit: Unit) -> OutboxItem | None:
    """The first that the server has neither accepted nor refused."""
    return next(
        (i for i in unit.outbox if not i.record.accepted_sequence and not i.record.refused), None
    )


def seal(
    unit: Unit,
    item: OutboxItem,
    *,
    roster: Roster,
    profile: Profile,
    now: UnixMillis,
    rng: Rng,
) -> Unit:
    """Encrypt a waiting item in the unit's epoch. The ratchet moves: save before sending."""
    assert not item.record.message, "bytes that were made are sent as they are"
    view = unit.view(roster)
    content = addressed(
        item.record.content, lambda: people_in(view), signing_key=profile.signature_key
    )
    epoch, message, original = mls.encrypt(
        unit.active_epoch,
        content,
        signature_key=profile.signature_key,
        authenticated_data=unit.authenticated_data(
            roster,
            files=item.record.files,
            purpose=_purpose(view, content, profile),
            now=now,
        ),
        rng=rng,
    )
    record = dataclasses.replace(
        item.record,
        content=content,
        message=message,
        epoch=epoch.public.epoch,
        original=encode(original),
    )
    unit = dataclasses.replace(unit, epoch=epoch, standing=view.standing)
    return unit.replace_item(OutboxItem(number=item.number, record=record))


def _purpose(view: UnitView, content: bytes, profile: Profile) -> Purpose:
    """RESPONSE only where a post would be refused: so the server is not told which is which."""
    ledgers = view.ledgers
    if ledgers.role_of(profile.member_id) in MAY_POST[ledgers.policy.posting]:
        return Purpose.POST
    origin = Origin(
        workspace_id=profile.workspace_id, unit_id=view.charter.unit_id, member_id=profile.member_id
    )
    said, role = decode(content, origin=origin), ledgers.role_of(profile.member_id)
    is_comment = said.is_comment and role in MAY_COMMENT[ledgers.policy.posting]
    return Purpose.RESPONSE if said.is_response or is_comment else Purpose.POST


def unseal(unit: Unit, item: OutboxItem) -> Unit:
    """Back to waiting: the server will never accept these bytes."""
    return unit.replace_item(OutboxItem(number=item.number, record=_without_bytes(item.record)))


def _without_bytes(record: OutboxRecord) -> OutboxRecord:
    return dataclasses.replace(record, message=b"", epoch=0, accepted_sequence=0, original=b"")


def refused(unit: Unit, item: OutboxItem, code: str, detail: str) -> Unit:
    """The server does not take it as it is: it stays, and goes nowhere by itself."""
    record = dataclasses.replace(
        _without_bytes(item.record), refused=code, detail=detail[:MOST_DETAIL]
    )
    return unit.replace_item(OutboxItem(number=item.number, record=record))


def again(unit: Unit, item: OutboxItem) -> Unit:
    """What was refused waits again: in its old place, for nothing behind it has waited for it."""
    record = dataclasses.replace(item.record, refused="", detail="")
    return unit.replace_item(OutboxItem(number=item.number, record=record))


def accepted(unit: Unit, item: OutboxItem, header: LogHeader) -> Unit:
    """The server has it on its disk."""
    record = dataclasses.replace(item.record, accepted_sequence=header.sequence)
    return unit.replace_item(OutboxItem(number=item.number, record=record))


def confirmed(unit: Unit, header: LogHeader) -> tuple[Unit, OutboxItem | None]:
    """The log brings back what this device sent.

    Returns:
        The unit without it, and the item; None if none has these bytes.
    """
    for item in unit.outbox:
        message = item.record.message
        if message and content_hash(message) == header.content_hash:
            return drop(unit, item), item
    return unit, None


def epoch_ended(unit: Unit) -> Unit:
    """A commit was applied: whatever was encrypted and has not come back is to be made anew."""
    for item in unit.outbox:
        if item.record.message:
            unit = unseal(unit, item)
    return unit


def carried_over(before: Unit, joined: Unit) -> Unit:
    """What waited when this device was taken out goes out now that it is let in again.

    Only what was never encrypted: bytes of the earlier stay may have been accepted, in a part of
    the log that this device was not shown. Of a device that could not go on, nothing is lost that
    the server has not said that it has: nobody has accepted it before the place where it stands.
    """
    if before.is_stuck:
        for item in before.outbox:
            if not item.record.accepted_sequence:
                before = unseal(before, item)
    waiting = tuple(item for item in before.outbox if not item.record.message)
    return dataclasses.replace(joined, outbox=(*joined.outbox, *waiting))


def as_if_sent(item: OutboxRecord, profile: Profile) -> TimelineRecord:
    """Return a waiting message as it will stand in the timeline, to show it until it does."""
    return TimelineRecord(
        entry_hash=bytes(32),
        kind=EntryKind.MESSAGE,
        condition=Condition.READ,
        epoch=item.epoch,
        accepted_at=item.created_at,
        deadline=item.created_at,  # it has none before it is accepted
        member_id=profile.member_id,
        device_id=profile.device_id,
        size=len(item.content),
        content=item.content,
        files=item.files,
        reason="",
        added=(),
        removed=(),
    )


def drop(unit: Unit, item: OutboxItem) -> Unit:
    """Forget an item: it is confirmed, or refused and its author knows."""
    items = tuple(other for other in unit.outbox if other.number != item.number)
    return dataclasses.replace(unit, outbox=items)
