"""Programs: how long `import mifeng` takes, and how soon a bot answers over loopback."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import mifeng
from bench.figure import Figure
from mifeng.testing import company

__all__ = ["measure"]

TABLE = "Programs"
IMPORTS = 15
ANSWERS = 100
TIMED = "import time; a = time.perf_counter(); import mifeng; print(time.perf_counter() - a)"


def measure() -> Iterator[Figure]:
    """Yield all figures of this section."""
    yield _figure("import mifeng", "p50", statistics.median(_imports()), "s", 0.25)
    took = sorted(asyncio.run(_answers()))
    row = "an echo bot answers, until the answer is shown (loopback, server in the same process)"
    yield _figure(row, "p50", statistics.median(took) * 1000, "ms", 40)
    yield _figure(row, "p95", took[len(took) * 95 // 100] * 1000, "ms", None)


def _figure(row: str, column: str, value: float, unit: str, target: float | None) -> Figure:
    return Figure(table=TABLE, row=row, column=column, value=value, unit=unit, target=target)


def _imports() -> list[float]:
    return [
        float(subprocess.run([sys.executable, "-c", TIMED], capture_output=True, check=True).stdout)
        for _ in range(IMPORTS)
    ]


async def _answers() -> list[float]:
    """From `send` to the answer on the asker's own device; asker, bot and server share a core."""
    bot, took = mifeng.Bot("unused"), list[float]()

    @bot.on_message()
    async def echo(it: mifeng.Happening) -> None:
        await it.reply(it.text)

    async with company("Ada", bots=["Echo"]) as c, bot.on(c["Echo"]):
        unit = c.unit("Ada")
        await c["Ada"].live()
        lines = unit.messages(after=unit.sequence)
        for n in range(ANSWERS):
            began = time.perf_counter()
            await unit.send(f"say {n}")
            async for line in lines:
                if not line.is_mine:
                    break
            took.append(time.perf_counter() - began)
        await lines.aclose()
    return took
