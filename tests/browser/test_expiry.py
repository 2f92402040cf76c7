"""What is over is gone from the screen, by the clock."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.browser.chromium import browser, need_a_browser
from tests.e2e.people import cast
from tests.support.patience import PATIENCE_S
from tests.support.screen import open_screen
from tests.support.server import ManualClock, running_server

CANARY = "zephyr-quartz-canary"
HOUR = 3600


async def test_what_is_over_is_gone_from_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_a_browser()
    clock = ManualClock(int(time.time() * 1000))
    monkeypatch.setattr("mifeng.sdk.opening._now", clock.now)
    async with (
        running_server(tmp_path, clock=clock) as server,
        cast(tmp_path, server) as c,
        open_screen(tmp_path / "screen", c.ada) as local,
        browser(tmp_path / "browser") as context,
    ):
        page = context.pages[0]
        page.set_default_timeout(PATIENCE_S * 1000)
        await page.goto(local.screen.address())
        unit = c.adas.id.hex()
        await page.evaluate(f"location.hash = '#/u/{unit}'")
        await c.bens.send(CANARY)
        (tmp_path / f"{CANARY}.txt").write_text("a file")
        await c.bens.upload(tmp_path / f"{CANARY}.txt")
        await page.locator("mf-file", has_text=CANARY).wait_for()
        clock.advance(75 * HOUR)
        await server.purge()
        await c.ada.sync()
        await page.evaluate("location.hash = '#/people'")
        await page.wait_for_selector("mf-people .person")
        await page.evaluate(f"location.hash = '#/u/{unit}'")
        for _ in range(int(10 * PATIENCE_S)):  # the page's own policy lets no script wait for it
            if CANARY not in await page.content():
                break
            await page.wait_for_timeout(100)
        assert CANARY not in await page.content()
        shown = await local.of("timeline", unit=unit)
        assert CANARY not in str(shown)
        assert (await local.of("files", unit=unit))["entries"] == []
