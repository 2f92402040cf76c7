"""A server that shows two people two histories: whoever notices is told so on the page, calmly."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import mifeng
from tests.browser.chromium import browser, need_a_browser
from tests.e2e.people import PASSPHRASE, cast
from tests.support.patience import PATIENCE_S
from tests.support.screen import open_screen
from tests.support.server import running_server


@contextlib.asynccontextmanager
async def somebody(folder: Path, name: str) -> AsyncIterator[mifeng.Workspace]:
    """A profile, online again."""
    async with mifeng.open(folder / name, passphrase=PASSPHRASE) as me:
        yield me


@pytest.mark.parametrize("is_split", [False, True], ids=["honest", "split"])
async def test_who_is_shown_another_history_reads_so_above_the_unit(
    tmp_path: Path, is_split: bool
) -> None:
    need_a_browser()
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("what both have seen")
        await c.ada.create_unit("Elsewhere")
        await c.ben.sync()
        await c.ada.sync()
    shutil.copytree(tmp_path / "server", tmp_path / "before")
    async with running_server(tmp_path, restart=True), somebody(tmp_path, "ada") as ada:
        await ada.unit("Research").send("one history")
    if is_split:  # Ben is shown a log in which that was never said, and writes into it
        shutil.rmtree(tmp_path / "server")
        shutil.copytree(tmp_path / "before", tmp_path / "server")
    async with running_server(tmp_path, restart=True):
        async with somebody(tmp_path, "ben") as ben:
            await ben.unit("Research").send("the other history")
            await ben.unit("Research").send("which goes on")
        async with (
            somebody(tmp_path, "ada") as ada,
            open_screen(tmp_path / "screen", ada) as local,
            browser(tmp_path / "browser") as context,
        ):
            page = context.pages[0]
            page.set_default_timeout(PATIENCE_S * 1000)
            await page.goto(local.screen.address())
            unit = ada.unit("Research").id.hex()
            await page.evaluate(f"location.hash = '#/u/{unit}'")
            await page.locator(".line", has_text="one history").wait_for()
            banner = page.locator(".banner", has_text="tell your administrator")
            if not is_split:
                await page.locator(".line", has_text="which goes on").wait_for()
                assert await banner.count() == 0
                return
            await banner.wait_for()
            assert "another history" in (await banner.text_content() or "")
            mark = page.locator(".unit", has_text="Research").locator(".mark.bad")
            assert await mark.count() == 1, "the list shows where"
            # What is here stays readable, nothing of the other history comes in, nothing goes out.
            await page.locator(".line", has_text="what both have seen").wait_for()
            assert "the other history" not in await page.content()
            await page.locator("mf-composer textarea").fill("into which of them?")
            await page.keyboard.press("Enter")
            await page.locator(".notice.bad", has_text="tell your administrator").wait_for()
            assert await page.locator("mf-composer textarea").input_value() == "into which of them?"
            # The other unit goes on; above it stands that something was refused, for a day.
            await page.locator(".unit-link", has_text="Elsewhere").click()
            await page.locator(".unit-head h1", has_text="Elsewhere").wait_for()
            assert await page.locator(".banner.bad").count() == 0
            assert await page.locator(".banner.calm").count() == 1
            await page.locator("mf-composer textarea").fill("all is well here")
            await page.keyboard.press("Enter")
            await page.locator(".line:not(.waiting)", has_text="all is well here").wait_for()
            # And in Chinese.
            await local.call("set_settings", language="zh_CN")
            await page.reload()
            await page.evaluate(f"location.hash = '#/u/{unit}'")
            await page.locator(".banner.bad", has_text="管理员").wait_for()
