"""Entries of a unit's log: through the core, onto the disk, and then told.

What cannot be applied stops the unit there. All that came before it is applied, for what was said
can be read whatever comes after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from mifeng.core import alarms
from mifeng.core.catch_up import Applied, apply_entries
from mifeng.core.events import Delivered, DeviceStuck
from mifeng.core.own_time import AheadError
from mifeng.core.readd import CannotGoOnError
from mifeng.core.rows import Changes
from mifeng.session import expiry, notary, readd, slots
from mifeng.store import to_the_end
from mifeng_crypto.errors import CodecError, CryptoError, MifengError, ProtocolError
from mifeng_crypto.ids import UnitId
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.log import LogEntry
from mifeng_crypto.tls import decode, encode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["apply"]

ASIDE = 16
"""More entries than this are applied in a thread: meanwhile the loop hears, draws and fetches."""


async def apply(
    session: Session,
    unit_id: UnitId,
    entries: list[bytes] | list[LogEntry],
    more: Changes | None = None,
) -> None:
    """Apply entries that are here; fetch the ledgers if they speak of newer ones.

    What is refused becomes an alarm. `more` is saved in the same transaction. The caller has the
    unit's turn.
    """
    before = session.units[unit_id].log.head
    try:
        applied = await _applied(session, unit_id, entries)
    except AheadError as err:
        await _apply_before(session, unit_id, err.sequence, entries)
        raise  # and no alarm: this device's clock may be wrong
    except CannotGoOnError as err:
        await _apply_before(session, unit_id, err.stuck.sequence, entries)
        stuck = [e for e in _decoded(entries) if e.header.sequence == err.stuck.sequence]
        cause = err.__cause__ if isinstance(err.__cause__, MifengError) else err
        evidence = alarms.refused_entries(
            "log", session.units[unit_id].log.head, [encode(e) for e in stuck]
        )
        await notary.raise_alarm(session, cause, evidence, unit_id=unit_id)
        raise
    except (CodecError, CryptoError, ProtocolError) as err:
        raw = [e if isinstance(e, bytes) else encode(e) for e in entries]
        evidence = alarms.refused_entries("log", before, raw)
        await notary.raise_alarm(session, err, evidence, unit_id=unit_id)
        raise
    changes = {**applied.changes, **await session.history.noted(applied), **(more or {})}
    await slots.fetch_for(session, changes)
    await to_the_end(session.keep_unit(applied.unit, changes))
    session.history.look()
    for lag in applied.lags:
        await notary.look_at(session, unit_id, lag)
    if applied.unit.is_deleted:
        await expiry.expire(session)
    for event in applied.events:
        if isinstance(event, DeviceStuck):
            event = await readd.with_author(session, event)  # noqa: PLW2901
        if isinstance(event, Delivered):
            session.delivered[event.unit_id, event.number] = event.sequence
        session.tell(event)


async def _apply_before(
    session: Session, unit_id: UnitId, sequence: int, entries: Sequence[bytes | LogEntry]
) -> None:
    readable = [e for e in _decoded(entries) if e.header.sequence < sequence]
    if readable:
        await apply(session, unit_id, readable)


def _decoded(entries: Sequence[bytes | LogEntry]) -> list[LogEntry]:
    return [e if isinstance(e, LogEntry) else decode(LogEntry, e) for e in entries]


async def _applied(
    session: Session,
    unit_id: UnitId,
    entries: list[bytes] | list[LogEntry],
    *,
    anew: bool = False,
) -> Applied:
    unit, now = session.units[unit_id], session.effective()
    roster, device_id = session.known_roster, session.profile.device_id
    step = partial(apply_entries, unit, entries, roster=roster, device_id=device_id, now=now)
    try:
        return step() if len(entries) <= ASIDE else await to_the_end(asyncio.to_thread(step))
    except NeedLedgerError:
        if anew:
            raise
        await session.follow_roster()
        await session.follow_charter(unit_id)
        return await _applied(session, unit_id, entries, anew=True)
