"""Entries of a unit's log in, the new unit and its timeline out (protocol.md, "Unit log").

    entry -> chain -> heads    the gate may move its judgement forward
                   -> commit   staged in public -> gate -> applied (our own: as it was prepared)
                   -> message  decrypted -> gate -> shown with its sender

What breaks the chain, or a commit that the gate or the group refuses, raises and changes nothing:
the unit stands still where it is, with that cause. A single message that cannot be read does not
stop the others: it stands in the timeline with its sender as the cause.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from mifeng.content import Message
from mifeng.content.documents import HandedHistory, UnitProfile
from mifeng.core import outbox
from mifeng.core.arrival import check_arrival, own_message
from mifeng.core.events import Delivered, DeviceStuck, Event, NewEntry, UnitClosed, UnitLeft
from mifeng.core.history.joining import LetIn
from mifeng.core.history.taking import Gift, gift_in, without_keys
from mifeng.core.own_time import check_time
from mifeng.core.readd import CannotGoOnError
from mifeng.core.rows import (
    Changes,
    Condition,
    DeviceRemark,
    TimelineRecord,
    UnitStatus,
    number,
    timeline_row,
)
from mifeng.core.unit import Unit, changes_between
from mifeng_crypto import gate
from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError
from mifeng_crypto.expiry import retain_until
from mifeng_crypto.gate import UnitView
from mifeng_crypto.ids import DeviceId, FileId, Identity, MemberId, UnixMillis
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import Strict
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import AuthenticatedData, EntryKind, Heads, LogEntry, LogHeader, NeedsReadd
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.wire.framing import PrivateMessage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.tls import decode, encode

__all__ = ["Applied", "Lag", "apply_entries", "check_not_shorter"]

NOBODY = MemberId(bytes(16))
FORKS = frozenset({"LEDGER-8", "LOG-8"})
"""Somebody was shown another history. That is no fault of one message: the unit stands still."""


@dataclass(frozen=True, slots=True)
class Lag:
    """A sender that had not applied all entries before its own: `position` was its last.

    `time` is the sender's, `last` the last entry before its own.
    """

    device_id: DeviceId
    position: int
    time: UnixMillis
    last: int


class _Placed(NamedTuple):
    """An entry that follows in the chain, and until when its content may stay."""

    header: LogHeader
    content: bytes
    hash: bytes
    deadline: UnixMillis
    strict: Strict


@dataclass(frozen=True, slots=True)
class _Step:
    """A unit after one entry."""

    unit: Unit
    record: TimelineRecord
    said: AuthenticatedData | None = None
    added: tuple[Identity, ...] = ()
    gift: HandedHistory | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """A unit after some entries; what to save, what to tell, and who had not seen everything.

    `let_in` are the devices that came in, `gifts` the histories that were handed over to this one.
    """

    unit: Unit
    changes: Changes = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    lags: tuple[Lag, ...] = ()
    let_in: tuple[LetIn, ...] = ()
    gifts: tuple[Gift, ...] = ()


def apply_entries(
    unit: Unit,
    entries: Iterable[bytes | LogEntry],
    *,
    roster: Roster,
    device_id: DeviceId,
    now: UnixMillis,
) -> Applied:
    """Apply entries that follow the unit's last one. Those already applied are passed over.

    Args:
        unit: with an epoch.
        entries: encoded LogEntry, in order.
        roster: at least up to what the entries refer to.
        device_id: this device's.
        now: this device's own time, which no server moves.

    Raises:
        AheadError: an entry is dated past it; those before it can be applied.
        NeedLedgerError: an entry refers to ledgers that are not here yet; fetch and redo.
        ProtocolError: the server's log breaks a rule. Nothing is changed.
    """
    start, events, lags = unit, list[Event](), list[Lag]()
    let_in, gifts = list[LetIn](), list[Gift]()
    for entry in entries:
        if isinstance(entry, bytes):
            entry = decode(LogEntry, entry)  # noqa: PLW2901
        if entry.header.sequence <= unit.log.sequence:
            continue
        before = unit
        step = _apply(unit, entry, roster=roster, device_id=device_id, now=now)
        unit, record, said = step.unit, step.record, step.said
        if step.added:
            let_in.append(LetIn.by_commit(unit, entry.header, step.added))
        if step.gift is not None and step.gift.sealed_to(device_id) is not None:
            gifts.append(Gift(entry.header, record.member_id, step.gift))
        last = before.log.sequence
        if said is not None and said.log.sequence < last:
            lags.append(Lag(entry.header.device_id, said.log.sequence, said.time, last))
        events += _events_of(before, unit, entry, record)
        if unit.status is not UnitStatus.ACTIVE:
            break
    changes = dict(changes_between(start, unit))
    for event in events:
        if isinstance(event, NewEntry):
            key = unit.unit_id + number(event.sequence)
            changes["messages", key] = timeline_row(unit.unit_id, event.entry)
    return Applied(unit, changes, tuple(events), tuple(lags), tuple(let_in), tuple(gifts))


def _events_of(
    before: Unit, unit: Unit, entry: LogEntry, record: TimelineRecord
) -> Iterator[Event]:
    """What to tell of an entry, from the unit before it and after it."""
    sequence, kind = entry.header.sequence, entry.header.kind
    left = {item.number for item in unit.outbox}
    for item in before.outbox:
        if item.number not in left:
            yield Delivered(unit.unit_id, item.number, sequence)
    yield NewEntry(unit.unit_id, sequence, record)
    end = unit.charter.end(at=unit.heads.charter.sequence)
    if end is not None and not before.is_closed:
        yield UnitClosed(unit.unit_id, sequence, end.by, end.deletes)
    if kind is EntryKind.READD:
        tbs = decode(NeedsReadd, entry.content).tbs
        yield DeviceStuck(unit.unit_id, sequence, record.member_id, tbs)
    if unit.status is not UnitStatus.ACTIVE and kind is EntryKind.COMMIT:
        yield UnitLeft(unit.unit_id, sequence, waits=unit.status is UnitStatus.WAITING)


def check_not_shorter(unit: Unit, head_sequence: int) -> None:
    """CLIENT-3: the server's log goes at least as far as this device has applied it."""
    if head_sequence < unit.log.sequence:
        raise ProtocolError(
            "CLIENT-3",
            "the server's log of this unit has shrunk; stop, and tell your administrator",
        )


def _apply(
    unit: Unit, entry: LogEntry, *, roster: Roster, device_id: DeviceId, now: UnixMillis
) -> _Step:
    header = entry.header
    view = unit.view(roster)
    try:
        head = gate.check_chain(
            unit.log.head,
            entry,
            group=unit.group,
            epoch=view.public.epoch,
            after=unit.last_accepted_at,
        )
    except ProtocolError as err:
        if err.rule == "LOG-4" and not entry.content:  # a gap: the server has it no longer
            stuck = Head(header.sequence, gate.header_hash(header))
            raise CannotGoOnError(stuck, err.rule) from err
        raise
    policy = view.ledgers.policy
    deadline = retain_until(header.accepted_at, policy.retention_s)
    placed = _Placed(header, entry.content, head.hash, deadline, strict=policy.strict)
    match header.kind:
        case EntryKind.HEADS:
            step = _apply_heads(unit, view, placed)
        case EntryKind.COMMIT:
            step = _apply_commit(unit, view, placed, device_id)
        case EntryKind.READD:
            step = _apply_readd(unit, view, placed)
        case EntryKind.MESSAGE:
            step = _apply_message(unit, view, placed, device_id)
    is_message = header.kind is EntryKind.MESSAGE
    is_dated = step.said is not None or not is_message
    if is_dated:
        check_time(header, now=now)
    moved = dataclasses.replace(
        step.unit,
        log=step.unit.log.grown(header),
        # What nobody's signature dates moves no time: it is the server's word alone.
        last_accepted_at=header.accepted_at if is_dated else unit.last_accepted_at,
        standing=view.standing if is_message else step.unit.standing,
        # One that was stuck goes on after all.
        status=UnitStatus.ACTIVE if step.unit.is_stuck else step.unit.status,
    )
    return _Step(moved, step.record, step.said, step.added, step.gift)


# ------------------------------------------------------------------ heads


def _apply_heads(unit: Unit, view: UnitView, entry: _Placed) -> _Step:
    heads = decode(Heads, entry.content)
    gate.check_heads(view, heads, accepted_at=entry.header.accepted_at)
    before, after = set(unit.members()), set(unit.charter.members(at=heads.charter.sequence))
    record = _record(
        entry,
        NOBODY,
        added=tuple(sorted(after - before)),
        removed=tuple(sorted(before - after)),
        devices=tuple(
            DeviceRemark(change.sequence, change.member_id, change.kind)
            for change in view.roster.device_changes(
                after=unit.heads.roster.sequence, until=heads.roster.sequence
            )
            if change.member_id in before | after
        ),
    )
    after_heads = dataclasses.replace(unit, heads=heads)
    if unit.charter.generation(at=heads.charter.sequence).number > unit.generation:
        return _Step(outbox.epoch_ended(after_heads).without_keys(UnitStatus.WAITING), record)
    return _Step(after_heads, record)


# ------------------------------------------------------------------ commits


def _apply_commit(unit: Unit, view: UnitView, entry: _Placed, device_id: DeviceId) -> _Step:
    epoch, header, pending = unit.active_epoch, entry.header, unit.pending
    if pending is not None and pending.message != entry.content:
        pending = None  # another one came first
    if pending is not None:
        staged = pending.staged
    else:
        staged = mls.stage_commit(epoch.public, entry.content, now_s=header.accepted_at // 1000)
        if staged.committer == epoch.own_leaf:
            raise ProtocolError(
                "CLIENT-9",
                "the log has a commit in this device's name that it has not sent; "
                "another copy of this profile is in use: remove one of them",
            )
    said = gate.check_commit(
        view, staged, accepted_at=header.accepted_at, device_id=header.device_id
    )
    added = [gate.identity_of(package.leaf_node) for _, package in staged.added]
    removed = [gate.identity_of(leaf) for _, leaf in staged.removed]
    standing = view.standing.after(staged)
    came = {identity.member_id for identity in added} - view.standing.people.keys()
    left = {identity.member_id for identity in removed} - standing.people.keys()
    record = _record(
        entry,
        gate.identity_of(staged.before.leaf(staged.committer)).member_id,
        added=tuple(sorted(came)),
        removed=tuple(sorted(left)),
    )
    unit = outbox.epoch_ended(dataclasses.replace(unit, pending=None))
    if any(identity.device_id == device_id for identity in removed):
        # Who is granted still is let in again: the leaf was too old, or this device has asked.
        stays = view.ledgers.is_valid(view.public.leaf(epoch.own_leaf))
        status = UnitStatus.WAITING if stays else UnitStatus.LEFT
        return _Step(unit.without_keys(status), record, said)
    after = dataclasses.replace(
        unit,
        epoch=pending.next if pending is not None else _processed(epoch, staged, header),
        rotated_at=header.accepted_at if staged.path is not None else unit.rotated_at,
        steady_since=view.steady_after(header.accepted_at)
        if staged.path is not None
        else unit.steady_since,
        asked=frozenset(),
        standing=standing,
    )
    return _Step(after, record, said, added=tuple(added))


def _processed(epoch: mls.Epoch, staged: mls.StagedCommit, header: LogHeader) -> mls.Epoch:
    """Apply the secret half of a commit whose public half is in order (CLIENT-11)."""
    try:
        return mls.process_commit(epoch, staged)
    except (CodecError, CryptoError, ProtocolError) as err:
        cause = getattr(err, "rule", "") or type(err).__name__
        raise CannotGoOnError(Head(header.sequence, gate.header_hash(header)), cause) from err


def _apply_readd(unit: Unit, view: UnitView, entry: _Placed) -> _Step:
    """A device cannot go on: what it says is kept, for whoever manages the unit."""
    header = entry.header
    gate.check_readd(
        view, entry.content, accepted_at=header.accepted_at, device_id=header.device_id
    )
    record = _record(entry, _member_of(view, header.device_id), content=entry.content)
    asked = unit.asked | {header.device_id}
    return _Step(dataclasses.replace(unit, asked=asked, standing=view.standing), record)


# ------------------------------------------------------------------ messages


def _apply_message(unit: Unit, view: UnitView, entry: _Placed, device_id: DeviceId) -> _Step:
    header = entry.header
    sender = _member_of(view, header.device_id)
    item = None
    if header.device_id == device_id:
        unit, item = outbox.confirmed(unit, header)
    if not entry.content:
        return _Step(unit, _record(entry, sender, condition=Condition.EXPIRED))
    if item is not None:  # as everybody else will see it
        sent = item.record
        try:
            data = gate.authenticated_data_of(view, entry.content)
            seen = _judged(view, data, header, unit.active_epoch.own_leaf)
            message = own_message(view, sent.content, sender=sender)
        except (CodecError, ProtocolError) as err:
            if isinstance(err, ProtocolError) and err.rule in FORKS:
                raise
            return _Step(unit, _refused(entry, sender, err))
        record = _record(
            entry, sender, content=sent.content, files=sent.files, original=sent.original
        )
        return _Step(_named(unit, message), _kept(record, message), seen)
    try:
        epoch, received = mls.decrypt(unit.active_epoch, entry.content)
    except (CodecError, CryptoError, ProtocolError) as err:
        _check_is_of_this_log(view, entry.content)
        if header.device_id == device_id:  # no keys for it: another copy has used them
            raise _of_another_copy() from err
        return _Step(unit, _refused(entry, sender, err))
    if received.sender == epoch.own_leaf:
        raise _of_another_copy()
    unit = dataclasses.replace(unit, epoch=epoch)  # its key is used up, whatever follows
    try:
        seen = _judged(view, received.authenticated_data, header, received.sender)
    except ProtocolError as err:
        if isinstance(err, NeedLedgerError) or err.rule in FORKS:
            raise
        return _Step(unit, _refused(entry, sender, err))
    try:
        message = check_arrival(
            view,
            received.data,
            purpose=seen.purpose,
            sender=sender,
            device_id=header.device_id,
        )
    except (CodecError, ProtocolError) as err:
        return _Step(unit, _refused(entry, sender, err), seen)
    record = _record(
        entry,
        sender,
        content=received.data,
        files=seen.files,
        original=encode(received.original),
    )
    return _Step(_named(unit, message), _kept(record, message), seen, gift=gift_in(message))


def _kept(record: TimelineRecord, message: Message | None) -> TimelineRecord:
    """What is stored of a message: of a history that is handed over not what opens it."""
    if gift_in(message) is None:
        return record
    return dataclasses.replace(record, content=without_keys(record.content), original=b"")


def _judged(
    view: UnitView, data: bytes, header: LogHeader, sender: mls.LeafIndex
) -> AuthenticatedData:
    at, device_id = header.accepted_at, header.device_id
    return gate.check_message(view, data, accepted_at=at, device_id=device_id, sender=sender)


def _of_another_copy() -> ProtocolError:
    return ProtocolError(
        "CLIENT-10",
        "the log has a message in this device's name that it has not sent; "
        "another copy of this profile is in use: remove one of them",
    )


def _named(unit: Unit, message: Message | None) -> Unit:
    """The unit, called what its manager says from here on."""
    profile = message.document if message is not None else None
    if not isinstance(profile, UnitProfile):
        return unit
    return dataclasses.replace(unit, title=profile.title, topic=profile.topic)


def _check_is_of_this_log(view: UnitView, content: bytes) -> None:
    """LOG-8 for what does not decrypt: it may come from members who were given other commits.

    What stands in the clear beside a ciphertext is nobody's word once that does not open. But a
    server that did its work has refused what does not fit its log: so one of them is cheating.

    Raises:
        ProtocolError: LOG-8.
    """
    try:
        message = decode(MLSMessage, content).message
        if not isinstance(message, PrivateMessage):
            return
        said = decode(AuthenticatedData, message.authenticated_data)
    except (CodecError, ProtocolError):
        return
    view.log.check_has(said.log)


def _refused(
    entry: _Placed, sender: MemberId, err: CodecError | CryptoError | ProtocolError
) -> TimelineRecord:
    return _record(entry, sender, condition=Condition.MALFORMED, reason=str(err))


def _member_of(view: UnitView, device_id: DeviceId) -> MemberId:
    """Whom the header's device belongs to, by the tree; for what cannot be opened as well."""
    leaf = view.standing.leaves.get(device_id)
    return gate.identity_of(view.public.leaf(leaf)).member_id if leaf is not None else NOBODY


# ------------------------------------------------------------------ what is kept


def _record(
    entry: _Placed,
    sender: MemberId,
    *,
    condition: Condition = Condition.READ,
    content: bytes = b"",
    files: tuple[FileId, ...] = (),
    original: bytes = b"",
    reason: str = "",
    added: tuple[MemberId, ...] = (),
    removed: tuple[MemberId, ...] = (),
    devices: tuple[DeviceRemark, ...] = (),
) -> TimelineRecord:
    header = entry.header
    return TimelineRecord(
        entry_hash=entry.hash,
        kind=header.kind,
        condition=condition,
        epoch=header.epoch,
        accepted_at=header.accepted_at,
        deadline=entry.deadline,
        strict=entry.strict,
        member_id=sender,
        device_id=header.device_id,
        size=len(entry.content),
        content=content,
        files=files,
        original=original,
        reason=reason,
        added=added,
        removed=removed,
        devices=devices,
    )
