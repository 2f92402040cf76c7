"""Who among the nodes does something that one of them should do: a lease, taken by swapping a row.

A node that dies takes nothing with it: its lease runs out.
"""

from __future__ import annotations

from mifeng_server.domain.house import House
from mifeng_server.domain.protocols import ConflictError
from mifeng_server.domain.rows import Insert, LeaseRow, Swap, Write

__all__ = ["take"]


async def take(house: House, name: bytes, *, now: int, for_ms: int) -> int:
    """Take or prolong a lease.

    Returns:
        0 if it is this node's now; else in how many milliseconds the other's runs out.
    """
    if not house.store.shared:
        return 0
    wanted = LeaseRow(name, house.node, now + for_ms)
    found = await house.store.get(LeaseRow, name)
    if found is not None and found.holder != house.node and found.deadline > now:
        return found.deadline - now
    write: Write = Insert(wanted) if found is None else Swap(found, wanted)
    try:
        await house.store.write((write,))
    except ConflictError:
        return for_ms
    return 0
