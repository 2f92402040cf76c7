"""What a device does that cannot go on: it says so, and waits to be let in again.

Its keys stay. They are let go of when a Welcome that holds has let it in again, when the log itself
has taken it out, or when by its own clock all is over that they could open: never on the server's
word alone.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mifeng.core import outbox
from mifeng.core.events import DeviceStuck
from mifeng.core.readd import CannotGoOnError, statement
from mifeng.core.rows import TimelineRecord, UnitStatus, number
from mifeng.errors import ServerProblem
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import CodecError, MifengError, ProtocolError, TransportError
from mifeng_crypto.expiry import Fate
from mifeng_crypto.ids import GroupId, UnitId
from mifeng_crypto.ledger.head import EMPTY
from mifeng_crypto.log import LogEntry, LogHeader
from mifeng_crypto.tls import decode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["ask", "head_shown", "let_go", "stand_still", "stuck_by", "with_author"]

ATTEMPTS = 4
ASK_AGAIN_MS = 5 * 60 * 1000
"""A statement that was accepted is not made again sooner: a commit takes it in."""


async def stand_still(session: Session, unit_id: UnitId, err: MifengError) -> None:
    """Keep why a unit does not go on; ask to be let in again, where only the others can mend it.

    The caller has the unit's turn.
    """
    session.troubles[unit_id] = err
    stuck = stuck_by(err)
    if stuck is not None:
        await ask(session, session.units[unit_id].group, stuck)


def stuck_by(err: MifengError) -> CannotGoOnError | None:
    """Return an error if only the others can mend it.

    A log that is behind this device, or is another one, is the server's to explain: this device
    waits, and repairs nothing that is whole.
    """
    return err if isinstance(err, CannotGoOnError) else None


async def let_go(session: Session) -> None:
    """Destroy keys that wait in vain, once all is over that they could open (section 14's table).

    Raises:
        StorageError: the disk refuses.
    """
    for unit_id in [u for u, unit in session.units.items() if unit.is_stuck]:
        async with session.turn(unit_id):
            unit = session.units[unit_id]
            over = session.clock.fate(unit.first_deadline()) is Fate.DESTROYED
            if unit.is_stuck and over:
                await session.save_unit(outbox.epoch_ended(unit).without_keys(UnitStatus.WAITING))


async def head_shown(session: Session, unit_id: UnitId, found: m.UnitSummary) -> LogHeader:
    """Return the header of the last entry of a unit's log, as the server shows it.

    Nothing in it is believed: it only says how far others may have come.
    """
    query = {"generation": found.generation, "after": found.log_sequence - 1, "limit": 1}
    path = {"unit_id": unit_id}
    reply = await session.api.call("log", m.LogReply, path=path, query=query)
    if not reply.entries:
        raise ProtocolError("CLIENT-3", "the server withholds entries of the log")
    return decode(LogEntry, reply.entries[0]).header


async def ask(session: Session, group: GroupId, why: CannotGoOnError) -> bool:
    """Sign and send it, in the unit's turn. What does not reach the server is tried again later.

    Returns:
        Whether the unit's log has it now, and had it not a few minutes ago.
    """
    unit_id = UnitId(group.unit_id)
    asked = session.asked_to_be_let_in.get(unit_id)
    if asked is not None and session.wall() - asked <= ASK_AGAIN_MS:
        return False
    for _ in range(ATTEMPTS):
        unit = session.units.get(unit_id)
        try:
            units = (await session.api.call("units", m.UnitsReply)).units
            found = next((one for one in units if one.unit_id == unit_id), None)
            if found is None or found.generation != group.generation:
                return False
            head = await head_shown(session, unit_id, found)
            log = unit.log.head if unit is not None and unit.group == group else EMPTY
            signed = statement(log, why, session.profile, head=head, now=session.now())
            await session.api.call(
                "readd",
                m.AcceptedReply,
                m.ReaddRequest(generation=group.generation, statement=signed),
                path={"unit_id": unit_id},
                key=outbox.idempotency_key(signed),
            )
        except (CodecError, ProtocolError, TransportError):
            return False
        except ServerProblem as err:
            if err.code is ProblemCode.WRONG_EPOCH:
                continue  # somebody has committed meanwhile
            if err.rule != "GATE-35":  # this device has said so before, and no answer came
                return False
        session.asked_to_be_let_in[unit_id] = session.wall()
        if unit is not None:
            await session.save_unit(dataclasses.replace(unit, status=UnitStatus.WAITING))
        return True
    return False


async def with_author(session: Session, event: DeviceStuck) -> DeviceStuck:
    """Say who made what a colleague's device cannot process, by this device's own timeline."""
    stuck = event.said.stuck
    row = await session.home.database.get("messages", event.unit_id + number(stuck.sequence))
    record = decode(TimelineRecord, row) if row is not None else None
    if record is None or record.entry_hash != stuck.hash:
        return event
    return dataclasses.replace(event, author=record.member_id)
