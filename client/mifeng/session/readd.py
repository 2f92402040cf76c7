"""What a device does that cannot go on: it says so, once, and waits to be let in again."""

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
from mifeng_crypto.errors import MifengError, TransportError
from mifeng_crypto.ids import UnitId
from mifeng_crypto.tls import decode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["ask", "stuck_by", "with_author"]

ATTEMPTS = 4


def stuck_by(err: MifengError) -> CannotGoOnError | None:
    """Return an error if only the others can mend it.

    A log that is behind this device, or is another one, is the server's to explain: this device
    waits, and repairs nothing that is whole.
    """
    return err if isinstance(err, CannotGoOnError) else None


async def ask(session: Session, unit_id: UnitId, why: CannotGoOnError) -> bool:
    """Sign and send it, in the unit's turn. What does not reach the server is tried again later.

    Returns:
        Whether the unit's log has it now.
    """
    for _ in range(ATTEMPTS):
        unit = session.units[unit_id]
        try:
            units = (await session.api.call("units", m.UnitsReply)).units
            found = next((one for one in units if one.unit_id == unit_id), None)
            if found is None or found.generation != unit.generation:
                return False
            signed = statement(unit, why, session.profile, epoch=found.epoch, now=session.now())
            await session.api.call(
                "readd",
                m.AcceptedReply,
                m.ReaddRequest(generation=unit.generation, statement=signed),
                path={"unit_id": unit_id},
                key=outbox.idempotency_key(signed),
            )
        except TransportError:
            return False
        except ServerProblem as err:
            if err.code is ProblemCode.WRONG_EPOCH:
                continue  # somebody has committed meanwhile
            if err.rule != "GATE-35":  # this device has said so before, and no answer came
                return False
        await session.save_unit(outbox.epoch_ended(unit).without_keys(UnitStatus.WAITING))
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
