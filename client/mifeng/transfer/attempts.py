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
"""Before attempts that bring nothing further."""


def no_progress(_done: int, _total: int) -> None:
    """Nobody looks."""


class Attempts:
    """Counts attempts that brought nothing further."""

    def __init__(self) -> None:
        self._pauses = iter(PAUSES_S)

    async def pause(self, error: TransportError | ServerProblem) -> None:
        """Wait before the next attempt; raise `error` if there have been enough."""
        pause_s = next(self._pauses, None)
        if pause_s is None:
            raise error
        await asyncio.sleep(max(pause_s, error.retry_after_s or 0))
