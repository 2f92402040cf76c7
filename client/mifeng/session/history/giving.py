"""Hand over what was said before others came in: parts to the server, and one message."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from mifeng.content import Origin
from mifeng.content.documents import HandedHistory
from mifeng.content.message import encode_work
from mifeng.core.events import HistoryGiven
from mifeng.core.history.giving import Planned, blob_of, handed_over, is_dropped, plan
from mifeng.core.history.rows import gift_key, part_key, part_row
from mifeng.core.rows import GiftRecord, PartRecord, TimelineRecord, UnitStatus, number
from mifeng.errors import ServerProblem
from mifeng.session import uploads
from mifeng.transfer.blob import put_blob
from mifeng_crypto.history import OUT_OF_TIME_MS, HistoryPart
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import decode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["give", "owed", "shown"]

AT_ONCE = 4
"""Parts that are on their way side by side."""
YIELD_EVERY = 500
"""Rows that are looked at before others get their turn."""


async def owed(session: Session) -> list[tuple[UnitId, GiftRecord]]:
    """Return what this device has still to hand over."""
    rows = await session.home.database.scan("history")
    return [(UnitId(key[:16]), decode(GiftRecord, row)) for key, row in rows if key[16:17] == b"g"]


async def give(session: Session, unit_id: UnitId, gift: GiftRecord) -> int:
    """Hand over what this device has of before a joining.

    Returns:
        How many messages that is, of those that are shown as such.

    Raises:
        TransportError: the server is not reached; what was brought to it stays there.
        ServerProblem: it declines.
        StorageError: the disk refuses.
    """
    owed_row = ("history", gift_key(unit_id, gift.joined.sequence))
    planned = await _planned(session, unit_id, gift)
    if not planned:
        await session.save({owed_row: None})
        return 0
    parts = await _bring_all(session, unit_id, planned)
    messages = await shown(
        session, unit_id, {sequence for one in planned for sequence, _ in one.messages}
    )
    documents = handed_over(
        gift,
        parts,
        messages=messages,
        unit_id=unit_id,
        profile=session.profile,
        roster=session.known_roster,
        rng=session.rng,
    )
    if not documents:
        await session.save({owed_row: None})
        return 0
    await _post(session, unit_id, documents, parts, owed_row)
    members = tuple(dict.fromkeys(who.member_id for who in gift.receivers))
    session.tell(HistoryGiven(unit_id, messages, members))
    return messages


async def _planned(session: Session, unit_id: UnitId, gift: GiftRecord) -> list[Planned]:
    unit = session.units.get(unit_id)
    if (
        unit is None
        or unit.status is not UnitStatus.ACTIVE
        or unit.is_closed
        or unit.generation != gift.generation
        or session.now() - gift.accepted_at > OUT_OF_TIME_MS
    ):
        return []
    begins = unit.charter.generation(at=unit.heads.charter.sequence).begins
    rows = await session.home.database.scan("messages", unit_id, after=unit_id + number(begins))
    records = list[tuple[int, TimelineRecord]]()
    for n, (key, row) in enumerate(rows, 1):
        sequence = int.from_bytes(key[16:], "big")
        if sequence >= gift.joined.sequence:
            break
        records.append((sequence, decode(TimelineRecord, row)))
        if n % YIELD_EVERY == 0:
            await asyncio.sleep(0)
    return plan(records, now=session.effective())


async def _bring_all(session: Session, unit_id: UnitId, planned: list[Planned]) -> list[PartRecord]:
    ready = asyncio.Semaphore(AT_ONCE)

    async def bring(one: Planned) -> PartRecord:
        async with ready:
            return await _bring(session, unit_id, one)

    tasks = [asyncio.create_task(bring(one)) for one in planned]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def _bring(session: Session, unit_id: UnitId, planned: Planned) -> PartRecord:
    """Bring a part to the server, unless it is there: for somebody else, or before a crash."""
    key = part_key(unit_id, planned.first)
    row = await session.home.database.get("history", key)
    known = decode(PartRecord, row) if row else None
    if known and planned.is_in(known.part) and not is_dropped(known, now=session.now()):
        return known
    data = await asyncio.to_thread(blob_of, planned, session.units[unit_id].group)
    secret = Secret(session.rng(32))
    blob = await put_blob(
        session.api,
        data,
        secret,
        unit_id=unit_id,
        original=planned.first,
        key=session.rng(16),
        spool=uploads.spool_of(session),
    )
    part = HistoryPart(
        file_id=blob.file_id,
        share_hash=blob.share_hash,
        digest=blob.digest,
        size=len(data),
        slot=planned.slot,
        deadline=planned.deadline,
        strict=planned.strict,
        first=planned.first,
        last=planned.last,
        messages=len(planned.messages),
    )
    record = PartRecord(part, secret, session.now())
    await session.save({("history", key): part_row(unit_id, record)})
    return record


async def _post(
    session: Session,
    unit_id: UnitId,
    documents: list[HandedHistory],
    parts: list[PartRecord],
    owed_row: tuple[str, bytes],
) -> None:
    """Put it all into the outbox, in the transaction that forgets what was owed; and deliver it.

    Raises:
        ServerProblem: it is refused; what was brought to the server is of no use.
        TransportError: the server is not reached; it goes out later.
    """
    from mifeng.session import delivery  # noqa: PLC0415 - it drives the session

    profile = session.profile
    origin = Origin(workspace_id=profile.workspace_id, unit_id=unit_id, member_id=profile.member_id)
    contents = [encode_work(said, origin=origin, rng=session.rng) for said in documents]
    new = [record for record in parts if record.brought_at]
    files = [record.part.file_id for record in new]
    rows = {
        ("history", part_key(unit_id, record.part.first)): part_row(
            unit_id, dataclasses.replace(record, brought_at=UnixMillis(0))
        )
        for record in new
    }
    async with session.turn(unit_id):
        numbers = await delivery.queue_all(
            session,
            unit_id,
            [(contents[0], files), *((said, []) for said in contents[1:])],
            {owed_row: None, **rows},
        )
        try:
            await delivery.deliver(session, unit_id, mine=numbers)
        except ServerProblem:
            await session.save(dict.fromkeys(rows, None))
            raise


async def shown(session: Session, unit_id: UnitId, sequences: set[int]) -> int:
    """How many lines these entries are: others are reactions, edits and the like."""
    timeline = await session.timelines.of(unit_id)
    return sum(line.sequence in sequences for line in timeline.lines())
