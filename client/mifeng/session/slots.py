"""Strict units: the server's shares of slot keys, in memory for as long as the profile is open
(protocol.md, "Strict units").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mifeng.core.rows import Changes
from mifeng.expiring import Expiring
from mifeng.store import SlotName
from mifeng_crypto.api import messages as m
from mifeng_crypto.ids import UnitId

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["fetch", "fetch_for", "fetch_missing"]


async def fetch(session: Session) -> None:
    """Ask for all shares, and let what they open be read.

    Raises:
        AccessEndedError, ServerProblem, TransportError: they were not to be had.
    """
    with session.access():
        reply = await session.api.call("slots", m.SlotSharesReply)
    vault = session.home.vault
    for item in reply.shares:
        name = SlotName(item.unit_id, item.slot, item.deadline, 1)
        if not vault.has_share(name):
            vault.give(name, item.share)
            session.timelines.forget(UnitId(item.unit_id))


async def fetch_missing(session: Session) -> None:
    """The same, if the disk has anything that needs them: one request at the start.

    Raises:
        AccessEndedError, ServerProblem, TransportError: as `fetch`.
    """
    vault = session.home.vault
    if any(name.strict and not vault.has_share(name) for name in vault.slots()):
        await fetch(session)


async def fetch_for(session: Session, changes: Changes) -> None:
    """The same, before content of a new slot is saved.

    A share that the server does not have (any longer) is content that nobody is to read: only the
    place of it is kept.

    Raises:
        AccessEndedError, ServerProblem, TransportError: as `fetch`.
    """
    vault = session.home.vault
    for value in changes.values():
        if isinstance(value, Expiring) and value.strict:
            name = SlotName(value.unit_id, value.slot, value.deadline, 1)
            if not vault.has_share(name):
                await fetch(session)
                return
