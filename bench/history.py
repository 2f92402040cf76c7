"""What a hand-over of 10,000 live messages costs: whoever gives, whoever takes, and on the way."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import mifeng
from bench.figure import Figure
from demo.server import free_port, running_server
from mifeng.core.rows import PartRecord
from mifeng.keychain import Cost, Passphrase
from mifeng_crypto.files.sealed import sealed_length
from mifeng_crypto.ledger.policy import History
from mifeng_crypto.tls import decode

__all__ = ["measure"]

MESSAGES = 10_000
TEXT = "Let us meet at ten in the small room, and bring the figures of last week. " * 4
CHEAP = Cost(64, 1, 1)
PASSPHRASE = Passphrase("not what is measured", cost=CHEAP, floor=CHEAP)
TABLE = f"A history of {MESSAGES:,} messages of {len(TEXT)} bytes (TLS, loopback)"


def measure() -> Iterator[Figure]:
    """Yield all figures of this section."""
    yield from asyncio.run(_measure())


async def _measure() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="mifeng-bench-") as name:
        folder = Path(name)
        address = f"https://127.0.0.1:{free_port()}"
        async with (
            running_server(folder, address=address) as server,
            mifeng.found(
                server.link, profile=folder / "ann", name="Ann", passphrase=PASSPHRASE
            ) as ann,
        ):
            unit = await ann.create_unit("Bench")
            await unit.set_policy(history=History.WINDOW)
            for _ in range(MESSAGES):
                await unit.send(TEXT)
            link = (await ann.invite()).link
            async with mifeng.join(
                link, profile=folder / "cy", name="Cy", passphrase=PASSPHRASE
            ) as cy:
                return await _handed_over(ann, unit, cy)


async def _handed_over(
    ann: mifeng.Workspace, unit: mifeng.Unit, cy: mifeng.Workspace
) -> list[Figure]:
    await ann.sync()
    await unit.timeline(last=1)  # who gives has it on the screen
    began = time.perf_counter()
    await unit.grant(ann.person("Cy"))
    await ann._session.history.settle()  # noqa: SLF001 - what is done beside, to its end
    given = time.perf_counter() - began
    began = time.perf_counter()
    await cy.sync()
    taken = time.perf_counter() - began
    began = time.perf_counter()
    found = await cy.unit("Bench").history()
    folded = time.perf_counter() - began
    assert len(found) == MESSAGES + 1, "all of them, and the line that says so"
    rows = await ann._session.home.database.scan("history")  # noqa: SLF001 - what was made
    parts = [decode(PartRecord, row).part for key, row in rows if key[16:17] == b"p"]
    size = sum(sealed_length(part.size) for part in parts) / 2**20

    def figure(row: str, value: float, unit: str = "s") -> Figure:
        return Figure(table=TABLE, row=row, column="", value=value, unit=unit)

    return [
        figure("let in and hand over, until the message is posted", given),
        figure("come in, fetch, judge each and save", taken),
        figure("show all of it the first time", folded),
        figure("at the server", size, "MiB"),
        figure("parts", len(parts), ""),
    ]
