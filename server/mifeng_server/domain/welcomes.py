"""Welcomes that wait for devices, and the trees that belong to them."""

from __future__ import annotations

from collections.abc import Iterable

from mifeng_crypto.api.messages import WelcomeItem, WelcomesReply
from mifeng_crypto.rand import Rng
from mifeng_server.domain.house import House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.refusal import not_found
from mifeng_server.domain.rows import (
    Delete,
    Insert,
    Put,
    TreeRow,
    WelcomeBodyRow,
    WelcomeRow,
    Write,
)
from mifeng_server.domain.unit import ALL, Unit, may_take_part

__all__ = ["ack", "list_welcomes", "read_tree", "welcome_writes"]

WELCOME_MS = 7 * 86_400_000
"""As long as a KeyPackage lives: after that nobody can open it."""


async def list_welcomes(house: House, caller: Caller, *, now: int) -> WelcomesReply:
    """Welcomes waiting for the calling device, oldest first."""
    assert caller.device_id is not None, "the endpoint is for devices"
    found = await house.store.find(
        WelcomeRow, order="deadline", after=now, limit=ALL, device_id=caller.device_id
    )
    items = []
    for row in found:
        unit, roster = await house.unit(row.unit_id), await house.roster()
        body = await house.store.get(WelcomeBodyRow, row.unit_id, row.generation, row.sequence)
        if unit is None or roster is None or body is None:
            continue
        if row.generation != unit.row.generation:
            continue  # that one is over
        if may_take_part(roster, unit, caller.member_id):
            items.append(
                WelcomeItem(
                    welcome_id=row.welcome_id,
                    unit_id=row.unit_id,
                    generation=row.generation,
                    sequence=row.sequence,
                    welcome=body.welcome,
                    tree_hash=body.tree_hash,
                )
            )
    return WelcomesReply(welcomes=items)


async def ack(house: House, caller: Caller, welcome_id: bytes) -> None:
    """Forget a Welcome. Repeating it does no harm.

    Raises:
        Refusal: not_found: it is another device's.
    """
    row = await house.store.get(WelcomeRow, welcome_id)
    if row is None:
        return
    if row.device_id != caller.device_id:
        raise not_found()
    await house.store.write((Delete(WelcomeRow, (welcome_id,)),))


async def read_tree(house: House, caller: Caller, unit_id: bytes, tree_hash: bytes) -> bytes:
    """A ratchet tree as the ratchet_tree extension has it.

    Raises:
        Refusal: not_found.
    """
    roster, unit = await house.roster(), await house.unit(unit_id)
    if roster is None or unit is None or not may_take_part(roster, unit, caller.member_id):
        raise not_found()
    row = await house.store.get(TreeRow, unit_id, tree_hash)
    if row is None:
        raise not_found()
    return row.tree


def welcome_writes(
    unit: Unit,
    sequence: int,
    device_ids: Iterable[bytes],
    *,
    welcome: bytes,
    tree: bytes,
    tree_hash: bytes,
    now: int,
    rng: Rng,
) -> tuple[Write, ...]:
    """What a commit's Welcome writes: itself and its tree once, and a note for each device."""
    deadline = now + WELCOME_MS
    place = (unit.unit_id, unit.row.generation, sequence)
    notes = [
        Insert(
            WelcomeRow(
                welcome_id=rng(16),
                device_id=device_id,
                unit_id=unit.unit_id,
                generation=unit.row.generation,
                sequence=sequence,
                deadline=deadline,
            )
        )
        for device_id in device_ids
    ]
    return (
        Put(TreeRow(unit.unit_id, tree_hash, deadline, tree)),
        Insert(WelcomeBodyRow(*place, deadline, tree_hash, welcome)),
        *notes,
    )
