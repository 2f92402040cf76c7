"""Strict units: the server's half of the keys of each slot (protocol.md, "Strict units").

A share is made with the first message of a slot, and dies in the vault at the slot's deadline; the
row only says that there is one. Devices keep shares in memory, so one that is switched off opens
nothing of what it has stored.
"""

from __future__ import annotations

from mifeng_crypto.api.messages import SlotShare, SlotSharesReply
from mifeng_crypto.expiry.slot import slot_of
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.policy import Policy, Strict
from mifeng_server.domain.house import House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.rows import GrantRow, Put, SlotRow, Write
from mifeng_server.domain.unit import may_take_part

__all__ = ["NAME_BYTES", "open_slot", "read_slots", "slot_key", "slot_name"]

ALL = 1 << 31
SHARE_BYTES = 32
NAME_BYTES = 32


def slot_name(row: SlotRow) -> bytes:
    """The name of a slot's share in the vault."""
    return row.unit_id + row.slot.to_bytes(8, "big") + row.deadline.to_bytes(8, "big")


def slot_key(name: bytes) -> tuple[bytes, int, int]:
    """The key of the row that a share of this name belongs to."""
    return name[:16], int.from_bytes(name[16:24], "big"), int.from_bytes(name[24:], "big")


async def open_slot(
    house: House, unit_id: bytes, policy: Policy, *, accepted_at: int, deadline: int
) -> tuple[Write, ...]:
    """Make the share of a slot in which a strict unit accepts something, if there is none yet.

    First the share: one without a row is swept away at the next start.
    """
    if policy.strict is not Strict.ON:
        return ()
    row = SlotRow(unit_id=unit_id, slot=slot_of(UnixMillis(accepted_at)), deadline=deadline)
    if await house.store.get(SlotRow, unit_id, row.slot, row.deadline) is not None:
        return ()
    if await house.shares.get(slot_name(row)) is None:
        await house.shares.put(slot_name(row), house.rng(SHARE_BYTES), deadline=deadline)
    return (Put(row),)


async def read_slots(house: House, caller: Caller, *, now: int) -> SlotSharesReply:
    """Return the shares of all live slots of the caller's units."""
    roster = await house.roster()
    assert roster is not None, "there are no callers before the founding"
    found = []
    for grant in await house.store.find(
        GrantRow, order="unit_id", limit=ALL, member_id=caller.member_id
    ):
        unit = await house.unit(grant.unit_id)
        if unit is None or not may_take_part(roster, unit, caller.member_id):
            continue
        await house.store.settle()
        rows = await house.store.find(
            SlotRow, order="deadline", after=now, limit=ALL, unit_id=grant.unit_id
        )
        for row in rows:
            share = await house.shares.get(slot_name(row))
            if share is not None:
                found.append(
                    SlotShare(
                        unit_id=row.unit_id, slot=row.slot, deadline=row.deadline, share=share
                    )
                )
    return SlotSharesReply(shares=found)
