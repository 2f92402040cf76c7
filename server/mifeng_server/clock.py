"""The server's clock: the one place that asks the operating system for the time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

__all__ = ["SystemClock", "utc"]


class SystemClock:
    """`Clock` of the operating system."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def utc(at: int) -> str:
    """Return a time of Unix milliseconds as people read it."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
