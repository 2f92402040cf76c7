"""Whether a unit's tree is behind its ledgers, and which devices could mend that (protocol.md,
"Stewards"). The server can sign no commit; all that it can do is ask.
"""

from __future__ import annotations

from mifeng_crypto.gate import (
    adds_missing,
    leaves_too_old,
    removes_due,
    renewal_due,
    rotation_due,
)
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.chain import CLOCK_TOLERANCE_MS
from mifeng_crypto.ledger.roster import Roster
from mifeng_server.domain.house import House
from mifeng_server.domain.rows import ClaimRow, KeyPackageRow
from mifeng_server.domain.unit import Unit

__all__ = ["find_stewards", "needs_care", "needs_rotation"]


async def find_stewards(house: House, unit_id: bytes, *, now: int) -> frozenset[bytes]:
    """Return the devices that may commit what is due; none if ledgers and tree agree.

    An addition is due only if a KeyPackage is to be had: nobody could commit it otherwise.
    """
    roster, unit = await house.roster(), await house.unit(unit_id)
    if roster is None or unit is None or unit.charter.is_closed():
        return frozenset()
    view = unit.view(roster)
    due = removes_due(view)
    time, leaves = UnixMillis(now), view.standing.leaves
    if (
        due
        or leaves_too_old(view, time)
        or needs_rotation(unit, roster, now=now)
        or await _can_add(house, unit, roster, now)
    ):
        return frozenset(device_id for device_id, leaf in leaves.items() if leaf not in due)
    # Each renews its own, one after the other.
    return frozenset(d for d, leaf in leaves.items() if renewal_due(view, leaf, time))


def needs_care(unit: Unit, roster: Roster, *, now: int) -> bool:
    """Whether time alone has made something due: old keys that are in use, old leaves."""
    if unit.charter.is_closed():
        return False
    view, time = unit.view(roster), UnixMillis(now)
    return (
        needs_rotation(unit, roster, now=now)
        or bool(leaves_too_old(view, time))
        or any(renewal_due(view, leaf, time) for leaf in view.standing.leaves.values())
    )


def needs_rotation(unit: Unit, roster: Roster, *, now: int) -> bool:
    """Whether the keys are old and in use: a unit in which nothing happens does not rotate."""
    in_use = unit.row.accepted_at > unit.row.rotated_at
    return in_use and rotation_due(unit.view(roster), UnixMillis(now))


async def _can_add(house: House, unit: Unit, roster: Roster, now: int) -> bool:
    for device_id in adds_missing(unit.view(roster), UnixMillis(now - CLOCK_TOLERANCE_MS)):
        claim = await house.store.get(ClaimRow, unit.unit_id, device_id)
        if claim is not None and claim.not_after > now:
            return True
        if await house.store.find(
            KeyPackageRow,
            order="not_after",
            after=now,
            limit=1,
            device_id=device_id,
            suite=unit.charter.cipher_suite,
        ):
            return True
    return False
