"""One running copy of a device (protocol.md, "Starts").

    START-1  a device begins where its last start has ended: the one before is over from then on

A profile that was restored from a copy, or that somebody has copied, tells of a start that is not
the last one, and is refused before it says anything else.
"""

from __future__ import annotations

from mifeng_crypto.api.messages import StartReply, StartRequest
from mifeng_crypto.errors import ProtocolError
from mifeng_server.domain.accept import Call, Decision, Held, accept
from mifeng_server.domain.events import DeviceStarted
from mifeng_server.domain.house import House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.refused import refusing
from mifeng_server.domain.rows import Delete, Insert, StartRow, Swap, TokenRow, Write

__all__ = ["start"]

ALL = 1 << 31


async def start(
    house: House, caller: Caller, call: Call, body: StartRequest, *, now: int
) -> StartReply:
    """Begin a start of the caller's device, or confirm that it is the running one.

    Raises:
        Refusal: refused: START-1.
    """
    device_id = caller.device_id
    assert device_id is not None, "the endpoint is for devices"
    others: list[bytes] = []

    async def decide(_: Held) -> Decision:
        reply = StartReply(time=now)
        row = await house.store.get(StartRow, device_id)
        new = StartRow(device_id, body.number + 1, body.next)
        if row == new:
            return Decision(reply=reply, remember=False)
        with refusing():
            _check(row, body)
        tokens = await house.store.find(
            TokenRow, order="deadline", limit=ALL, member_id=caller.member_id
        )
        others.extend(
            token.token_hash
            for token in tokens
            if token.device_id == device_id and token.token_hash != caller.token_hash
        )
        writes: list[Write] = [Insert(new) if row is None else Swap(row, new)]
        writes += (Delete(TokenRow, (token_hash,)) for token_hash in others)
        return Decision(
            reply=reply, writes=tuple(writes), events=(DeviceStarted(device_id),), remember=False
        )

    reply = await accept(house, call, StartReply, lock=b"start" + device_id, decide=decide)
    for token_hash in others:
        house.tokens.pop(token_hash, None)
    return reply


def _check(row: StartRow | None, body: StartRequest) -> None:
    """START-1. A server that was put back to a backup is behind its devices, and believes them."""
    if row is None or body.number > row.number:
        return
    if (body.number, body.token) != (row.number, row.token):
        raise ProtocolError(
            "START-1",
            "this profile is not the newest copy of its device: it was restored, or copied and the "
            "copy is in use",
        )
