"""How long it takes to see one member out of many units whose stewards are online.

The admin is in none of them: each commit is made by a member whom the server asks.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

import mifeng
from bench.figure import Figure
from mifeng_crypto.ledger.charter_entry import UnitKind
from tests.e2e.people import PASSPHRASE
from tests.support.server import running_server

__all__ = ["measure"]

UNITS = 20
PEOPLE = 5
ERRORS = 40


def measure() -> Iterator[Figure]:
    """Yield all figures of this section."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(ERRORS))
    yield Figure(
        table="Offboarding, from `remove` to the last unit's commit (one process, TLS)",
        row=f"{UNITS} units",
        column=f"{PEOPLE} people each",
        value=asyncio.run(_measure()),
        unit="s",
        target=5,
    )


async def _measure() -> float | None:
    with tempfile.TemporaryDirectory(prefix="mifeng-bench-") as name:
        folder = Path(name)
        async with running_server(folder) as server, AsyncExitStack() as stack:
            ada = await stack.enter_async_context(
                mifeng.found(
                    server.founding_link, profile=folder / "ada", name="Ada", passphrase=PASSPHRASE
                )
            )
            gone, *stewards = [
                await stack.enter_async_context(
                    mifeng.join(
                        (await ada.invite()).link,
                        profile=folder / f"person{n}",
                        name=f"Person {n}",
                        passphrase=PASSPHRASE,
                    )
                )
                for n in range(PEOPLE)
            ]
            await stewards[0].sync()
            for n in range(UNITS):
                unit = await stewards[0].create_unit(f"Unit {n}", kind=UnitKind.GROUP)
                for other in (*stewards[1:], gone):
                    await unit.grant(other.me)
            for steward in stewards:
                stack.enter_context(steward.events())
                await steward._session.live.wait()  # noqa: SLF001 - the SDK does not say so
            await ada.sync()
            began = time.perf_counter()
            report = await ada.remove(gone.me)
            took = time.perf_counter() - began
    return None if report.pending or report.others_out != UNITS else took
