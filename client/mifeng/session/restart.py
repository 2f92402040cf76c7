"""Open a unit's next generation, where the present one cannot go on (protocol.md, "Restart")."""

from __future__ import annotations

import contextlib

from mifeng.core import restart as core
from mifeng.core.restart import Prepared
from mifeng.errors import AccessEndedError, ServerProblem
from mifeng.session import charters, delivery, notary, readd
from mifeng.session.session import Session
from mifeng_crypto import gate
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import (
    CodecError,
    CryptoError,
    ProtocolError,
    TransportError,
    UsageError,
)
from mifeng_crypto.ids import UnitId
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.log import LogHeader
from mifeng_crypto.tls import decode

__all__ = ["finish", "restart"]

ATTEMPTS = 5


async def restart(session: Session, unit_id: UnitId) -> None:
    """Sign it, open the new group, and let in whoever is granted and has KeyPackages.

    Raises:
        AccessEndedError: this member is not in the unit.
        UsageError: somebody has done so meanwhile.
        ProtocolError: this member has no right to it.
        ServerProblem: the server refuses; everything stands as it stood.
        TransportError: it was not reached; what was signed is kept and goes out later.
    """
    async with session.turn(unit_id):
        number = session.units[unit_id].charter.generation().number
        for _ in range(ATTEMPTS):
            await session.follow_roster()
            with session.access(session.units[unit_id]):
                charter = await charters.follow(session, unit_id)
            if charter.generation().number != number:
                raise UsageError("somebody has just restarted this unit; wait to be let in")
            with contextlib.suppress(AccessEndedError, CodecError, CryptoError, ProtocolError):
                await session.catch_up(unit_id)  # all that can be read of it
            prepared = core.prepare(
                session.units[unit_id],
                await _head(session, unit_id),
                session.profile,
                session.known_roster,
                above=await charters.above(session, charter),
                now=session.now(),
                rng=session.rng,
            )
            await session.save(prepared.rows(unit_id))
            if await _open(session, unit_id, prepared):
                return
    raise TransportError("the unit is too busy; try again in a moment")


async def finish(session: Session) -> None:
    """Send again what an earlier run has prepared and got no answer to.

    Raises:
        TransportError: the server was not reached.
    """
    for key, _ in await session.home.database.scan("pending"):
        unit_id = core.unit_of(key)
        if unit_id is None or unit_id not in session.units:
            continue
        async with session.turn(unit_id):
            # Read now that it is its turn: somebody else may have finished it, and gone on since.
            row = await session.home.database.get(*core.key_of(unit_id))
            if row is None:
                continue
            with contextlib.suppress(ServerProblem):  # refused: nothing has changed
                await _open(session, unit_id, Prepared.decode(row))


async def _open(session: Session, unit_id: UnitId, prepared: Prepared) -> bool:
    """Send what is saved; return whether it was taken, or is to be made anew."""
    done = {core.key_of(unit_id): None}
    request = m.OpenUnitRequest(charter_entry=prepared.entry, group_info=prepared.group_info)
    try:
        reply = await delivery.reach(session, "restart_unit", request, unit_id, prepared.group_info)
    except ServerProblem as err:
        await session.save(done)
        if err.code is ProblemCode.STALE_HEAD:
            return False
        raise
    header = decode(LogHeader, reply.header)
    await session.follow_roster()
    charter = await charters.follow(session, unit_id)
    if charter.generation().number != header.group.generation:
        await session.save(done)  # an answer that came so late that it is over again
        return True
    with contextlib.suppress(AccessEndedError, CodecError, CryptoError, ProtocolError):
        await session.catch_up(unit_id)  # what came in before it was over
    unit = core.restarted(session.units[unit_id], prepared, header)
    receipt = await notary.receipt_of(session, reply, header)
    await session.save_unit(unit, {**receipt, **done})
    session.troubles.pop(unit_id, None)
    session.forget_who_had_no_keys(unit_id)
    await session.catch_up(unit_id)
    await delivery.bring_about(session, unit_id)
    await session.live.announce()
    return True


async def _head(session: Session, unit_id: UnitId) -> Head:
    """The head of the present generation's log: this device's, or the server's if that is further.

    Nothing in it is believed: it is only said how far others may have come.
    """
    unit = session.units[unit_id]
    units = (await session.api.call("units", m.UnitsReply)).units
    found = next((one for one in units if one.unit_id == unit_id), None)
    if found is None:
        raise AccessEndedError(
            "you are no longer in {unit}; ask one of its managers", unit=unit.title
        )
    if found.generation == unit.generation and unit.log.sequence >= found.log_sequence:
        return unit.log.head
    header = await readd.head_shown(session, unit_id, found)
    return Head(header.sequence, gate.header_hash(header))
