"""May this device enter by this Welcome? See protocol.md, "The gate".

A newcomer believes nothing: the whole tree must agree with the ledgers, and the commit that made
the Welcome must stand in the log behind what its author had seen, with the same confirmation tag.
By what the unit is judged, the commit says, and all its members have checked that (GATE-36). So
nobody can put a ghost into the tree, and nobody can fork the newcomer off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from mifeng_crypto.errors import CodecError, ProtocolError
from mifeng_crypto.gate.authenticated import check_clock, read_authenticated_data, state_in
from mifeng_crypto.gate.chain import LogPosition, check_chain
from mifeng_crypto.gate.commit import check_cap, check_devices, check_group, check_set_at
from mifeng_crypto.gate.heads import check_heads, check_on_ledgers
from mifeng_crypto.gate.standing import Ledgers, Standing, identity_of
from mifeng_crypto.gate.view import UnitView
from mifeng_crypto.ids import GroupId, Identity
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import (
    AuthenticatedData,
    EntryKind,
    Heads,
    LogEntry,
    UnitState,
    UnitWelcome,
)
from mifeng_crypto.mls.group import LeafIndex, PublicGroup
from mifeng_crypto.mls.wire.framing import CommitContent, Member, PublicMessage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.tls import decode

__all__ = ["check_welcome", "commit_has_path", "committer_of"]


def check_welcome(
    roster: Roster,
    charter: Charter,
    public: PublicGroup,
    welcome: UnitWelcome,
    *,
    entries: Sequence[LogEntry],
    confirmation_tag: bytes,
) -> UnitView:
    """Decide whether to be in the unit.

    Args:
        roster, charter: at least up to what the Welcome names.
        public: the group that was joined; RFC 9420's rules were checked.
        welcome: what its author says of the unit, from the GroupInfo.
        entries: the log's after the last one that its author had applied; the commit ends them.
            Messages may come without their content.
        confirmation_tag: the GroupInfo's.

    Returns:
        The unit after that commit.

    Raises:
        ProtocolError: GATE-1 to GATE-7, GATE-17, GATE-18, GATE-20, GATE-21, GATE-28 to GATE-32,
            GATE-36, GATE-38, LOG-1 to LOG-7, LEDGER-8.
        NeedLedgerError: LEDGER-9: the ledgers are not known that far; fetch them first.
    """
    said, group, commit = read_authenticated_data(welcome.said), _group_of(public), entries[-1]
    check_is_its_commit(entries, confirmation_tag)
    check_says_the_same(welcome, commit)
    check_clock(said.time, commit.header.accepted_at)
    roster.check_has(said.roster)
    charter.check_has(said.charter)
    view = _before(said, roster=roster, charter=charter, public=public)
    for entry in entries:
        check_chain(
            view.log.head, entry, group=group, epoch=public.epoch - 1, after=view.last_accepted_at
        )
        view = _followed(view, entry)
    check_group(public, view.ledgers)
    check_tree(view.ledgers, public, commit)
    return view


def _before(
    said: AuthenticatedData, *, roster: Roster, charter: Charter, public: PublicGroup
) -> UnitView:
    """The unit where its author stood, by what all its members have checked in the commit."""
    unit = state_in(said)
    check_on_ledgers(roster, charter, unit.heads)
    check_order_of(unit)
    return UnitView(
        roster=roster,
        charter=charter,
        heads=unit.heads,
        log=LogPosition.begin(said.log),
        last_accepted_at=unit.rotated_at,
        rotated_at=unit.rotated_at,
        steady_since=unit.steady_since,
        public=public,
    )


def _followed(view: UnitView, entry: LogEntry) -> UnitView:
    header = entry.header
    at = header.accepted_at
    after = dataclasses.replace(view, log=view.log.grown(header), last_accepted_at=at)
    match header.kind:
        case EntryKind.HEADS:
            heads = decode(Heads, entry.content)
            check_heads(view, heads, accepted_at=at)
            return dataclasses.replace(after, heads=heads)
        case EntryKind.COMMIT if commit_has_path(entry):
            steady_since = view.steady_after(at)
            return dataclasses.replace(after, rotated_at=at, steady_since=steady_since)
    return after


def check_says_the_same(welcome: UnitWelcome, commit: LogEntry) -> None:
    """GATE-38: the Welcome says of the unit what its commit says, which all its members checked."""
    if _commit_of(commit).content.authenticated_data != welcome.said:
        raise ProtocolError(
            "GATE-38",
            "the Welcome says something else of the unit than its commit; ask to be added again",
        )


def check_order_of(unit: UnitState) -> None:
    """LOG-5: a holiday ended no later than keys were renewed last."""
    if unit.steady_since > unit.rotated_at:
        raise ProtocolError("LOG-5", "a Welcome has the times of commits in another order")


def check_tree(ledgers: Ledgers, public: PublicGroup, commit: LogEntry) -> None:
    """Check every leaf, as if its commit had been seen: GATE-4 to GATE-6, GATE-17, GATE-18."""
    at = commit.header.accepted_at
    for _, leaf in public.leaves():
        identity = ledgers.check_leaf(leaf)
        ledgers.check_archive(identity.member_id, at)
        check_set_at(leaf, at)
    people = Standing.of(public, ledgers).people
    check_cap(people, ledgers.policy.cap, grown=True)
    check_devices(people, among=people)


def check_is_its_commit(entries: Sequence[LogEntry], confirmation_tag: bytes) -> None:
    """GATE-28: the log's next commit is that of this Welcome.

    The confirmation tag covers, under this epoch's key, all that was ever committed in the group:
    equal tags are equal histories.
    """
    *before, commit = entries
    if (
        any(entry.header.kind is EntryKind.COMMIT for entry in before)
        or _commit_of(commit).auth.confirmation_tag != confirmation_tag
    ):
        raise ProtocolError(
            "GATE-28",
            "the Welcome belongs to another commit than the log has; ask to be added again",
        )


def commit_has_path(entry: LogEntry) -> bool:
    """Tell whether an entry's commit renewed the unit's keys.

    Raises:
        ProtocolError: GATE-29.
    """
    content = _commit_of(entry).content.content
    return isinstance(content, CommitContent) and content.commit.path is not None


def committer_of(entry: LogEntry, public: PublicGroup) -> Identity:
    """Return who has made a commit, by the leaf that signed it and the tree after it.

    Raises:
        ProtocolError: GATE-29; GATE-4.
    """
    sender = _commit_of(entry).content.sender
    if not isinstance(sender, Member):
        raise ProtocolError("GATE-29", "the entry that a Welcome names is no commit of a member")
    return identity_of(public.leaf(LeafIndex(sender.leaf_index)))


def _commit_of(entry: LogEntry) -> PublicMessage:
    """GATE-29: the entry is a commit in a PublicMessage."""
    try:
        message = decode(MLSMessage, entry.content).message
    except CodecError as err:
        raise ProtocolError("GATE-29", "the entry of a Welcome's commit is malformed") from err
    if (
        entry.header.kind is not EntryKind.COMMIT
        or not isinstance(message, PublicMessage)
        or not isinstance(message.content.content, CommitContent)
    ):
        raise ProtocolError("GATE-29", "the entry that a Welcome names is no commit")
    return message


def _group_of(public: PublicGroup) -> GroupId:
    try:
        return decode(GroupId, public.group_id)
    except CodecError as err:
        raise ProtocolError("GATE-7", "the group is no unit's") from err
