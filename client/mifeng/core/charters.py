"""The charters that a device knows: of its own units, of those above, of those that it manages.

A charter is judged beside that of the unit's parent, where one of the parent's managers signed in
it (protocol.md, "Charter"): so they are read from the top of the tree down.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mifeng.core.profile import Profile
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.ledger.charter import Charter, sign_charter_entry
from mifeng_crypto.ledger.charter_entry import CharterBody, CharterEntry, Create
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.tls import decode

__all__ = ["parent_of", "read", "sign"]

ONLY_FROM_ABOVE = frozenset({"CHARTER-2", "CHARTER-5"})
"""Broken by whoever has no right of his own; a manager of the parent may have one."""


def parent_of(charter: Charter | None, entries: Sequence[bytes]) -> UnitId | None:
    """Return the unit above, by a charter, or by the first of entries that are not judged yet.

    Raises:
        CodecError: that is no entry.
    """
    if charter is not None:
        return charter.parent
    body = decode(CharterEntry, entries[0]).tbs.body if entries else None
    return body.parent if isinstance(body, Create) else None


def read(rows: Iterable[tuple[bytes, bytes]], roster: Roster) -> dict[UnitId, Charter]:
    """Verify all charters of the store again.

    Args:
        rows: of table `charter`, in order of their keys.
        roster: as stored.

    Raises:
        MifengError: one is not what was stored.
    """
    entries: dict[UnitId, list[bytes]] = {}
    for key, entry in rows:
        entries.setdefault(UnitId(key[:16]), []).append(entry)
    charters: dict[UnitId, Charter] = {}
    begun: set[UnitId] = set()

    def look_at(unit_id: UnitId) -> None:
        begun.add(unit_id)
        above = parent_of(None, entries[unit_id])
        if above in entries and above not in begun:
            look_at(above)
        parent = charters.get(above) if above is not None else None
        charters[unit_id] = Charter.from_entries(entries[unit_id], roster, parent=parent)

    for unit_id in entries:
        if unit_id not in begun:
            look_at(unit_id)
    return charters


def sign(
    charter: Charter | None,
    body: CharterBody,
    profile: Profile,
    roster: Roster,
    *,
    above: Charter | None,
    now: UnixMillis,
    unit_id: UnitId | None = None,
) -> tuple[CharterEntry, Charter]:
    """Sign an entry by one's own right or, where only that gives it, as manager of the parent.

    Args:
        charter: what it follows; None for `create`, which gives the new `unit_id` instead.
        body: what it says.
        profile, roster: of its author.
        above: the parent's charter, if there is one and it is known.
        now: the time.
        unit_id: of a unit that is being created.

    Returns:
        The entry, and the charter with it.

    Raises:
        ProtocolError: the rules do not allow it.
    """

    def signed(parent: Charter | None) -> tuple[CharterEntry, Charter]:
        entry = sign_charter_entry(
            charter,
            body,
            profile.author,
            profile.signature_key,
            roster=roster,
            now=now,
            unit_id=unit_id,
            parent=parent,
        )
        if charter is None:
            return entry, Charter.from_entries([entry], roster, parent=above)
        return entry, charter.append(entry, roster, parent=above)

    try:
        return signed(None)
    except ProtocolError as err:
        if above is None or err.rule not in ONLY_FROM_ABOVE:
            raise
        return signed(above)
