"""What an auditor needs of this device and its server, record by record (protocol.md, "Audit").

Ledgers, pinned checkpoints, receipts and alarms are on the disk; the logs are fetched anew, from
their first entry on. A server that does not give them leaves a gap, which the audit names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from typing import TYPE_CHECKING

from mifeng.core.alarms import rows_to_alarms
from mifeng_crypto.api import messages as m
from mifeng_crypto.audit import record as f
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import PROTOCOL_VERSION, GroupId, UnitId
from mifeng_crypto.ledger.charter_entry import CharterEntry, Create
from mifeng_crypto.log import LogEntry
from mifeng_crypto.tls import decode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["Progress", "records"]

PAGE = 500

Progress = Callable[[int], None]
"""Hears how many records there are so far."""


async def records(
    session: Session, units: Collection[UnitId], *, progress: Progress | None = None
) -> AsyncIterator[f.AuditRecord]:
    """Yield an export: the whole roster, and of `units` all that there is.

    What cannot be fetched is left out.
    """
    n = 0
    async for record in _records(session, units):
        yield record
        n += 1
        if progress is not None and n % 100 == 0:
            progress(n)


async def _records(session: Session, units: Collection[UnitId]) -> AsyncIterator[f.AuditRecord]:
    profile, database = session.profile, session.home.database
    yield f.ExportRecord(
        version=PROTOCOL_VERSION,
        workspace_id=profile.workspace_id,
        member_id=profile.member_id,
        device_id=profile.device_id,
        exported_at=session.now(),
    )
    for _, entry in await database.scan("roster"):
        yield f.RosterRecord(entry)
    for alarm in rows_to_alarms(await database.scan("alarms")):
        yield f.AlarmRecord(alarm)
    for unit_id, entries in (await _charters(session, units)).items():
        for entry in entries:
            yield f.CharterRecord(unit_id, entry)
    for unit_id in units:
        async for record in _log(session, unit_id):
            yield record
    for _, note in await database.scan("pins"):
        yield f.NoteRecord(note)
    for unit_id in units:
        for _, receipt in await database.scan("receipts", unit_id):
            yield f.ReceiptRecord(receipt)


async def _charters(session: Session, units: Collection[UnitId]) -> dict[UnitId, list[bytes]]:
    """The charters of units and of all that stand above them, those first."""
    found: dict[UnitId, list[bytes]] = {}

    async def add(unit_id: UnitId) -> None:
        if unit_id in found:
            return
        rows = await session.home.database.scan("charter", unit_id)
        if not rows:
            return
        body = decode(CharterEntry, rows[0][1]).tbs.body
        if isinstance(body, Create) and body.parent is not None:
            await add(body.parent)
        found[unit_id] = [entry for _, entry in rows]

    for unit_id in units:
        await add(unit_id)
    return found


async def _log(session: Session, unit_id: UnitId) -> AsyncIterator[f.AuditRecord]:
    for generation in range(session.units[unit_id].generation + 1):
        try:
            path, query = {"unit_id": unit_id}, {"generation": generation}
            with session.access():
                founded = await session.api.call(
                    "founding", m.FoundingReply, path=path, query=query
                )
            yield f.FoundingRecord(GroupId(unit_id, generation), founded.group_info)
            after = 0
            while True:
                with session.access():
                    reply = await session.api.call(
                        "log", m.LogReply, path=path, query={**query, "after": after, "limit": PAGE}
                    )
                for entry in reply.entries:
                    yield f.LogRecord(entry)
                if not reply.entries:
                    break
                after = decode(LogEntry, reply.entries[-1]).header.sequence
                if after >= reply.head_sequence:
                    break
        except MifengError:
            continue
