"""Again, after a line that broke; and how far a transfer has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mifeng.errors import ServerProblem
from mifeng_crypto.errors import TransportError

__all__ = ["Attempts", "Progress", "no_progress"]

Progress = Callable[[int, int], None]
"""Called with bytes of ciphertext done, and in all."""

PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Before attempts that bring nothing at all: that there is no line is to be known soon."""
UNDER_WAY_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, *(30.0,) * 9)
"""Before attempts that bring nothing further, once something has come through: a server that is
started again, a laptop that is carried to another network. Five minutes in all."""


def no_progress(_done: int, _total: int) -> None:
    """Nobody looks."""


class Attempts:
    """Counts attempts that brought nothing further."""

    def __init__(self, *, under_way: bool = False) -> None:
        self._pauses = iter(UNDER_WAY_S if under_way else PAUSES_S)

    async def pause(self, error: TransportError | ServerProblem) -> None:
        """Wait before the next attempt; raise `error` if there have been enough."""
        pause_s = next(self._pauses, None)
        if pause_s is None:
            raise error
        await asyncio.sleep(max(pause_s, error.retry_after_s or 0))
