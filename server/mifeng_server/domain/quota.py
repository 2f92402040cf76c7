"""Room for files: what an upload must find before its first byte is sent.

A file that was accepted is never dropped for want of room, so the room is looked for when the
upload is opened: within its member's and its unit's quota, and on the disk, less what other uploads
under way were promised.

Nodes that give room away at the same time do not add up to too much: each file swaps a row of its
member's and its unit's room, "who came last", in the very transaction that adds it. Of two that
looked at the same room one meets a conflict, and looks again.
"""

from __future__ import annotations

from dataclasses import dataclass

from mifeng_crypto.api.problems import ProblemCode
from mifeng_server.domain.protocols import Blobs, FullError, Store
from mifeng_server.domain.refusal import Refusal
from mifeng_server.domain.rows import FileRow, Insert, LeaseRow, Swap

__all__ = ["Quotas", "check_quota", "check_room", "take_room"]

UNDER_WAY = 10_000
"""More uploads than are ever open at once."""
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """How many bytes of ciphertext may live at once: of one member's files, and in one unit."""

    member_bytes: int = 20 << 30
    unit_bytes: int = 200 << 30


async def take_room(
    store: Store, room: bytes, *, token: bytes, deadline: int
) -> tuple[Insert | Swap, ...]:
    """Return what says, in the transaction that adds this file, that the room is still as it is.

    Ask before the room is looked at.

    Args:
        store: the rows.
        room: a member's or a unit's id.
        token: 16 random bytes, which no other taker has.
        deadline: when the row is of no use any more.
    """
    if not store.shared:
        return ()  # whoever holds the room's lock is alone
    await store.settle()
    last = await store.get(LeaseRow, b"room" + room)
    taken = LeaseRow(b"room" + room, token, deadline)
    return (Insert(taken) if last is None else Swap(last, taken),)


async def check_room(
    store: Store, blobs: Blobs, quotas: Quotas, *, member_id: bytes, unit_id: bytes, length: int
) -> None:
    """See that a file of `length` bytes fits. The caller holds the locks of the quotas.

    Raises:
        Refusal: quota_exceeded.
        FullError: the disk has no room for it.
    """
    await check_quota(store, quotas, member_id=member_id, length=length)
    used = await store.total(FileRow, "length", unit_id=unit_id)
    if used + length > quotas.unit_bytes:
        raise Refusal(
            ProblemCode.QUOTA_EXCEEDED,
            f"the files of this unit take {_amount(used)} of {_amount(quotas.unit_bytes)}, "
            f"and this one needs {_amount(length)}",
        )
    room = await blobs.room()
    if room is None:
        return
    promised = 0
    for row in await store.find(FileRow, order="deadline", limit=UNDER_WAY, retain_until=0):
        promised += row.length - await blobs.size(row.file_id)
    if promised + length > room:
        raise FullError


async def check_quota(store: Store, quotas: Quotas, *, member_id: bytes, length: int) -> None:
    """See that `length` bytes more fit into a member's quota.

    Raises:
        Refusal: quota_exceeded.
    """
    await store.settle()  # an upload that was opened a moment ago counts
    used = await store.total(FileRow, "length", member_id=member_id)
    if used + length > quotas.member_bytes:
        raise Refusal(
            ProblemCode.QUOTA_EXCEEDED,
            f"your files take {_amount(used)} of {_amount(quotas.member_bytes)}, "
            f"and this one needs {_amount(length)}",
        )


def _amount(count: int) -> str:
    size, unit = float(count), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"
