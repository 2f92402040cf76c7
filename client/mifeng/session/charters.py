"""Charters in: fetched, verified beside the roster and the charter of the unit above, saved."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mifeng.core import alarms
from mifeng.core.charters import parent_of
from mifeng.core.events import UnitRestarted
from mifeng.core.rows import ledger_rows
from mifeng.errors import AccessEndedError, ServerProblem
from mifeng.session import notary
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError
from mifeng_crypto.ids import UnitId
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.head import EMPTY

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["above", "fetch", "follow", "seen", "tell_of_restart"]


async def follow(session: Session, unit_id: UnitId) -> Charter:
    """Fetch and verify what is new in a charter, and keep it.

    Raises:
        AccessEndedError: it is not this device's to see (any longer).
        ProtocolError: the server shows one that breaks a rule.
        TransportError: the server was not reached.
    """
    before = session.charter(unit_id)
    charter, entries = await fetch(session, unit_id, before)
    start = before.head.sequence if before is not None else 0
    await session.save(ledger_rows("charter", unit_id, start, entries))
    tell_of_restart(session, before, charter)
    known = session.charter(unit_id)
    if known is not None and known.head.sequence > charter.head.sequence:
        return known  # somebody else was at it, and came further
    unit = session.units.get(unit_id)
    if unit is not None:
        session.units[unit_id] = dataclasses.replace(unit, charter=charter)
    else:
        session.charters[unit_id] = charter
    return charter


def tell_of_restart(session: Session, before: Charter | None, charter: Charter) -> None:
    """Say that a unit was restarted, to whoever had known it before."""
    made = charter.generation()
    if before is not None and made.number > before.generation().number:
        session.tell(UnitRestarted(charter.unit_id, made.number, made.opener))


async def above(session: Session, charter: Charter) -> Charter | None:
    """Return the charter of the unit above, by which its managers sign; None if it is not seen."""
    return await seen(session, charter.parent)


async def seen(session: Session, unit_id: UnitId | None) -> Charter | None:
    """Return a charter at its head, or None if it is not this device's to see."""
    if unit_id is None:
        return None
    try:
        return await follow(session, unit_id)
    except ServerProblem as err:
        if err.code is not ProblemCode.NOT_FOUND:
            raise
    except AccessEndedError:
        pass
    return None


async def fetch(
    session: Session, unit_id: UnitId, charter: Charter | None
) -> tuple[Charter, list[bytes]]:
    """Return a charter grown to the server's head, and its new entries.

    Raises:
        AccessEndedError, ProtocolError, TransportError: as `follow`.
    """
    new: list[bytes] = []
    while True:
        known = charter.head.sequence if charter else 0
        with session.access(session.units.get(unit_id)):
            reply = await session.api.call(
                "charter", m.EntriesReply, path={"unit_id": unit_id}, query={"after": known}
            )
        try:
            charter = await _grow(session, charter, reply.entries)
        except (CodecError, CryptoError, ProtocolError) as err:
            head = charter.head if charter else EMPTY
            evidence = alarms.refused_entries("charter", head, reply.entries)
            await notary.raise_alarm(session, err, evidence, unit_id=unit_id)
            raise
        new += reply.entries
        if not reply.entries or charter.head.sequence >= reply.head_sequence:
            return charter, new


async def _grow(session: Session, charter: Charter | None, entries: list[bytes]) -> Charter:
    """Verify entries; what they are judged by is fetched first if it is not known far enough."""
    above = parent_of(charter, entries)
    fetched = set[str]()
    while True:
        parent = session.charter(above)
        try:
            if charter is None:
                return Charter.from_entries(entries, session.known_roster, parent=parent)
            return charter.extend(entries, session.known_roster, parent=parent)
        except NeedLedgerError as err:
            if err.ledger in fetched:
                raise  # it is withheld, or does not exist
            fetched.add(err.ledger)
            if err.ledger == "roster" or above is None:
                await session.follow_roster()
            else:
                await follow(session, above)
