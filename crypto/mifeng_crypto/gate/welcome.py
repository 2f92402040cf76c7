"""May this device enter by this Welcome? See protocol.md, "The gate".

A newcomer believes nothing: the whole tree must agree with the ledgers, and the commit that made
the Welcome must stand in the log exactly where its author said, with the same confirmation tag. So
nobody can put a ghost into the tree, and nobody can fork the newcomer off.
"""

from __future__ import annotations

from mifeng_crypto.errors import CodecError, ProtocolError
from mifeng_crypto.gate.chain import LogPosition, check_chain
from mifeng_crypto.gate.commit import check_cap, check_devices, check_group, check_set_at
from mifeng_crypto.gate.heads import check_on_ledgers
from mifeng_crypto.gate.standing import Ledgers, Standing
from mifeng_crypto.ids import GroupId
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import EntryKind, LogEntry, UnitWelcome
from mifeng_crypto.mls.group import PublicGroup
from mifeng_crypto.mls.wire.framing import CommitContent, PublicMessage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.tls import decode

__all__ = ["check_welcome", "commit_has_path"]


def check_welcome(
    roster: Roster,
    charter: Charter,
    public: PublicGroup,
    welcome: UnitWelcome,
    *,
    entry: LogEntry,
    confirmation_tag: bytes,
) -> LogPosition:
    """Decide whether to be in the unit.

    Args:
        roster, charter: at least up to the Welcome's heads.
        public: the group that was joined; RFC 9420's rules were checked.
        welcome: what its author says of the unit, from the GroupInfo.
        entry: the log's entry with the commit.
        confirmation_tag: the GroupInfo's.

    Returns:
        Where the log stands with that commit.

    Raises:
        ProtocolError: GATE-3 to GATE-7, GATE-17, GATE-18, GATE-28 to GATE-30, GATE-32, LOG-1 to
            LOG-7, LEDGER-8.
        NeedLedgerError: LEDGER-9: the ledgers are not known that far; fetch them first.
    """
    check_on_ledgers(roster, charter, welcome.heads)
    group, ledgers = _group_of(public), Ledgers(roster, charter, welcome.heads)
    check_group(public, ledgers)
    check_tree(ledgers, public, entry)
    check_order_of(welcome)
    head = check_chain(
        welcome.log, entry, group=group, epoch=public.epoch - 1, after=welcome.rotated_at
    )
    check_is_its_commit(entry, confirmation_tag)
    return LogPosition.begin(head)


def check_order_of(welcome: UnitWelcome) -> None:
    """LOG-5: a holiday ended no later than keys were renewed last."""
    if welcome.steady_since > welcome.rotated_at:
        raise ProtocolError("LOG-5", "a Welcome has the times of commits in another order")


def check_tree(ledgers: Ledgers, public: PublicGroup, entry: LogEntry) -> None:
    """Check every leaf, as if its commit had been seen: GATE-4 to GATE-6, GATE-17, GATE-18."""
    for _, leaf in public.leaves():
        identity = ledgers.check_leaf(leaf)
        ledgers.check_archive(identity.member_id, entry.header.accepted_at)
        check_set_at(leaf, entry.header.accepted_at)
    people = Standing.of(public, ledgers).people
    check_cap(people, ledgers.policy.cap, grown=True)
    check_devices(people, among=people)


def check_is_its_commit(entry: LogEntry, confirmation_tag: bytes) -> None:
    """GATE-28: the log's entry is the commit of this Welcome.

    The confirmation tag covers, under this epoch's key, all that was ever committed in the group:
    equal tags are equal histories.
    """
    if _commit_of(entry).auth.confirmation_tag != confirmation_tag:
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
