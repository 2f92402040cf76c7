"""Fetch what was handed over to this device, judge it, and put it into the timeline."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mifeng.core.events import HistoryTaken
from mifeng.core.history import taking as core
from mifeng.core.history.rows import join_key
from mifeng.core.rows import (
    JoinRecord,
    TakeRecord,
    TimelineRecord,
    UnitStatus,
    number,
    timeline_row,
)
from mifeng.core.unit import Unit
from mifeng.errors import ServerProblem
from mifeng.session import notary, slots
from mifeng.session.history.giving import shown
from mifeng.transfer.blob import fetch_part
from mifeng_crypto import gate
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.audit.evidence import Observed
from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError
from mifeng_crypto.gate import Past
from mifeng_crypto.ids import MemberId, UnitId
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.log import LogEntry
from mifeng_crypto.tls import decode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["take", "waiting"]

PAGE = 500


@dataclass(frozen=True, slots=True)
class _Known:
    """A unit, how this device came into it, and the log before that."""

    unit_id: UnitId
    join: JoinRecord
    past: Past


async def waiting(session: Session) -> dict[UnitId, dict[bytes, TakeRecord]]:
    """Return the parts that are still to be fetched, of each unit, by the keys of their rows."""
    takes = dict[UnitId, dict[bytes, TakeRecord]]()
    for key, row in await session.home.database.scan("history"):
        if key[16:17] == b"t" and row:  # one whose time is over is read as nothing
            takes.setdefault(UnitId(key[:16]), {})[key] = decode(TakeRecord, row)
    return takes


async def take(session: Session, unit_id: UnitId, takes: Mapping[bytes, TakeRecord]) -> None:
    """Fetch the parts of a unit, the newest first; what is refused is an alarm, and not shown.

    Raises:
        TransportError: the server is not reached; what was taken stays.
        ServerProblem: it declines.
        StorageError: the disk refuses.
    """
    unit = session.units.get(unit_id)
    row = await session.home.database.get("history", join_key(unit_id))
    join = decode(JoinRecord, row) if row else None
    if unit is None or unit.status is not UnitStatus.ACTIVE or join is None:
        return  # waits to be let in again; its time is over soon
    try:
        first = min(one.part.first for one in takes.values())
        known = _Known(unit_id, join, await _past(session, unit, join, first=first))
    except ProtocolError as err:
        await notary.raise_alarm(session, err, Observed(), unit_id=unit_id)
        return
    taken = dict[MemberId, set[int]]()
    for key, one in sorted(takes.items(), key=lambda found: -found[1].part.first):
        records = await _fetch(session, one, known)
        found = await _save(session, unit_id, key, one, records)
        taken.setdefault(one.giver, set()).update(found)
    for giver, sequences in taken.items():
        if sequences:
            messages = await shown(session, unit_id, sequences)
            session.tell(HistoryTaken(unit_id, messages, giver))


async def _past(session: Session, unit: Unit, join: JoinRecord, *, first: int) -> Past:
    """Fetch the log's headers from `first` to the joining, and see that they lead there.

    Raises:
        ProtocolError: CLIENT-3, LOG-1 to LOG-4, LOG-6.
    """
    entries = list[LogEntry]()
    last, end = first - 1, join.joined.sequence
    while last < end:
        with session.access(unit):
            reply = await session.api.call(
                "log",
                m.LogReply,
                path={"unit_id": unit.unit_id},
                query={
                    "generation": join.generation,
                    "after": last,
                    "limit": min(PAGE, end - last),
                    "bare": 1,
                },
            )
        if not reply.entries:
            raise ProtocolError("CLIENT-3", "the server withholds entries of the log")
        entries += (decode(LogEntry, entry) for entry in reply.entries)
        last = entries[-1].header.sequence
    group = session.units[unit.unit_id].group
    return gate.check_past(entries, group=group, joined=join.joined)


async def _fetch(session: Session, take: TakeRecord, known: _Known) -> Mapping[int, TimelineRecord]:
    """Fetch a part and judge it; of one that is over, or refused, nothing is left."""
    if take.part.deadline <= session.effective():
        return {}
    try:
        data = await fetch_part(session.api, take.part, take.secret, unit_id=known.unit_id)
        return await _judge(session, data, take, known)
    except ServerProblem as err:
        if err.code not in (ProblemCode.GONE, ProblemCode.NOT_FOUND):
            raise
    except (CodecError, CryptoError, ProtocolError) as err:
        await notary.raise_alarm(session, err, Observed(), unit_id=known.unit_id)
    return {}


async def _save(
    session: Session,
    unit_id: UnitId,
    row: bytes,
    take: TakeRecord,
    records: Mapping[int, TimelineRecord],
) -> set[int]:
    """Save what is new in a part, in the transaction that forgets it; return its numbers."""
    database, changes = session.home.database, dict[tuple[str, bytes], bytes | None]()
    keys = {unit_id + number(sequence): record for sequence, record in records.items()}
    here = await database.keys("messages", min(keys), max(keys)) if keys else set()
    for key, record in keys.items():
        if key not in here:
            changes["messages", key] = timeline_row(unit_id, record)
    await slots.fetch_for(session, changes)
    if take.part.deadline <= session.effective():  # it has passed meanwhile
        changes = {}
    found = {int.from_bytes(key[16:], "big") for _, key in changes}
    await session.save({**changes, ("history", row): None})
    session.timelines.forget(unit_id)
    return found


async def _judge(
    session: Session, data: bytes, take: TakeRecord, known: _Known
) -> Mapping[int, TimelineRecord]:

    def judge() -> Mapping[int, TimelineRecord]:
        unit, roster = session.units[known.unit_id], session.known_roster
        return core.judge(data, take, known.past, known.join, unit=unit, roster=roster)

    try:
        return await asyncio.to_thread(judge)
    except NeedLedgerError:
        await session.follow_roster()
        await session.follow_charter(known.unit_id)
        return await asyncio.to_thread(judge)
