"""What the server signs of its own: where ledgers and logs stand, and what it has accepted
(protocol.md, "Checkpoints" and "Receipts"). Only what is durable.
"""

from __future__ import annotations

from typing import cast

import msgspec

from mifeng_crypto.api.messages import AcceptedReply, CheckpointsReply
from mifeng_crypto.gate import header_hash
from mifeng_crypto.ids import GroupId, UnitId, UnixMillis
from mifeng_crypto.ledger.checkpoint import origin_of_charter, origin_of_log, origin_of_roster
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.receipt import Acceptance
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import LogHeader
from mifeng_crypto.tls import decode
from mifeng_server.domain.house import ROSTER_COUNTER, House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.rows import CharterRow, CounterRow, GrantRow, UnitRow
from mifeng_server.domain.unit import ALL, may_take_part

__all__ = ["checkpoints", "with_receipt"]


def signs(house: House, roster: Roster) -> bool:
    """Whether the roster names a key of this server's: nobody could verify another one."""
    named = roster.server.checkpoint_key
    return named is not None and house.notary.use(named)


async def with_receipt(house: House, reply: AcceptedReply) -> AcceptedReply:
    """Return the answer to what is durable, with the server's signature on it."""
    roster = await house.roster()
    assert roster is not None, "there are no callers before the founding"
    if not signs(house, roster):
        return reply
    header = decode(LogHeader, reply.header)
    acceptance = Acceptance(
        workspace_id=roster.workspace_id,
        group=header.group,
        sequence=header.sequence,
        hash=header_hash(header),
        retain_until=UnixMillis(reply.retain_until),
    )
    return msgspec.structs.replace(reply, receipt=await house.notary.receipt(acceptance))


async def checkpoints(house: House, caller: Caller) -> CheckpointsReply:
    """Checkpoints of the roster, and of charter and log of each of the caller's units."""
    roster = await house.roster()
    assert roster is not None, "there are no callers before the founding"
    if not signs(house, roster):
        return CheckpointsReply(notes=[])
    workspace_id = roster.workspace_id
    # What is in memory may be ahead of the disk, and is looked at last; what is signed may not.
    counter = await house.store.get(CounterRow, ROSTER_COUNTER)
    roster = await house.roster()
    assert counter is not None, "founding has written it"
    assert roster is not None, "it is never unfounded"
    heads = {origin_of_roster(workspace_id): Head(counter.value, roster.hash_at(counter.value))}
    grants = await house.store.find(
        GrantRow, order="unit_id", limit=ALL, member_id=caller.member_id
    )
    for grant in grants:
        unit_id = cast("UnitId", grant.unit_id)
        known = await house.store.count(CharterRow, unit_id=unit_id)
        row = await house.store.get(UnitRow, unit_id)
        unit = await house.unit(unit_id)
        if unit is None or row is None or not may_take_part(roster, unit, caller.member_id):
            continue
        heads[origin_of_charter(workspace_id, unit_id)] = Head(known, unit.charter.hash_at(known))
        group = GroupId(unit_id, row.generation)
        heads[origin_of_log(workspace_id, group)] = Head(row.log_sequence, row.log_hash)
    return CheckpointsReply(
        notes=[house.notary.checkpoint(origin, head) for origin, head in heads.items()]
    )
