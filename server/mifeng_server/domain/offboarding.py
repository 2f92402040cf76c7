"""What is left of whom: everything that waited for a removed device goes with it, and which units
still have the person is kept to be reported (protocol.md, "Offboarding").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from mifeng_crypto.api.messages import Departure, OffboardingReply
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.gate import identity_of
from mifeng_crypto.ids import MemberId
from mifeng_crypto.ledger.roster_entry import Role
from mifeng_crypto.mls.group import StagedCommit
from mifeng_server.domain.directory_boxes import forget_boxes_of
from mifeng_server.domain.house import House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.protocols import Store
from mifeng_server.domain.refusal import Refusal, not_found
from mifeng_server.domain.rows import (
    ClaimRow,
    Delete,
    KeyPackageRow,
    LinkRow,
    LogRow,
    Put,
    StayRow,
    TokenRow,
    WelcomeBodyRow,
    WelcomeRow,
    Write,
)
from mifeng_server.domain.sight import may_see_charter
from mifeng_server.domain.unit import ALL, Unit

__all__ = ["forget_devices", "report", "stay_writes"]


async def forget_devices(
    store: Store, member_id: bytes, device_ids: Iterable[bytes]
) -> tuple[Write, ...]:
    """Delete logins, KeyPackages, claimed ones and Welcomes of devices that are out.

    The caller holds the locks under which any of these could come into being.
    """
    await store.settle()
    gone = frozenset(device_ids)
    tokens = await store.find(TokenRow, order="deadline", limit=ALL, member_id=member_id)
    writes: list[Write] = [
        Delete(TokenRow, (row.token_hash,)) for row in tokens if row.device_id in gone
    ]
    bodies = Counter[tuple[bytes, int, int]]()
    for device_id in sorted(gone):
        links = await store.find(LinkRow, order="deadline", limit=ALL, device_id=device_id)
        writes += [Delete(LinkRow, (row.link_id,)) for row in links]
        unused = await store.find(KeyPackageRow, order="not_after", limit=ALL, device_id=device_id)
        claims = await store.find(ClaimRow, order="not_after", limit=ALL, device_id=device_id)
        writes += await forget_boxes_of(store, device_id)
        writes += [Delete(KeyPackageRow, (row.ref,)) for row in unused]
        writes += [Delete(ClaimRow, (row.unit_id, device_id)) for row in claims]
        for note in await store.find(WelcomeRow, order="deadline", limit=ALL, device_id=device_id):
            writes.append(Delete(WelcomeRow, (note.welcome_id,)))
            bodies[note.unit_id, note.generation, note.sequence] += 1
    for (unit_id, generation, sequence), n in bodies.items():
        waiting = await store.count(
            WelcomeRow, unit_id=unit_id, generation=generation, sequence=sequence
        )
        if waiting == n:  # nobody else does
            writes.append(Delete(WelcomeBodyRow, (unit_id, generation, sequence)))
    return tuple(writes)


def stay_writes(after: Unit, staged: StagedCommit) -> tuple[Write, ...]:
    """Note who has come into a unit's tree by a commit, and whose last device has left it."""
    assert after.known is not None, "a commit was just judged by it"
    came = {identity_of(package.leaf_node).member_id for _, package in staged.added}
    left = {identity_of(leaf).member_id for _, leaf in staged.removed} - after.known.people.keys()
    row = after.row
    stays = [StayRow(member_id, row.unit_id, row.generation, 0) for member_id in sorted(came)]
    stays += [
        StayRow(member_id, row.unit_id, row.generation, row.log_sequence)
        for member_id in sorted(left)
    ]
    return tuple(Put(stay) for stay in stays)


async def report(house: House, caller: Caller, member_id: bytes) -> OffboardingReply:
    """Return in which units a former member still is, and by which commits they left the others.

    Units whose charters the caller may not see are counted, not named.

    Raises:
        Refusal: forbidden: only owners and admins may ask; not_found: nobody has left by this id.
    """
    roster = await house.roster()
    assert roster is not None, "there are no callers before the founding"
    asking = roster.member(MemberId(caller.member_id))
    if asking is None or asking.role not in (Role.OWNER, Role.ADMIN):
        raise Refusal(ProblemCode.FORBIDDEN, "only owners and admins may ask that")
    if not roster.was_ever_named(MemberId(member_id)) or roster.member(MemberId(member_id)):
        raise not_found()
    units, others = list[Departure](), Counter[bool]()
    for stay in await house.store.find(StayRow, order="unit_id", limit=ALL, member_id=member_id):
        unit = await house.unit(stay.unit_id)
        if unit is None or unit.charter.is_closed():
            continue  # nothing is said there any more that the person could read
        if not await may_see_charter(house, roster, unit, caller.member_id):
            others[stay.left == 0] += 1
            continue
        entry = None
        if stay.left:
            entry = await house.store.get(LogRow, stay.unit_id, stay.generation, stay.left)
        units.append(
            Departure(
                unit_id=stay.unit_id,
                generation=stay.generation,
                header=entry.header if entry else None,
            )
        )
    return OffboardingReply(units=units, others_out=others[False], others_pending=others[True])
