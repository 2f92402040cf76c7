"""Pictures in the talk: pressed while the small one stands there, the large one opens too."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.browser.chromium import browser, need_a_browser
from tests.browser.company import picture
from tests.e2e.people import cast
from tests.support.patience import PATIENCE_S
from tests.support.screen import open_screen
from tests.support.server import running_server


async def test_a_picture_that_is_pressed_before_it_has_come_opens_once_it_is_there(
    tmp_path: Path,
) -> None:
    need_a_browser()
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        open_screen(tmp_path / "screen", c.ada) as local,
        browser(tmp_path / "browser") as context,
    ):
        (tmp_path / "plan.png").write_bytes(picture(800, 600))
        await c.bens.upload(tmp_path / "plan.png")
        await c.ada.sync()
        page, asked, may_come, fetched = context.pages[0], asyncio.Event(), asyncio.Event(), []

        async def hold(route: Any) -> None:  # noqa: ANN401 - playwright's
            fetched.append(route.request.url)
            asked.set()
            await may_come.wait()
            await route.continue_()

        await page.route("**/media/*", hold)
        page.set_default_timeout(PATIENCE_S * 1000)
        await page.goto(local.screen.address())
        await page.evaluate(f"location.hash = '#/u/{c.adas.id.hex()}'")
        await page.locator("mf-file .picture img").wait_for()  # the sender's small one
        async with asyncio.timeout(PATIENCE_S):
            await asked.wait()
        await page.locator("mf-file .picture").click()
        assert await page.locator("dialog").count() == 0
        may_come.set()
        await page.locator(".lightbox img").wait_for()
        await page.keyboard.press("Escape")
        await page.locator("mf-file .picture").click()
        await page.locator(".lightbox img").wait_for()
        # What opens the unit again, with nothing new in it, leaves its lines as they are.
        line = await page.locator("mf-file").element_handle()
        await page.evaluate("document.querySelector('mf-timeline').open(location.hash.slice(4))")
        assert line is not None
        assert await line.evaluate("line => line.isConnected")
        assert len(fetched) == 1, "it is fetched once"
