"""Where two devices of one person meet (protocol.md, "Linking"): a mailbox that takes three sealed
letters in their order, and is gone after ten minutes.

The server reads none of them. Whoever knows a mailbox's id may look into it and leave the one
request; the rest is for the device that opened it.
"""

from __future__ import annotations

import dataclasses

from mifeng_crypto.api.messages import LinkAnswer, LinkLetter, LinkOpen, LinkState
from mifeng_crypto.api.problems import ProblemCode
from mifeng_server.domain.accept import Call, Decision, Held, accept
from mifeng_server.domain.house import House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.refusal import Refusal, not_found
from mifeng_server.domain.rows import Delete, Insert, LinkRow, Put, Write

__all__ = ["LINK_MS", "answer", "ask", "open_link", "read"]

LINK_MS = 600_000
"""How long a link may be used."""

MANY = 100


def _lock(link_id: bytes) -> bytes:
    return b"link" + link_id


async def open_link(
    house: House, caller: Caller, call: Call, body: LinkOpen, *, now: int
) -> LinkState:
    """Open a mailbox; the device's earlier ones close.

    Raises:
        Refusal: forbidden: there is one of this id already.
    """
    assert caller.device_id is not None, "the endpoint is for devices"
    row = LinkRow(
        link_id=body.link_id,
        device_id=caller.device_id,
        deadline=now + LINK_MS,
        request=b"",
        reveal=b"",
        grant=b"",
    )

    async def decide(_: Held) -> Decision:
        await house.store.settle()
        if await house.store.get(LinkRow, body.link_id) is not None:
            raise Refusal(ProblemCode.FORBIDDEN, "this link is another's")
        before = await house.store.find(
            LinkRow, order="deadline", limit=MANY, device_id=row.device_id
        )
        writes: list[Write] = [Delete(LinkRow, (old.link_id,)) for old in before]
        return Decision(
            reply=_state(row), writes=(*writes, Insert(row)), remember_until=row.deadline
        )

    return await accept(house, call, LinkState, lock=_lock(caller.device_id), decide=decide)


async def read(house: House, link_id: bytes, *, now: int) -> LinkState:
    """Return what lies in a mailbox.

    Raises:
        Refusal: not_found: there is none, or its time is over.
    """
    row = await house.store.get(LinkRow, link_id)
    if row is None or row.deadline <= now:
        raise not_found()
    return _state(row)


async def ask(house: House, link_id: bytes, key: str, body: LinkLetter, *, now: int) -> LinkState:
    """Leave the one request.

    Raises:
        Refusal: not_found, or forbidden: there is a request already.
    """

    async def decide(_: Held) -> Decision:
        row = await _current(house, link_id, now)
        if row.request and row.request != body.sealed:
            raise Refusal(ProblemCode.FORBIDDEN, "this link was used already")
        after = dataclasses.replace(row, request=body.sealed)
        return Decision(reply=_state(after), writes=(Put(after),), remember=False)

    call = Call(link_id, key, body.sealed[:32])
    return await accept(house, call, LinkState, lock=_lock(link_id), decide=decide)


async def answer(
    house: House, caller: Caller, link_id: bytes, call: Call, body: LinkAnswer, *, now: int
) -> LinkState:
    """Leave the reveal, the grant, or close the mailbox.

    Raises:
        Refusal: not_found: there is no such mailbox of this device's.
    """

    async def decide(_: Held) -> Decision:
        row = await _current(house, link_id, now)
        if row.device_id != caller.device_id:
            raise not_found()
        if body.close:
            return Decision(
                reply=_state(row), writes=(Delete(LinkRow, (link_id,)),), remember=False
            )
        after = dataclasses.replace(
            row, reveal=row.reveal or body.reveal, grant=row.grant or body.grant
        )
        return Decision(reply=_state(after), writes=(Put(after),), remember=False)

    return await accept(house, call, LinkState, lock=_lock(link_id), decide=decide)


async def _current(house: House, link_id: bytes, now: int) -> LinkRow:
    # The lock is held only while deciding: what is under way must be seen here.
    await house.store.settle()
    row = await house.store.get(LinkRow, link_id)
    if row is None or row.deadline <= now:
        raise not_found()
    return row


def _state(row: LinkRow) -> LinkState:
    return LinkState(
        expires_at=row.deadline, request=row.request, reveal=row.reveal, grant=row.grant
    )
