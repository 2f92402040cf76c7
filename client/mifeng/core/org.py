"""The tree of units, as far as this device knows it: each charter names its parent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mifeng_crypto.ids import UnitId

__all__ = ["Place", "tree"]


@dataclass(frozen=True, slots=True)
class Place:
    """A unit in the tree, in the order in which it is printed."""

    unit_id: UnitId
    depth: int


def tree(parents: Mapping[UnitId, UnitId | None], order: Callable[[UnitId], str]) -> list[Place]:
    """Return all units, each behind its parent and one deeper; siblings in `order`.

    A parent that is not in `parents` itself stands in the tree as well. Charters that name each
    other in a circle, as only people who conspire can make them, stand at the top.
    """
    children = dict[UnitId | None, list[UnitId]]()
    for unit_id in {*parents, *(p for p in parents.values() if p is not None)}:
        above = None if _is_in_a_circle(unit_id, parents) else parents.get(unit_id)
        children.setdefault(above, []).append(unit_id)
    found, open_ends = list[Place](), list[Place]()
    at: Place | None = None
    while True:
        below = children.get(at.unit_id if at else None, ())
        depth = at.depth + 1 if at else 0
        open_ends += [Place(u, depth) for u in sorted(below, key=order, reverse=True)]
        if not open_ends:
            return found
        at = open_ends.pop()
        found.append(at)


def _is_in_a_circle(unit_id: UnitId, parents: Mapping[UnitId, UnitId | None]) -> bool:
    seen, at = set[UnitId](), parents.get(unit_id)
    while at is not None and at not in seen:
        if at == unit_id:
            return True
        seen.add(at)
        at = parents.get(at)
    return False
