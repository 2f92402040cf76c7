"""Hold the server to what it has signed: checkpoints asked for, verified and pinned; receipts of
what was accepted; alarms for what does not hold (protocol.md, "Checkpoints", "Alarms").

A contradiction stops what it concerns: the workspace or the unit. A signature that is missing or
bad is an alarm, and the chain of hashes goes on protecting what it protects.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from mifeng.core import alarms, notes
from mifeng.core.catch_up import Lag
from mifeng.core.events import AlarmRaised
from mifeng.core.rows import Changes, TimelineRecord, UnitStatus, number
from mifeng.core.unit import Unit
from mifeng.errors import AccessEndedError, ServerProblem
from mifeng_crypto.api import messages as m
from mifeng_crypto.audit.evidence import Alarm, Evidence, Observed, RefusedStatement
from mifeng_crypto.errors import MifengError, ProtocolError, TransportError
from mifeng_crypto.ids import UnitId
from mifeng_crypto.ledger.chain import NeedLedgerError, SplitView, SplitViewError
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.checkpoint import (
    Checkpoint,
    check_pin,
    open_checkpoint,
    origin_of_charter,
    origin_of_log,
    origin_of_roster,
)
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.log import LogHeader
from mifeng_crypto.tls import decode

if TYPE_CHECKING:
    from mifeng.session.session import Session

T = TypeVar("T")

__all__ = ["follow", "hold_restart", "look_at", "lost", "raise_alarm", "receipt_of"]

UNPROVEN = frozenset(
    {"CHECKPOINT-1", "CHECKPOINT-4", "NOTE-1", "NOTE-2", "RECEIPT-1", "RECEIPT-2", "RECEIPT-3"}
)
"""Signatures that are missing or bad: an alarm, and no reason to stop."""


async def raise_alarm(
    session: Session, err: MifengError, evidence: Evidence, *, unit_id: UnitId | None
) -> None:
    """Keep what should not be with its evidence, and tell; what is known already is not told."""
    alarm: Alarm = alarms.alarm_of(err, evidence, unit_id=unit_id, now=session.now())
    if await session.home.database.get("alarms", alarms.key_of(alarm)) is None:
        unit = session.units.get(unit_id) if unit_id is not None else None
        await session.save(alarms.row_of(alarm, unit, now=session.now()))
        session.tell(AlarmRaised(unit_id, alarm.rule, alarm.message))


async def receipt_of(session: Session, reply: m.AcceptedReply, header: LogHeader) -> Changes:
    """Verify the receipt of what was accepted, and return the row that keeps it.

    One that does not hold is an alarm: what was accepted is in the log or is not, whatever the
    server signs.
    """
    roster = session.known_roster
    if roster.server.checkpoint_key is None:
        return {}

    def check(key: bytes) -> None:
        notes.check_receipt(reply, header, workspace_id=roster.workspace_id, public_key=key)

    try:
        await _by_the_key(session, check)
    except ProtocolError as err:
        unit_id = UnitId(header.group.unit_id)
        await raise_alarm(session, err, RefusedStatement(reply.receipt), unit_id=unit_id)
        return {}
    return notes.receipt_row(header, reply.receipt)


async def _by_the_key(session: Session, verify: Callable[[bytes], T]) -> T:
    """Verify something by the key that the roster names; by the next one if that does not hold and
    the roster's newest entries name another. A roster without a key vouches for nothing.

    Raises:
        ProtocolError: it holds by neither.
    """
    key = session.known_roster.server.checkpoint_key
    try:
        return verify(key or b"")
    except ProtocolError:
        with contextlib.suppress(ServerProblem, TransportError):
            await session.follow_roster()
        other = session.known_roster.server.checkpoint_key
        if other is None or other == key:
            raise
        return verify(other)


async def look_at(session: Session, unit_id: UnitId, lag: Lag) -> None:
    """ALARM-2: whether a sender was kept from what everybody else has had for long."""
    key = unit_id + number(lag.position + 1)
    row = await session.home.database.get("messages", key)
    if row is None or lag.time - decode(TimelineRecord, row).accepted_at <= alarms.WITHHELD_MS:
        return
    err = alarms.withheld_from(lag.device_id.hex(), first=lag.position + 1, last=lag.last)
    await raise_alarm(session, err, Observed(), unit_id=unit_id)


async def lost(session: Session, unit_id: UnitId, *, moved: bool) -> None:
    """ALARM-1: count a commit of this device's that was not accepted."""
    now = session.now()
    losses = session.losses.get(unit_id, alarms.Losses(now)).one_more(moved=moved)
    session.losses[unit_id] = losses
    if losses.is_starved(now):
        err = alarms.rotation_starved(losses, now)
        await raise_alarm(session, err, Observed(), unit_id=unit_id)
        del session.losses[unit_id]  # and it is counted anew


async def hold_restart(session: Session, before: Unit, charter: Charter) -> None:
    """LOG-8: hold the log that somebody knew who restarted a unit against this device's own.

    Two logs are an alarm and stop nothing: a restart is how a unit goes on after them.
    """
    if charter.generation().number == before.generation:
        return
    head = charter.generations[before.generation + 1].before
    if head.sequence <= before.log.sequence:
        try:
            await _check_log_has(session, before, head)
        except SplitViewError as err:
            await raise_alarm(session, err, Observed(), unit_id=before.unit_id)


async def follow(session: Session) -> None:
    """Ask for checkpoints of everything, and hold them against what this device has and had.

    Raises:
        ProtocolError: the server went back, or signs another roster than it shows.
    """
    if session.known_roster.server.checkpoint_key is None:
        return
    async with session.at_the_notary:
        with session.access():
            reply = await session.api.call("checkpoints", m.CheckpointsReply)
        await _follow_roster(session, reply.notes)
        for unit_id, unit in list(session.units.items()):
            if unit.status is UnitStatus.ACTIVE and unit_id not in session.troubles:
                async with session.turn(unit_id):
                    try:
                        await _follow_unit(session, unit_id, reply.notes)
                    except AccessEndedError:
                        continue  # `catch_up` has kept it
                    except ProtocolError as err:
                        session.troubles[unit_id] = err


async def _follow_roster(session: Session, found: list[bytes]) -> None:
    origin = origin_of_roster(session.profile.workspace_id)
    checkpoint = await _opened(session, found, origin, None)
    if checkpoint is None:
        return
    try:
        if checkpoint.head.sequence > session.known_roster.head.sequence:
            await session.follow_roster()
        session.known_roster.check_has(checkpoint.head)
    except ProtocolError as err:
        raise await _stated(session, err, checkpoint, None) from err
    await session.save(notes.pin_row(checkpoint))


async def _follow_unit(session: Session, unit_id: UnitId, found: list[bytes]) -> None:
    unit, workspace_id = session.units[unit_id], session.profile.workspace_id
    pinned: dict[tuple[str, bytes], bytes | None] = {}
    charter = await _opened(session, found, origin_of_charter(workspace_id, unit_id), unit_id)
    if charter is not None:
        try:
            if charter.head.sequence > unit.charter.head.sequence:
                await session.follow_charter(unit_id)
            session.units[unit_id].charter.check_has(charter.head)
        except ProtocolError as err:
            raise await _stated(session, err, charter, unit_id) from err
        pinned |= notes.pin_row(charter)
    if session.units[unit_id].is_over:  # restarted just now: the log that is signed is another one
        await session.save(pinned)
        return
    log = await _opened(session, found, origin_of_log(workspace_id, unit.group), unit_id)
    if log is not None:
        try:
            if log.head.sequence > unit.log.sequence:
                await session.catch_up(unit_id)
            if session.units[unit_id].status is not UnitStatus.ACTIVE:
                return  # what stands behind its own removal is not for this device
            await _check_log_has(session, session.units[unit_id], log.head)
        except ProtocolError as err:
            raise await _stated(session, err, log, unit_id) from err
        pinned |= notes.pin_row(log)
    await session.save(pinned)


async def _opened(
    session: Session, found: list[bytes], origin: str, unit_id: UnitId | None
) -> Checkpoint | None:
    """Return the new checkpoint of an origin; None if there is none that can be believed.

    Raises:
        ProtocolError: CHECKPOINT-2, CHECKPOINT-3: the server went back, or signed two histories.
    """
    workspace_id, note = session.known_roster.workspace_id, b""

    def opened(key: bytes) -> Checkpoint:
        return open_checkpoint(note, origin=origin, workspace_id=workspace_id, public_key=key)

    try:
        note = notes.find_note(found, origin)
        checkpoint = await _by_the_key(session, opened)
        stored = await session.home.database.get("pins", origin.encode())
        check_pin(notes.reopen(stored, origin, session.known_roster), checkpoint)
    except ProtocolError as err:
        if not note and unit_id is not None:
            # Withheld, or this device is out of the unit since: the door of the log tells which.
            await session.catch_up(unit_id)
            if session.units[unit_id].status is not UnitStatus.ACTIVE:
                return None
        await raise_alarm(session, err, RefusedStatement(note), unit_id=unit_id)
        if err.rule in UNPROVEN:
            return None
        raise
    return checkpoint


async def _check_log_has(session: Session, unit: Unit, head: Head) -> None:
    """Hold a head against the log as this device has applied it.

    Raises:
        SplitViewError: LOG-8: another entry stands there.
        ProtocolError: CLIENT-3: it is past what the server gives.
    """
    if head.sequence > unit.log.sequence:
        raise ProtocolError("CLIENT-3", "the server withholds entries of the log")
    if head.sequence >= unit.log.began:
        unit.log.check_has(head)
        return
    row = await session.home.database.get("messages", unit.unit_id + number(head.sequence))
    own = Head(head.sequence, decode(TimelineRecord, row).entry_hash) if row else head
    if own != head:
        raise SplitViewError(
            "LOG-8",
            "somebody was shown another entry {sequence} of the {ledger} than this device; "
            "stop, and tell your administrator",
            split=SplitView("log", own, head, b""),
        )


async def _stated(
    session: Session, err: ProtocolError, checkpoint: Checkpoint, unit_id: UnitId | None
) -> ProtocolError:
    """Keep a contradiction between what the server signs and what it shows; return the error."""
    if isinstance(err, SplitViewError):
        err = err.stated_in(checkpoint.note)
    evidence: Evidence = Observed()
    if isinstance(err, NeedLedgerError) or err.rule == "CLIENT-3":
        evidence = RefusedStatement(checkpoint.note)
    with contextlib.suppress(MifengError):
        await raise_alarm(session, err, evidence, unit_id=unit_id)
    return err
