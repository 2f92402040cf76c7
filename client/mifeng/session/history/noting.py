"""What is remembered of a joining, and of entries that let others in or hand something over."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mifeng.core.catch_up import Applied
from mifeng.core.events import NewEntry
from mifeng.core.history.joining import LetIn, is_owed, may_come_from
from mifeng.core.history.rows import gift_key, join_key
from mifeng.core.history.taking import Gift, accept
from mifeng.core.rows import Changes, Condition, JoinRecord, number, timeline_row
from mifeng.core.unit import Unit
from mifeng.session import notary
from mifeng_crypto import gate
from mifeng_crypto.audit.evidence import Observed
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import DeviceId, Identity
from mifeng_crypto.ledger.roster_entry import RosterEntry
from mifeng_crypto.log import LogEntry
from mifeng_crypto.tls import decode, encode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["joined", "noted"]


async def joined(session: Session, unit: Unit, commit: LogEntry) -> Changes:
    """Return the row that says from whom history may come; `unit` was joined by this commit."""
    profile = session.profile
    entry = await _entry_of(session, profile.device_id)
    committer = gate.committer_of(commit, unit.active_epoch.public).device_id
    givers = may_come_from(unit, committer, entry, me=profile.member_id) if entry else ()
    record = JoinRecord(
        generation=unit.generation,
        joined=unit.log.head,
        accepted_at=commit.header.accepted_at,
        givers=givers,
        heard=(),
    )
    return {("history", join_key(unit.unit_id)): encode(record)}


async def noted(session: Session, applied: Applied) -> Changes:
    """Return what has to be remembered of entries that are about to be saved.

    What is refused of a history that was handed over becomes an alarm, and nothing of it is kept.
    """
    changes = dict[tuple[str, bytes], bytes | None]()
    for one in applied.let_in:
        receivers = [who for who in one.added if await _is_owed(session, one, who)]
        if receivers:
            key = gift_key(one.unit_id, one.joined.sequence)
            changes["history", key] = encode(one.gift(receivers))
    for gift in applied.gifts:
        unit_id = gift.header.group.unit_id
        key = join_key(unit_id)
        row = changes.get(("history", key)) or await session.home.database.get("history", key)
        try:
            join, rows = accept(
                gift, decode(JoinRecord, row) if row else None, profile=session.profile
            )
        except ProtocolError as err:
            await notary.raise_alarm(session, err, Observed(), unit_id=unit_id)
            changes |= refused_line(applied, gift, err)
        else:
            changes |= {**rows, ("history", key): encode(join)}
    return changes


def refused_line(applied: Applied, gift: Gift, err: ProtocolError) -> Changes:
    """What stands in this device's timeline, where it takes nothing of what is said to be its."""
    unit_id, sequence = gift.header.group.unit_id, gift.header.sequence
    record = next(
        event.entry
        for event in applied.events
        if isinstance(event, NewEntry) and event.sequence == sequence
    )
    refused = dataclasses.replace(
        record, condition=Condition.MALFORMED, content=b"", reason=str(err)
    )
    return {("messages", unit_id + number(sequence)): timeline_row(unit_id, refused)}


async def _is_owed(session: Session, let_in: LetIn, who: Identity) -> bool:
    me = session.profile
    entry = await _entry_of(session, who.device_id) if who.member_id == me.member_id else None
    return is_owed(let_in, who, entry, me=me.member_id, device_id=me.device_id)


async def _entry_of(session: Session, device_id: DeviceId) -> RosterEntry | None:
    """The entry by which the roster has a device."""
    device = session.known_roster.device(device_id)
    row = await session.home.database.get("roster", number(device.added)) if device else None
    return decode(RosterEntry, row) if row else None
