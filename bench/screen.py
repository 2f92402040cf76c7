"""The screen: how soon it is there, and a message on it; how quickly one goes from unit to unit.

The client process is a real `mifeng ui`; the page is the real one, in Chromium, which
`scripts/ci_setup.sh` installs.
"""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import mifeng
from bench.figure import Figure
from mifeng.web.assets import assets
from tests.browser.chromium import EXECUTABLE, FLAGS
from tests.e2e.people import PASSPHRASE
from tests.support.server import running_server

if TYPE_CHECKING:
    from playwright.async_api import Page

__all__ = ["measure"]

TABLE = "The screen (mifeng ui, Chromium, loopback)"
MESSAGES = int(os.environ.get("SCREEN_MESSAGES", "20000"))
"""In both units together. To send them is what takes this section its minutes."""
TEXTS = 30
WORD = "correct horse battery staple"


def measure() -> Iterator[Figure]:
    """Yield all figures of this section; only what the page weighs where there is no browser."""
    weight = sum(len(one.body) for path, one in assets().items() if path.endswith((".js", ".css")))
    yield Figure(
        table=TABLE, row="scripts and styles", column="", value=weight / 1000, unit="kB", target=150
    )
    if not EXECUTABLE.exists():
        return
    yield from asyncio.run(_measure())


async def _measure() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="mifeng-screen-") as name:
        folder = Path(name)
        async with AsyncExitStack() as stack, AsyncExitStack() as anns:
            server = await stack.enter_async_context(running_server(folder))
            ann = await anns.enter_async_context(
                mifeng.found(
                    server.founding_link, profile=folder / "ann", name="Ann", passphrase=WORD
                )
            )
            link = (await ann.invite()).link
            bob = await stack.enter_async_context(
                mifeng.join(link, profile=folder / "bob", name="Bob", passphrase=PASSPHRASE)
            )
            await ann.sync()
            units = [await ann.create_unit("One"), await ann.create_unit("Two")]
            for unit in units:
                await unit.grant(ann.person("Bob"))
            await bob.sync()
            await asyncio.gather(*(_fill(bob.unit(unit.title)) for unit in units))
            await ann.sync()
            await anns.aclose()  # the profile is her screen's from here on
            return await _screen(folder, bob)


async def _fill(unit: mifeng.Unit) -> None:
    for n in range(MESSAGES // 2):
        await unit.send(f"message {n}: 大家好, and a few words more")


async def _screen(folder: Path, bob: mifeng.Workspace) -> list[Figure]:
    from playwright.async_api import async_playwright  # noqa: PLC0415 - not everywhere

    opened, opener = folder / "opened", folder / "browser"
    opener.write_text(f'#!/bin/sh\ncp "${{1#file://}}" {opened}.new && mv {opened}.new {opened}\n')
    opener.chmod(0o700)
    (folder / "run").mkdir(mode=0o700)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run"),
        "BROWSER": f"{opener} %s", "MIFENG_LANG": "en",
    }  # fmt: skip
    reader, writer = os.pipe()
    os.write(writer, f"{WORD}\n".encode())
    os.close(writer)
    async with async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=EXECUTABLE, args=FLAGS)
        page = await (await chromium.new_context()).new_page()
        command = [sys.executable, "-m", "mifeng.cli.main", "--profile", str(folder / "ann")]
        began = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--passphrase-fd", str(reader), "ui"],
            env=environment, pass_fds=[reader], stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await _opened(page, opened)
            figures = [
                _figure("warm start, to a unit's last messages", time.perf_counter() - began, 1.0),
                _figure("CPU of the client process for that", _cpu_s(process.pid), None),
            ]
            began, window = time.perf_counter(), await page.context.new_page()
            opened.unlink()
            asking = await asyncio.create_subprocess_exec(*command, "ui", env=environment)
            await _opened(window, opened)
            figures.append(
                _figure("a window, where it runs already", time.perf_counter() - began, 1.0)
            )
            await asking.wait()
            await window.close()
            figures += await _times(page, bob)
            return [
                *figures,
                Figure(table=TABLE, row="client process, peak memory", column="", unit="MiB RSS",
                       value=_peak_mib(process.pid), target=150),
            ]  # fmt: skip
        finally:
            process.terminate()
            process.wait()
            await chromium.close()


async def _opened(page: Page, opened: Path) -> None:
    """Do what the browser does that is asked for a window, until a unit's lines stand there."""
    while not opened.exists():
        await asyncio.sleep(0.005)
    found = re.search(r'url=(http[^"]+)"', opened.read_text())
    assert found is not None, "the file sends the browser on"
    await page.goto(found[1])
    await page.locator("mf-timeline .line").first.wait_for()


async def _times(page: Page, bob: mifeng.Workspace) -> list[Figure]:
    taken, theirs = [], bob.unit("One")
    await page.evaluate(f"location.hash = '#/u/{theirs.id.hex()}'")
    await page.locator(".unit-head h1", has_text="One").wait_for()
    for n in range(TEXTS + 5):
        text = f"now {n}."
        seen = asyncio.create_task(page.locator(".line", has_text=text).wait_for())
        await asyncio.sleep(0.05)
        await theirs.send(text)
        accepted = time.perf_counter()
        await seen
        if n >= 5:
            taken.append(max(time.perf_counter() - accepted, 0))
    going = [await _go(page, bob.unit(("Two", "One")[n % 2]).id.hex()) for n in range(12)][2:]
    return [
        _figure("a message, from its acceptance to the screen, p50", statistics.median(taken), 0.1),
        _figure("the same, p95", sorted(taken)[len(taken) * 95 // 100], None),
        _figure(
            f"from one unit of {MESSAGES // 2:,} messages to another, p50",
            statistics.median(going),
            0.1,
        ),
    ]


async def _go(page: Page, unit: str) -> float:
    """Switch, and return the seconds until its last line stands there and was drawn."""
    milliseconds: float = await page.evaluate(
        """unit => new Promise((done) => {
            const began = performance.now();
            const place = document.querySelector("mf-timeline");
            const look = () => {
                const line = place.querySelector(".line");
                if (place.unit === unit && line && place.entries[0]?.unit === unit)
                    requestAnimationFrame(() => done(performance.now() - began));
                else requestAnimationFrame(look);
            };
            location.hash = "#/u/" + unit;
            look();
        })""",
        unit,
    )
    return milliseconds / 1000


def _figure(row: str, seconds: float, target: float | None) -> Figure:
    aim = None if target is None else target * 1000
    return Figure(table=TABLE, row=row, column="", value=seconds * 1000, unit="ms", target=aim)


def _cpu_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
