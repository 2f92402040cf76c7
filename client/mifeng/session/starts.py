"""One running copy of this device: each start follows the last one (protocol.md, "Starts").

The server knows the last start of each device. A profile that was restored from a copy, or that is
in use somewhere else as well, does not know it, and is refused with its first login: before it has
encrypted anything under keys that another copy has used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mifeng.errors import ProfileRestoredError, ServerProblem
from mifeng_crypto.api.messages import StartRequest
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.tls import Bytes32, UInt64, decode, encode, struct

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["Starts"]

LAST = ("profile", b"start")


@struct
class StartRecord:
    """Table `profile`, key `start`. `next` is that of a start which may have reached the server."""

    number: UInt64
    token: Bytes32
    next: Bytes32


NOTHING = bytes(32)


class Starts:
    """The start of this process."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._began: StartRequest | None = None

    async def __call__(self, token: str) -> None:
        """Begin, or after a later login confirm that this is the running copy still.

        Raises:
            ProfileRestoredError: it is not.
            ServerProblem, TransportError: the server was not reached, or declined.
        """
        session = self._session
        try:
            if self._began is not None:
                await session.api.start(token, self._began)
                return
            kept = await session.home.database.get(*LAST)
            last = decode(StartRecord, kept) if kept else StartRecord(0, NOTHING, NOTHING)
            if last.next == NOTHING:
                last = StartRecord(last.number, last.token, session.rng(32))
                await session.save({LAST: encode(last)})
            request = StartRequest(number=last.number, token=last.token, next=last.next)
            reply = await session.api.start(token, request)
        except ServerProblem as err:
            if err.rule != "START-1":
                raise
            raise ProfileRestoredError from err
        begun = StartRecord(last.number + 1, last.next, NOTHING)
        await session.save({LAST: encode(begun)})
        self._began = request
        clock = session.clock.ticked(now=session.wall(), uptime_ms=0)
        session.clock = clock.agreed(UnixMillis(reply.time))
