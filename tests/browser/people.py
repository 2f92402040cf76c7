"""Somebody with a client process of their own, `mifeng ui`, and a page in a browser."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.chromium import browser
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from playwright.async_api import Page

__all__ = ["PASSPHRASE", "Somebody", "somebody"]

PASSPHRASE = "correct horse battery staple"
FAILED = Path(__file__).resolve().parent.parent.parent / "build" / "failed"
"""What the screens showed when a test failed."""


@dataclass
class Somebody:
    """A person before a screen."""

    name: str
    page: Page
    process: asyncio.subprocess.Process
    folder: Path
    code: str = ""
    sheet: str = ""

    async def come_in(self, link: str) -> None:
        """The first run: a link, a name, a passphrase."""
        page = self.page
        await page.get_by_label("Invite").fill(link)
        await page.get_by_role("button", name="Go on").click()
        await page.get_by_label("Name", exact=True).fill(self.name)
        await page.get_by_role("button", name="Go on").click()
        await page.get_by_label("Passphrase").fill(PASSPHRASE)
        await page.get_by_label("Once more").fill(PASSPHRASE)
        await page.locator("button.primary").click()
        await self._keep_the_sheet()
        await page.wait_for_selector("mf-sidebar .myself")

    async def _keep_the_sheet(self) -> None:
        page = self.page
        groups = await page.locator(".sheet span").all_text_contents()
        while len(groups) != 7:  # the server is asked first
            await page.wait_for_selector(".sheet span")
            groups = await page.locator(".sheet span").all_text_contents()
        self.code = "-".join(groups)
        self.sheet = await page.locator(".sheet-link").text_content() or ""
        await page.get_by_role("button", name="I have it").click()
        await page.get_by_label("Group 2").fill(groups[1])
        await page.get_by_label("Group 5").fill("xxxx")
        await page.get_by_role("button", name="Go on").click()
        await page.locator(".bad", has_text="not what stands").wait_for()
        await page.get_by_label("Group 5").fill(groups[4].lower())
        await page.get_by_role("button", name="Go on").click()

    async def open(self, unit: str) -> None:
        """Go to a unit, once one is in it."""
        await self.page.locator(".unit-link", has_text=unit).click()
        await self.page.wait_for_selector("mf-composer textarea")

    async def say(self, text: str) -> None:
        """Write a message and send it."""
        box = self.page.locator(".middle mf-composer textarea")
        await box.fill(text)
        await box.press("Enter")

    async def sees(self, text: str) -> None:
        """Wait for a line in the timeline."""
        await self.page.locator("mf-timeline .line", has_text=text).last.wait_for()

    def line(self, text: str):  # type: ignore[no-untyped-def]  # noqa: ANN201 - playwright's
        """The line that says so, not in what it answers."""
        said = self.page.locator(".text, mf-file", has_text=text)
        return self.page.locator("mf-timeline .line").filter(has=said).last


@contextlib.asynccontextmanager
async def somebody(folder: Path, name: str, *, language: str = "en") -> AsyncIterator[Somebody]:
    """Start `mifeng ui` with an empty profile, and a browser that opens what it asks for."""
    folder.mkdir()
    opened = folder / "opened"
    opener = folder / "browser"
    opener.write_text(f'#!/bin/sh\ncp "${{1#file://}}" {opened}.new && mv {opened}.new {opened}\n')
    opener.chmod(0o700)
    run = folder / "run"
    run.mkdir(mode=0o700)
    errors = folder / "errors"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(run),
        "BROWSER": f"{opener} %s",
        "MIFENG_LANG": language,
        "PYTHONUTF8": "1",
    }
    command = (sys.executable, "-m", "mifeng.cli.main", "--profile", str(folder / "profile"), "ui")
    with errors.open("wb") as told:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=told)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not opened.exists():
                await asyncio.sleep(0.05)  # another process: there is nothing to wait for
        found = re.search(r'url=(http[^"]+)"', opened.read_text())
        assert found is not None
        async with browser(folder / "browser-profile") as context:
            page = context.pages[0]
            page.set_default_timeout(PATIENCE_S * 1000)
            said: list[str] = []
            page.on("console", lambda line: said.append(f"console: {line.text}"))
            page.on("pageerror", lambda err: said.append(f"error: {err}"))
            page.on("response", lambda got: said.append(f"{got.status} {got.url}"))
            await page.goto(found[1])
            try:
                yield Somebody(name, page, process, folder)
            except BaseException:
                FAILED.mkdir(parents=True, exist_ok=True)
                await page.screenshot(path=FAILED / f"{folder.name}.png")
                log = "\n".join([errors.read_text(), *said])
                (FAILED / f"{folder.name}.txt").write_text(log)
                raise
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()
