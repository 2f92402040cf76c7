"""The WebSocket: pushes of all units, resumed by sequence (protocol.md, "Stream").

One reader. When the line breaks, it dials again after a growing, jittered pause and says where
each unit stands, so that nothing is missed and nothing needs to be remembered here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping

import aiohttp
import msgspec

from mifeng.errors import ServerProblem
from mifeng.net.api import Api
from mifeng_crypto.api.messages import Push, StreamHello
from mifeng_crypto.errors import ProtocolError, TransportError
from mifeng_crypto.ids import PROTOCOL_VERSION, UnitId
from mifeng_crypto.rand import Rng

__all__ = ["Positions", "Stream", "pause_s"]

Positions = Callable[[], Mapping[UnitId, int]]
"""The last applied sequence of each unit, at the time of asking."""

PATH = "/v1/stream"
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 30.0
NOT_LET_IN = frozenset({4401, 4403})


def pause_s(attempt: int, *, rng: Rng) -> float:
    """Return how long to wait before the `attempt`-th dial (from 0): doubling, half of it random.

    The random half spreads a thousand clients whose server has come back.
    """
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempt, 16))
    return longest * (0.5 + int.from_bytes(rng(4), "big") / 2**33)


class Stream:
    """An endless iterator of pushes. It stops only by an error that dialling again cannot mend."""

    def __init__(self, api: Api, positions: Positions) -> None:
        self._api = api
        self._positions = positions
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._hung_up = False

    @property
    def is_up(self) -> bool:
        """Whether there is a line at this moment, as far as anybody can know."""
        return self._socket is not None and not self._socket.closed

    async def announce(self) -> None:
        """Say anew where each unit stands: after one was joined.

        Raises:
            ServerProblem, TransportError: the line has just broken.
        """
        if self._socket is not None and not self._socket.closed:
            await self._say_hello(self._socket)

    async def hang_up(self) -> None:
        """Dial again after a pause: what a push announced could not be fetched."""
        if self._socket is not None:
            self._hung_up = True
            await self._socket.close()

    async def pushes(self) -> AsyncGenerator[Push | None, None]:
        """Yield each push; None whenever the line is up (again), for the caller to catch up.

        Raises:
            ServerProblem: the device is not let in.
            ServerIdentityError: another server answers.
        """
        attempt = 0
        while True:
            try:
                socket = await self._api.websocket(PATH)
            except TransportError as err:
                wait = err.retry_after_s or pause_s(attempt, rng=self._api.rng)
                attempt += 1
                await asyncio.sleep(wait)
                continue
            try:
                self._socket, self._hung_up = socket, False
                await self._say_hello(socket)
                yield None
                async for frame in socket:
                    attempt = attempt if self._hung_up else 0
                    yield _decode(frame)
            except (TransportError, aiohttp.ClientError, OSError):
                pass  # dial again
            except ServerProblem as err:
                if err.status < 500:  # a fault of the server says nothing of this device
                    raise
            finally:
                self._socket = None
                await socket.close()
            if socket.close_code in NOT_LET_IN:
                self._api.forget_token()  # whether access has ended, the next login says
            await asyncio.sleep(pause_s(attempt, rng=self._api.rng))
            attempt += 1

    async def _say_hello(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        hello = StreamHello(
            token=await self._api.token(),
            protocol=PROTOCOL_VERSION,
            after={unit_id.hex(): sequence for unit_id, sequence in self._positions().items()},
        )
        try:
            await socket.send_bytes(msgspec.msgpack.encode(hello))
        except (aiohttp.ClientError, ConnectionError) as err:
            raise TransportError(
                "the server at {host} cannot be reached; check the network, and whether it runs",
                host=self._api.host,
            ) from err


def _decode(frame: aiohttp.WSMessage) -> Push:
    try:
        return msgspec.msgpack.decode(frame.data, type=Push)
    except (msgspec.DecodeError, TypeError) as err:
        raise ProtocolError("API-1", "the server pushed something that is not declared") from err
