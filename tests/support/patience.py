"""How long a test waits for what must come.

It is far longer than anything takes, whatever else the machine does: only a hang is ended by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["PATIENCE_S", "until"]

PATIENCE_S = 100.0


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what others bring about."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.02)
