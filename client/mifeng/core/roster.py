"""Follow the workspace's roster: from the pinned genesis, through the pinned head, never back.

protocol.md, "Roster". The rules of entries are `mifeng_crypto.ledger`'s; here is what a client
holds against its server.
"""

from __future__ import annotations

from collections.abc import Sequence

from mifeng.core.profile import Profile
from mifeng.core.rows import Changes, ledger_rows, number
from mifeng_crypto.errors import CodecError, ProtocolError
from mifeng_crypto.ledger.roster import Roster, hash_entry
from mifeng_crypto.ledger.roster_entry import RosterEntry
from mifeng_crypto.ledger.roster_snapshot import from_snapshot, to_snapshot
from mifeng_crypto.tls import decode

__all__ = ["SNAPSHOT", "SNAPSHOT_EVERY", "check_arrival", "follow", "restore", "snapshot"]

SNAPSHOT = ("profile", b"roster snapshot")
"""The row with a roster that was verified before: its last sequence (8 bytes), and what it was."""
SNAPSHOT_EVERY = 1000
"""So many entries are verified again at a start, rather than to write a snapshot for each."""


def snapshot(roster: Roster) -> Changes:
    """Return the row that spares the next start the verification of all entries."""
    return {SNAPSHOT: number(roster.head.sequence) + to_snapshot(roster)}


def restore(stored: bytes, entries: Sequence[bytes]) -> Roster | None:
    """Return the roster by a snapshot and the entries from its last one on, which are verified.

    Args:
        stored: the row, from the sealed store.
        entries: the snapshot's last entry, and those that follow it.

    Returns:
        None if the snapshot is of another version or does not end in that entry.

    Raises:
        ProtocolError: an entry after the snapshot breaks a rule.
    """
    if not entries:
        return None
    last = hash_entry(decode(RosterEntry, entries[0]))
    try:
        roster = from_snapshot(stored[8:], last_entry_hash=last)
    except CodecError:
        return None
    return roster.extend(entries[1:])


def follow(
    roster: Roster | None, entries: Sequence[bytes], profile: Profile
) -> tuple[Roster | None, Changes]:
    """Append what the server sent after our head. `check_arrival` judges where that has led.

    Raises:
        ProtocolError: CLIENT-1: another workspace's roster; or a rule of the ledger.
    """
    if not entries:
        return roster, {}
    before = roster.head.sequence if roster else 0
    if roster is None:
        grown = Roster.from_entries(entries)
        if grown.genesis != profile.genesis or grown.workspace_id != profile.workspace_id:
            raise ProtocolError(
                "CLIENT-1",
                "the server has the roster of another workspace; ask for a new invite",
            )
    else:
        grown = roster.extend(entries)
    return grown, ledger_rows("roster", b"", before, entries)


def check_arrival(roster: Roster, profile: Profile) -> None:
    """Hold a newcomer's roster, at the server's head, against its link.

    Raises:
        ProtocolError: CLIENT-2: it is without the head that the link names; CLIENT-10: the TLS key
            by which the server was met is none that it names.
    """
    anchor = profile.anchor
    if roster.head.sequence < anchor.sequence or roster.hash_at(anchor.sequence) != anchor.hash:
        raise ProtocolError(
            "CLIENT-2",
            "the server shows a roster without the entry that your link names; "
            "do not go on, ask your administrator",
        )
    if profile.tls_pin is not None and profile.tls_pin not in roster.server.tls_pins:
        raise ProtocolError(
            "CLIENT-12",
            "the server holds a TLS key that no owner of the workspace has named; "
            "do not go on, ask your administrator",
        )
