"""Follow the workspace's roster: from the pinned genesis, through the pinned head, never back.

protocol.md, "Roster". The rules of entries are `mifeng_crypto.ledger`'s; here is what a client
holds against its server.
"""

from __future__ import annotations

from collections.abc import Sequence

from mifeng.core.profile import Profile
from mifeng.core.rows import Changes, ledger_rows
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ledger.roster import Roster

__all__ = ["follow"]


def follow(
    roster: Roster | None, entries: Sequence[bytes], profile: Profile
) -> tuple[Roster | None, Changes]:
    """Append what the server sent after our head.

    Raises:
        ProtocolError: CLIENT-1: another workspace's roster; CLIENT-2: one without the head that
            the link names; or a rule of the ledger.
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
    anchor = profile.anchor
    if grown.head.sequence < anchor.sequence or grown.hash_at(anchor.sequence) != anchor.hash:
        raise ProtocolError(
            "CLIENT-2",
            "the server shows a roster without the entry that your link names; "
            "do not go on, ask your administrator",
        )
    return grown, ledger_rows("roster", b"", before, entries)
