"""Follow a generation's log without a secret: the chain, the public tree, the gate, the deadlines.

It is what the server does when it accepts, done again by somebody who trusts nobody.

    AUDIT-2  the founding GroupInfo is there and is the one that the first entry names
    AUDIT-3  a commit's content is there: without it nobody can say who was in from then on
    AUDIT-4  a content is there until its deadline
    AUDIT-5  a content is gone after it
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mifeng_crypto import gate
from mifeng_crypto.audit.report import EpochLine, LogReport, MemberLine, Report, Weight
from mifeng_crypto.errors import CodecError, CryptoError, MifengError, ProtocolError
from mifeng_crypto.expiry import DESTROY_WITHIN_MS, retain_until
from mifeng_crypto.gate import UnitView
from mifeng_crypto.ids import GroupId, MemberId, UnixMillis
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import EntryKind, Heads, LogEntry
from mifeng_crypto.mls.group import PublicGroup, stage_commit
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.welcome import GroupInfo
from mifeng_crypto.tls import decode

__all__ = ["Followed", "follow_entry", "open_log", "replay_log"]

BROKEN = (CodecError, CryptoError, ProtocolError)


@dataclass(frozen=True, slots=True)
class Followed:
    """Where a log stands. `view` is None once the tree cannot be followed any further."""

    group: GroupId
    log: Head
    accepted_at: UnixMillis
    view: UnitView | None


def open_log(group: GroupId, group_info: bytes, roster: Roster, charter: Charter) -> Followed:
    """Return a log before its first entry, which will say by which heads it is judged.

    Raises:
        CodecError, ProtocolError: it is no founding GroupInfo.
    """
    info = decode(MLSMessage, group_info).message
    if not isinstance(info, GroupInfo):
        raise ProtocolError("GATE-8", "a unit begins with a GroupInfo; this is something else")
    if group.generation >= len(charter.generations):
        raise ProtocolError("GATE-7", "the group is another unit's or another generation's")
    begins = charter.generations[group.generation].begins
    genesis = gate.genesis_of_log(group_info, begins=begins)
    view = UnitView(
        roster=roster,
        charter=charter,
        heads=Heads(Head(0, bytes(32)), Head(0, bytes(32))),
        log=gate.LogPosition.begin(genesis),
        last_accepted_at=UnixMillis(0),
        rotated_at=UnixMillis(0),
        steady_since=UnixMillis(0),
        public=PublicGroup.from_group_info(info, tree=None),
    )
    return Followed(group, genesis, UnixMillis(0), view)


def follow_entry(at: Followed, entry: LogEntry) -> Followed:
    """Judge one entry as the server's gate does; what needs the unit's keys is not looked at.

    Raises:
        CodecError, CryptoError, ProtocolError: it breaks a rule.
    """
    header, view = entry.header, at.view
    epoch = view.public.epoch if view is not None else header.epoch
    head = gate.check_chain(at.log, entry, group=at.group, epoch=epoch, after=at.accepted_at)
    if view is not None:
        view = _judged(view, entry)
    return Followed(at.group, head, header.accepted_at, view)


def _judged(view: UnitView, entry: LogEntry) -> UnitView:
    header = entry.header
    time, device_id = header.accepted_at, header.device_id
    after = dataclasses.replace(view, log=view.log.grown(header), last_accepted_at=time)
    match header.kind:
        case EntryKind.HEADS:
            heads = decode(Heads, entry.content)
            gate.check_heads(view, heads, accepted_at=time)
            after = dataclasses.replace(after, heads=heads)
            if view.heads.charter.sequence == 0:  # the first entry
                gate.check_founding(after)
                after = dataclasses.replace(after, rotated_at=time, steady_since=time)
        case EntryKind.COMMIT:
            staged = stage_commit(view.public, entry.content, now_s=time // 1000)
            gate.check_commit(view, staged, accepted_at=time, device_id=device_id)
            after = dataclasses.replace(
                after,
                public=staged.after,
                known=view.standing.after(staged),
                rotated_at=view.rotated_at if staged.path is None else time,
                steady_since=view.steady_since if staged.path is None else view.steady_after(time),
                asked=frozenset(),
            )
        case EntryKind.READD:
            gate.check_readd(view, entry.content, accepted_at=time, device_id=device_id)
            after = dataclasses.replace(after, asked=view.asked | {device_id}, known=view.standing)
        case EntryKind.MESSAGE:
            if entry.content:
                data = gate.authenticated_data_of(view, entry.content)
                gate.check_message(view, data, accepted_at=time, device_id=device_id, sender=None)
            after = dataclasses.replace(after, known=view.standing)
    return after


def replay_log(
    report: Report,
    log: LogReport,
    at: Followed,
    entries: Sequence[LogEntry],
    remember: Collection[int] = (),
) -> dict[int, Followed]:
    """Follow a whole log into its report; return where it stood after the asked sequences."""
    kept = {0: at}
    for entry in entries:
        place = _place(entry)
        try:
            after, err = follow_entry(at, entry), None
        except BROKEN as broken:
            after, err = None, broken
        if after is None and err is not None:
            after = _past(report, at, entry, place, err)
            if after is None:
                return kept
        assert after is not None, "one of the two"
        _count(report, log, at, after, entry)
        at = after
        if entry.header.sequence in remember:
            kept[entry.header.sequence] = at
    kept[log.entries] = at
    return kept


def _past(
    report: Report, at: Followed, entry: LogEntry, place: str, err: MifengError
) -> Followed | None:
    """What follows a broken entry: a commit that is not here leaves the chain to be followed."""
    header = entry.header
    if header.kind is EntryKind.COMMIT and not entry.content:
        report.add(
            Weight.GAP,
            place,
            ProtocolError(
                "AUDIT-3", "the commit's content is not here: who was in from here on is not shown"
            ),
        )
    else:
        report.add(Weight.FAULT, place, err)
        if at.view is None:
            return None
        if header.kind is EntryKind.MESSAGE and _chain_holds(at, entry):
            # Clients show it as malformed, and go on.
            view = dataclasses.replace(
                at.view, log=at.view.log.grown(header), last_accepted_at=header.accepted_at
            )
            return Followed(at.group, _head(entry), header.accepted_at, view)
    if header.previous != at.log.hash or header.sequence != at.log.sequence + 1:
        return None
    return Followed(at.group, _head(entry), header.accepted_at, None)


def _chain_holds(at: Followed, entry: LogEntry) -> bool:
    assert at.view is not None, "the caller has looked"
    try:
        gate.check_chain(
            at.log, entry, group=at.group, epoch=at.view.public.epoch, after=at.accepted_at
        )
    except ProtocolError:
        return False
    return True


def _place(entry: LogEntry) -> str:
    header = entry.header
    return f"log {header.group.unit_id.hex()}/{header.group.generation} {header.sequence}"


def _head(entry: LogEntry) -> Head:
    return Head(entry.header.sequence, gate.header_hash(entry.header))


# ------------------------------------------------------------------ what is counted


def _count(
    report: Report, log: LogReport, before: Followed, after: Followed, entry: LogEntry
) -> None:
    header = entry.header
    log.entries += 1
    log.hashes[header.sequence] = after.log.hash
    log.commits += header.kind is EntryKind.COMMIT
    log.messages += header.kind is EntryKind.MESSAGE
    if after.view is None:
        return
    log.followed_to = header.sequence
    if header.kind is EntryKind.MESSAGE:
        _count_message(report, log, before.view or after.view, entry)
    elif header.kind is EntryKind.COMMIT and before.view is not None:
        _count_commit(log, before.view, after.view, entry)
    elif before.view is not None and before.view.heads.charter.sequence == 0:  # the first entry
        people = _people(after.view)
        opener = next(iter(people))
        log.membership.append(
            MemberLine(
                sequence=header.sequence,
                epoch=0,
                time=header.accepted_at,
                by=opener,
                added=(opener,),
                removed=(),
                people=1,
            )
        )
        log.epochs.append(_epoch(0, header.sequence, header.accepted_at, fresh=True))


def _epoch(epoch: int, sequence: int, time: UnixMillis, *, fresh: bool) -> EpochLine:
    return EpochLine(
        epoch=epoch, sequence=sequence, time=time, fresh_keys=fresh, messages=0, oldest_ms=0
    )


def _count_message(report: Report, log: LogReport, view: UnitView, entry: LogEntry) -> None:
    place = _place(entry)
    time = entry.header.accepted_at
    age = time - view.rotated_at
    if log.epochs:
        line = log.epochs[-1]
        log.epochs[-1] = dataclasses.replace(
            line, messages=line.messages + 1, oldest_ms=max(line.oldest_ms, age)
        )
    deadline = retain_until(time, view.ledgers.policy.retention_s)
    now = report.exported_at
    log.expired += not entry.content
    if not entry.content and now < deadline:
        early = ProtocolError("AUDIT-4", "the content is gone before its deadline")
        report.add(Weight.FAULT, place, early)
    if entry.content and now > deadline + DESTROY_WITHIN_MS:
        late = ProtocolError("AUDIT-5", "the content was still served after its deadline")
        report.add(Weight.FAULT, place, late)


def _count_commit(log: LogReport, before: UnitView, after: UnitView, entry: LogEntry) -> None:
    header, had, has = entry.header, _people(before), _people(after)
    device = before.standing.leaves.get(header.device_id)
    by = gate.identity_of(before.public.leaf(device)).member_id if device is not None else None
    log.membership.append(
        MemberLine(
            sequence=header.sequence,
            epoch=after.public.epoch,
            time=header.accepted_at,
            by=by,
            added=tuple(sorted(set(has) - set(had))),
            removed=tuple(sorted(set(had) - set(has))),
            people=len(has),
        )
    )
    fresh = after.rotated_at != before.rotated_at
    epoch = after.public.epoch
    log.epochs.append(_epoch(epoch, header.sequence, header.accepted_at, fresh=fresh))


def _people(view: UnitView) -> dict[MemberId, int]:
    return dict(view.standing.people)
