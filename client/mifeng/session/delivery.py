"""Commits and messages out, through lost races and lost answers (protocol.md, "Outbox").

Whatever is sent is on the disk first. The same bytes go out again under the same idempotency key;
when another commit came first, new bytes are made from the same content. The caller of these
functions has the unit's turn.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Collection, Sequence

from mifeng.core import founding, membership, outbox, unfinished
from mifeng.core.events import NotDelivered
from mifeng.core.membership import Due
from mifeng.core.rows import Changes, UnitStatus
from mifeng.core.unit import OutboxItem, Unit
from mifeng.errors import AccessEndedError, ServerProblem, WaitingError
from mifeng.net.stream import pause_s
from mifeng.session import notary, uploads
from mifeng.session.session import Session
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError, TransportError
from mifeng_crypto.ids import FileId, UnitId, UnixMillis
from mifeng_crypto.log import LogEntry, LogHeader
from mifeng_crypto.tls import decode

__all__ = ["bring_about", "create_unit", "deliver", "post", "queue_all", "reach", "settle"]

ATTEMPTS = 12
"""How often a step is tried anew after a lost race."""
REACHES = 3
"""How often a request is sent again at once when the line breaks."""
UNDECIDED = frozenset({500, 502, 503, 504})
"""Answers that say neither yes nor no: as if there had been none."""
ASK_AGAIN_MS = 60_000
"""For how long a device without KeyPackages is not asked for again."""

MISSED = frozenset(
    {
        ProblemCode.WRONG_EPOCH,
        ProblemCode.REMOVES_DUE,
        ProblemCode.KEY_EXPIRED,
        ProblemCode.STALE_HEAD,
    }
)
"""Something has happened that this device has not seen yet: look, then do it again."""


def _missed(err: ServerProblem, unit: Unit) -> bool:
    """Whether to look, and do it again: a rule, too, may be broken only by the newest ledgers."""
    head = err.head_sequence or 0
    is_behind = err.code is ProblemCode.REFUSED and head > unit.log.sequence
    return err.code in MISSED or is_behind


async def post(
    session: Session, unit_id: UnitId, content: bytes, *, files: Sequence[FileId] = ()
) -> int:
    """Put a message into the outbox and deliver the outbox. Its files are on their way no more.

    Returns:
        The message's sequence in the log.

    Raises:
        TransportError: the server was not reached, or is full; the message is kept, and goes later.
        WaitingError: this device has been taken out, and waits to be let in; the message is kept.
        AccessEndedError: this member has been taken out; the message is kept until let in again.
        ServerProblem: the server refuses it; it is not kept.
    """
    async with session.turn(unit_id):
        unit, number = outbox.queue(session.units[unit_id], content, files=files, now=session.now())
        await session.save_unit(unit, unfinished.done(unit_id, *files))
        for file_id in files:
            await asyncio.to_thread(uploads.spool_of(session).drop, file_id)
        await deliver(session, unit_id, mine=(number,))
        return session.delivered.pop((unit_id, number), 0)


async def queue_all(
    session: Session,
    unit_id: UnitId,
    contents: Sequence[tuple[bytes, Sequence[FileId]]],
    more: Changes,
) -> list[int]:
    """Put messages with their files into the outbox, all or none; `more` is saved with them.

    The caller has the unit's turn, and delivers them.

    Returns:
        Their numbers in the outbox.
    """
    unit, numbers = session.units[unit_id], list[int]()
    for content, files in contents:
        unit, number = outbox.queue(unit, content, files=files, now=session.now())
        numbers.append(number)
    await session.save_unit(unit, more)
    return numbers


async def settle(session: Session) -> None:
    """Finish what an earlier run has left: unit by unit, commits and messages on their way.

    Raises:
        TransportError: the server was not reached.
    """
    for unit_id in list(session.units):
        async with session.turn(unit_id):
            # Looked at now that it is its turn: somebody else may have done it, or been refused it.
            unit = session.units.get(unit_id)
            if unit is not None and unit.status is UnitStatus.CREATING:
                await _announce_unit(session, unit_id)
                unit = session.units[unit_id]
            if (
                unit is not None
                and unit.status is UnitStatus.ACTIVE
                and unit_id not in session.troubles
            ):
                if unit.pending is not None and not unit.is_closed:
                    await _send_commit(session, unit_id, is_new=False)
                try:
                    await deliver(session, unit_id, mine=())
                except WaitingError:
                    continue  # kept until it is let in again
                except AccessEndedError as err:
                    session.troubles[unit_id] = err  # kept likewise


# ------------------------------------------------------------------ messages


async def deliver(session: Session, unit_id: UnitId, *, mine: Collection[int]) -> None:
    """Send all that waits, in order. What the server does not take stays, and what is behind it
    goes on.

    Args:
        session: of this device.
        unit_id: which unit, whose turn the caller has.
        mine: the items whose author the caller answers: if one is refused it is told, not kept.

    Raises:
        TransportError, ServerProblem: as `post`.
    """
    attempts = 0
    if session.units[unit_id].is_closed:
        return  # what had not left when the unit was closed stays here, to be seen
    while (item := outbox.next_item(session.units[unit_id])) is not None:
        _check_is_not_waiting(session.units[unit_id])
        if attempts > ATTEMPTS:
            raise TransportError("the unit is too busy; the message is kept and goes out later")
        attempts += 1
        if not item.record.message:
            await session.catch_up_if_stale(unit_id)
            await bring_about(session, unit_id)
            _check_is_not_waiting(session.units[unit_id])
            item = outbox.next_item(session.units[unit_id])
            if item is None or item.record.message:
                continue
            sealed = outbox.seal(
                session.units[unit_id],
                item,
                roster=session.known_roster,
                profile=session.profile,
                now=session.now(),
                rng=session.rng,
            )
            await session.save_unit(sealed)
            item = outbox.next_item(sealed)
            assert item is not None, "it was only encrypted"
        if await _send_message(session, unit_id, item, is_mine=item.number in mine):
            attempts = 0


def _check_is_not_waiting(unit: Unit) -> None:
    if unit.status is UnitStatus.WAITING:
        raise WaitingError(
            "this device waits to be let into {unit} again; the message is kept and goes out then",
            unit=unit.title,
        )


async def _send_message(
    session: Session, unit_id: UnitId, item: OutboxItem, *, is_mine: bool
) -> bool:
    """Send an item's bytes once; return whether that is decided, or they are to be made anew."""
    message = item.record.message
    request = m.MessageRequest(generation=session.units[unit_id].generation, message=message)
    try:
        with session.access(session.units[unit_id]):
            reply = await reach(session, "message", request, unit_id, message)
    except ServerProblem as err:
        if _missed(err, session.units[unit_id]):
            await _after_a_lost_race(session, unit_id, item)
            return False
        if err.code is ProblemCode.STORAGE_FULL:
            raise TransportError(
                "the server's disk is full; the message is kept and goes out later"
            ) from err
        if err.code is ProblemCode.UPGRADE_REQUIRED:
            raise  # a newer client sends what this one has kept
        unit = session.units[unit_id]
        if err.code is ProblemCode.CLOCK:
            await session.save_unit(outbox.unseal(unit, item))
            raise
        if is_mine:
            await session.save_unit(outbox.drop(unit, item))
            raise
        code = err.code.code if err.code else str(err.status)
        await session.save_unit(outbox.refused(unit, item, code, err.detail))
        session.tell(NotDelivered(unit_id, item.number))
        return True
    header = _header_of(session.units[unit_id], reply, message)
    receipt = await notary.receipt_of(session, reply, header)
    await _take_back(session, unit_id, header, message, item, receipt=receipt)
    return True


async def _after_a_lost_race(session: Session, unit_id: UnitId, item: OutboxItem) -> None:
    """Catch up; the item may turn out to be in the log, or has to be encrypted anew."""
    await session.catch_up(unit_id)
    unit = session.units[unit_id]
    left = next((other for other in unit.outbox if other.number == item.number), None)
    if left is not None and left.record.message:
        # The epoch is the same, and still the server does not take it: make new bytes, from where
        # the unit stands now.
        await session.save_unit(outbox.unseal(unit, left))


async def _take_back(
    session: Session,
    unit_id: UnitId,
    header: LogHeader,
    content: bytes,
    item: OutboxItem | None,
    *,
    receipt: Changes,
) -> None:
    """What was accepted is applied like all that the log brings, without a second trip for it."""
    unit = session.units[unit_id]
    if header.sequence == unit.log.sequence + 1:
        await session.apply(unit_id, [LogEntry(header, content)], receipt)
        return
    await session.save(receipt)
    if item is not None:
        await session.save_unit(outbox.accepted(unit, item, header))
    await session.catch_up(unit_id)
    _check_is_given(session.units[unit_id], header)


def _check_is_given(unit: Unit, header: LogHeader) -> None:
    """CLIENT-3: the log goes at least as far as what was accepted last."""
    if unit.status is UnitStatus.ACTIVE and unit.log.sequence < header.sequence:
        raise ProtocolError("CLIENT-3", "the server withholds entries of the log")


def _header_of(unit: Unit, reply: m.AcceptedReply, content: bytes) -> LogHeader:
    header = decode(LogHeader, reply.header)
    if header.group != unit.group or header.content_hash != outbox.content_hash(content):
        raise ProtocolError("CLIENT-8", "the server accepted something else than what was sent")
    return header


# ------------------------------------------------------------------ commits


async def bring_about(session: Session, unit_id: UnitId, *, renew: bool = False) -> None:
    """Commit until the group is as the ledgers and the clock ask.

    Args:
        session: of this device.
        unit_id: which unit, whose turn the caller has.
        renew: whether it is this device's turn to renew its own leaf.

    Raises:
        TransportError: the server was not reached; the commit is kept.
        ServerProblem: the server refuses.
    """
    for _ in range(ATTEMPTS):
        unit = session.units[unit_id]
        if unit.status is not UnitStatus.ACTIVE:
            return
        if unit.pending is not None:
            await _send_commit(session, unit_id, is_new=False)
            continue
        what = membership.due(unit, session.known_roster, now=session.now(), renew=renew)
        if not what:
            return
        prepared = membership.commit(
            unit,
            what,
            await _claim(session, unit_id, what),
            roster=session.known_roster,
            profile=session.profile,
            now=session.now(),
            rng=session.rng,
        )
        if prepared is None:
            return
        await session.save_unit(prepared)
        await _send_commit(session, unit_id, is_new=True)
    raise TransportError("the unit is too busy; try again in a moment")


async def _send_commit(session: Session, unit_id: UnitId, *, is_new: bool) -> None:
    """Send the pending commit; afterwards there is none: it was applied, or came too late.

    One that is not new was made by ledgers that may have changed since: if it is refused, the
    caller looks whether there is still something to commit.
    """
    unit = session.units[unit_id]
    assert unit.pending is not None, "the caller has looked"
    message = unit.pending.message
    try:
        request = membership.commit_request(unit)
        reply = await reach(session, "commit", request, unit_id, message)
    except ServerProblem as err:
        is_old = err.code is ProblemCode.REFUSED and not is_new
        missed = is_old or _missed(err, unit)
        if missed:
            before = unit.log.began
            await session.catch_up(unit_id)
            await notary.lost(session, unit_id, moved=session.units[unit_id].log.began != before)
        unit = session.units[unit_id]
        if unit.pending is not None and unit.pending.message == message:
            await session.save_unit(dataclasses.replace(unit, pending=None))
        if not missed:
            raise
        return
    header = _header_of(unit, reply, message)
    receipt = await notary.receipt_of(session, reply, header)
    session.losses.pop(unit_id, None)
    await _take_back(session, unit_id, header, message, None, receipt=receipt)


async def _claim(session: Session, unit_id: UnitId, what: Due) -> list[m.ClaimedKeyPackage]:
    """Ask for KeyPackages; a device that had none is left in peace for a while."""
    now = session.now()
    asked = session.asked_for_keys
    wanted = [d for d in what.add if asked.get((unit_id, d), UnixMillis(0)) < now]
    if not wanted:
        return []
    try:
        reply = await session.api.call(
            "claim_key_packages",
            m.ClaimReply,
            m.ClaimRequest(device_ids=list(wanted[:1000])),
            path={"unit_id": unit_id},
        )
    except ServerProblem as err:
        if err.code is ProblemCode.REFUSED:
            return []
        raise
    got = {item.device_id for item in reply.key_packages}
    for device_id in wanted:
        if device_id not in got:
            asked[unit_id, device_id] = UnixMillis(now + ASK_AGAIN_MS)
    return reply.key_packages


# ------------------------------------------------------------------ new units


async def create_unit(session: Session, unit: Unit) -> None:
    """Open a unit whose rows are saved already.

    Raises:
        ServerProblem: the server refuses; the unit is forgotten.
        TransportError: it was not reached; the unit is opened with the next command.
    """
    async with session.turn(unit.unit_id):
        session.units[unit.unit_id] = unit
        await _announce_unit(session, unit.unit_id)


async def _announce_unit(session: Session, unit_id: UnitId) -> None:
    unit = session.units[unit_id]
    entry = await session.home.database.scan("charter", unit_id)
    request = m.OpenUnitRequest(charter_entry=entry[0][1], group_info=unit.group_info)
    try:
        reply = await reach(session, "create_unit", request, None, unit.group_info)
    except ServerProblem:
        gone = dict.fromkeys(
            (
                ("units", unit_id),
                *(("charter", key) for key, _ in entry),
                *(("mls", key) for key, _ in await session.home.database.scan("mls", unit_id)),
            ),
            None,
        )
        await session.save(gone)
        del session.units[unit_id]
        raise
    header = decode(LogHeader, reply.header)
    await session.save(await notary.receipt_of(session, reply, header))
    await session.save_unit(founding.created(unit, header))
    await session.catch_up(unit_id)
    await session.live.announce()


# ------------------------------------------------------------------ requests


async def reach(
    session: Session,
    name: str,
    request: m.CommitRequest | m.MessageRequest | m.OpenUnitRequest,
    unit_id: UnitId | None,
    content: bytes,
) -> m.AcceptedReply:
    """Call, and call again with the same bytes and key when the line breaks or the answer is lost.

    Raises:
        TransportError: the server was not reached; what was to be sent is on the disk.
        ServerProblem: it declined.
    """
    failed = TransportError("the server was not asked")
    for attempt in range(REACHES):
        try:
            with session.access():
                return await session.api.call(
                    name,
                    m.AcceptedReply,
                    request,
                    path={"unit_id": unit_id} if unit_id else None,
                    key=outbox.idempotency_key(content),
                )
        except TransportError as err:
            failed = err
        except ServerProblem as err:
            if err.status not in UNDECIDED:
                raise
            # It failed in the midst of its work: what it had stored by then, nobody knows.
            failed = TransportError(
                "the server has a fault; what was to be sent is kept and goes out later",
                err.retry_after_s,
            )
        if attempt < REACHES - 1:
            await asyncio.sleep(failed.retry_after_s or pause_s(attempt, rng=session.rng))
    raise failed
