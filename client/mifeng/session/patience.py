"""Many requests in a row: when the server asks for time, it gets it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from mifeng_crypto.errors import TransportError

__all__ = ["patiently"]

T = TypeVar("T")
TRIES = 30
LONGEST_S = 30.0


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Call, and again after as long as the server says, until it goes through.

    Raises:
        TransportError: the server was not reached, or asks for time again and again.
    """
    for _ in range(TRIES):
        try:
            return await call()
        except TransportError as err:
            if err.retry_after_s is None:
                raise
            await asyncio.sleep(min(err.retry_after_s, LONGEST_S))
    return await call()
