"""Who may see what of a unit, by the ledgers as they stand now (protocol.md, "API").

Its members see all of it. Of business units and channels, which are the shape of the company, the
charter is also seen by those who may sign in it, and by those who need it to verify the charters of
their own units: owners and admins, the managers of the unit above, the members of units below.
"""

from __future__ import annotations

from mifeng_crypto.ledger.charter_entry import UnitKind, UnitRole
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import Role
from mifeng_server.domain.house import House
from mifeng_server.domain.rows import GrantRow, PlaceRow
from mifeng_server.domain.unit import ALL, Unit, may_take_part

__all__ = ["IN_THE_TREE", "may_see_charter", "others_to_manage"]

IN_THE_TREE = frozenset({UnitKind.BUSINESS, UnitKind.CHANNEL})
"""Groups and direct units are nobody's business but their members'."""

DEEPEST = 64
"""Levels of the tree that are climbed for one question."""


async def may_see_charter(house: House, roster: Roster, unit: Unit, member_id: bytes) -> bool:
    """Whether a member may read a unit's charter. No unit's lock may be held."""
    if may_take_part(roster, unit, member_id):
        return True
    if unit.charter.kind not in IN_THE_TREE or not _is_member(roster, member_id):
        return False
    return (
        _is_admin(roster, member_id)
        or await _manages_above(house, unit, member_id)
        or await _is_below(house, roster, unit, member_id)
    )


async def others_to_manage(house: House, roster: Roster, member_id: bytes) -> list[bytes]:
    """Return the units that a member has a say in without being in them."""
    if _is_admin(roster, member_id):
        places = await house.store.find(PlaceRow, order="unit_id", limit=ALL)
    else:
        places = ()
        for unit in await _units_of(house, member_id):
            if _manages(unit, member_id):
                places += await house.store.find(
                    PlaceRow, order="unit_id", limit=ALL, parent=unit.unit_id
                )
    found = set[bytes]()
    for place in places:
        below = await house.unit(place.unit_id)
        if below is not None and not may_take_part(roster, below, member_id):
            found.add(place.unit_id)
    return sorted(found)


def _is_member(roster: Roster, member_id: bytes) -> bool:
    return roster.member(member_id) is not None  # type: ignore[arg-type]  # any 16 bytes


def _is_admin(roster: Roster, member_id: bytes) -> bool:
    member = roster.member(member_id)  # type: ignore[arg-type]  # any 16 bytes may be asked
    return member is not None and member.role in (Role.OWNER, Role.ADMIN)


def _manages(unit: Unit, member_id: bytes) -> bool:
    """Whether a member has a say in the units right below this one."""
    charter = unit.charter
    is_manager = charter.role_of(member_id) is UnitRole.MANAGER  # type: ignore[arg-type]
    return charter.kind is UnitKind.BUSINESS and not charter.is_closed() and is_manager


async def _manages_above(house: House, unit: Unit, member_id: bytes) -> bool:
    parent = await house.unit(unit.charter.parent) if unit.charter.parent else None
    return parent is not None and _manages(parent, member_id)


async def _is_below(house: House, roster: Roster, unit: Unit, member_id: bytes) -> bool:
    """Whether a member is in a unit that stands somewhere under this one."""
    for own in await _units_of(house, member_id):
        if own.charter.kind not in IN_THE_TREE or not may_take_part(roster, own, member_id):
            continue
        above, levels = own.charter.parent, 0
        while above is not None and levels < DEEPEST:
            if above == unit.unit_id:
                return True
            parent = await house.unit(above)
            above, levels = parent.charter.parent if parent else None, levels + 1
    return False


async def _units_of(house: House, member_id: bytes) -> list[Unit]:
    grants = await house.store.find(GrantRow, order="unit_id", limit=ALL, member_id=member_id)
    units = [await house.unit(grant.unit_id) for grant in grants]
    return [unit for unit in units if unit is not None]
