"""Into a workspace on the screen: by a link that is opened, a second device, the sheet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mifeng.web.running import Wish
from tests.browser.chromium import browser, need_a_browser
from tests.browser.people import PASSPHRASE
from tests.e2e.people import Cast, cast
from tests.support.patience import PATIENCE_S
from tests.support.screen import Page as Local
from tests.support.screen import open_screen
from tests.support.server import running_server

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page

    from mifeng.web.server import Screen


async def window(context: BrowserContext, screen: Screen) -> Page:
    """A new window of somebody's screen."""
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    await page.goto(screen.address())
    return page


async def lock(page: Page, action: str) -> None:
    """Choose how the device is locked."""
    await page.get_by_label("Passphrase").fill(PASSPHRASE)
    await page.get_by_label("Once more").fill(PASSPHRASE)
    await page.get_by_role("button", name=action, exact=True).click()


async def sheet(page: Page) -> str:
    """Keep the recovery sheet, and give two groups of it back; return all of it."""
    await page.wait_for_selector(".sheet span")
    groups = await page.locator(".sheet span").all_text_contents()
    link = await page.locator(".sheet-link").text_content()
    await page.get_by_role("button", name="I have it").click()
    await page.get_by_label("Group 2").fill(groups[1])
    await page.get_by_label("Group 5").fill(groups[4])
    await page.get_by_role("button", name="Go on").click()
    return f"{link}\n\n{'-'.join(groups)}"


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Cast, Local, BrowserContext]]:
    need_a_browser()
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        open_screen(tmp_path / "screen", c.ada) as local,
        browser(tmp_path / "browser") as context,
    ):
        yield c, local, context


async def test_a_link_begins_a_window_of_the_process_that_runs_and_the_sheet_brings_back(
    both: tuple[Cast, Local, BrowserContext], tmp_path: Path
) -> None:
    c, local, context = both
    before = await window(context, local.screen)
    await before.locator(".unit-link", has_text="Research").wait_for()
    link = (await c.ada.invite()).link
    profile = str(next(iter(local.screen.house.keepers.values())).folder)
    local.screen.porch.wish = Wish(profile, link)
    page = await window(context, local.screen)
    await page.get_by_label("Name", exact=True).wait_for()
    assert await before.locator(".unit-link", has_text="Research").count() == 1, "it stays"
    # Not now: back to where one was, and the link begins no other window.
    await page.get_by_role("button", name="Back").click()
    assert await page.get_by_label("Invite").input_value() == link
    await page.get_by_role("button", name="Back").click()
    await page.locator(".unit-link", has_text="Research").wait_for()
    other = await window(context, local.screen)
    await other.locator(".unit-link", has_text="Research").wait_for()
    # Taken: somebody else in a profile of its own, beside the first.
    local.screen.porch.wish = Wish(profile, link)
    page = await window(context, local.screen)
    await page.get_by_label("Name", exact=True).fill("Cy")
    await page.get_by_role("button", name="Go on").click()
    await lock(page, "Join")
    kept = await sheet(page)
    await page.locator(".myself .name", has_text="Cy").wait_for()
    cys = page
    # Nothing is open yet: what the window showed before was Ada's.
    assert await cys.locator(".unit-head").count() == 0
    await before.locator(".myself .name", has_text="Ada").wait_for()
    # And a profile that is named is the one that is shown, though another one was first.
    local.screen.porch.wish = Wish(profile)
    page = await window(context, local.screen)
    await page.locator(".myself .name", has_text="Ada").wait_for()
    await page.close()
    # All is lost but the sheet: it brings Cy back, and what was Cy's before is out.
    async with open_screen(tmp_path / "anew") as anew:
        page = await window(context, anew.screen)
        await page.get_by_label("Invite").fill(kept)
        await page.get_by_role("button", name="Go on").click()
        await lock(page, "Recover")
        assert await sheet(page) != kept
        await page.locator(".myself").wait_for()
        await cys.locator(".banner.bad").first.wait_for()
        assert await cys.locator(".line-state", has_text="This device is out").count() == 1
        # Its old device knew the directory's key: all names are under a new one, and come anew.
        await page.locator(".myself .name", has_text="Cy").wait_for()


async def test_a_second_device_is_let_in_by_the_digits_that_it_shows(
    both: tuple[Cast, Local, BrowserContext], tmp_path: Path
) -> None:
    _, local, context = both
    mine = await window(context, local.screen)
    await mine.locator(".unit-link", has_text="Research").wait_for()
    await mine.keyboard.press("Control+,")
    await mine.get_by_role("button", name="Your devices and safety number").click()
    await mine.get_by_role("button", name="Link another device").click()
    link = await mine.get_by_role("textbox", name="The link").input_value()
    async with open_screen(tmp_path / "phone") as phone:
        page = await window(context, phone.screen)
        await page.get_by_label("Invite").fill(link)
        await page.get_by_role("button", name="Go on").click()
        await lock(page, "Link this device")
        digits = await page.locator(".digits").text_content()
        await mine.get_by_label("Digits").fill(digits or "")
        await mine.locator("dialog").get_by_role("button", name="Let it in").click()
        await mine.locator(".notice", has_text="Your new device is in").wait_for()
        await page.locator(".unit-link", has_text="Research").wait_for()
        assert await page.locator(".myself .name").text_content() == "Ada"
        await mine.locator("mf-person .rows .mono").nth(1).wait_for()
