"""System notifications: without content unless one has chosen otherwise; a press leads there."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.chromium import browser, need_a_browser
from tests.e2e.people import Cast, cast
from tests.support.patience import PATIENCE_S
from tests.support.screen import Page as Local
from tests.support.screen import open_screen
from tests.support.server import running_server

if TYPE_CHECKING:
    from playwright.async_api import Page

CANARY = "zephyr quartz"
# What a browser shows outside of its window, and whether that is in sight, no test can see: both
# are played here, by the same names.
STAND_IN = """
window.shown = []; window.focused = 0; window.away = true;
window.focus = () => { window.focused += 1; };
Object.defineProperty(document, "hidden", { get: () => window.away });
window.Notification = class {
  static permission = "default";
  static async requestPermission() { return (Notification.permission = "granted"); }
  constructor(title, facts) {
    Object.assign(this, { title, ...facts, isOpen: true });
    window.shown.push(this);
  }
  close() { this.isOpen = false; }
};
"""


@dataclass
class Desk:
    """Ada before her screen, but looking elsewhere; Ben writes."""

    cast: Cast
    local: Local
    page: Page

    async def says(self, text: str) -> None:
        """Ben writes; the page has heard of it, and has done what it does then."""
        await self.cast.bens.send(text)
        await self.heard(text)

    async def heard(self, text: str) -> None:
        await self.page.locator("mf-timeline .line", has_text=text).wait_for()

    async def shown(self, count: int) -> list[dict[str, Any]]:
        """What was shown, once there are so many."""
        for _ in range(int(PATIENCE_S * 20)):  # the page's own policy lets no script wait for it
            found: list[dict[str, Any]] = await self.page.evaluate(
                "shown.map(({ title, body, tag, isOpen }) => ({ title, body, tag, isOpen }))"
            )
            if len(found) >= count:
                break
            await self.page.wait_for_timeout(50)
        assert len(found) == count
        return found


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    need_a_browser()
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as both,
        open_screen(tmp_path / "screen", both.ada) as local,
        browser(tmp_path / "browser") as context,
    ):
        page = context.pages[0]
        page.set_default_timeout(PATIENCE_S * 1000)
        await page.add_init_script(STAND_IN)
        await page.goto(local.screen.address())
        await page.evaluate(f"location.hash = '#/u/{both.adas.id.hex()}'")
        await page.wait_for_selector("mf-composer textarea")
        yield Desk(both, local, page)


async def test_a_notification_says_that_something_came_and_a_press_leads_there(desk: Desk) -> None:
    page, unit = desk.page, desk.cast.adas.id.hex()
    await desk.says("before anybody was asked")
    # Allowed by the browser only once the user asks for it.
    await page.keyboard.press("Control+,")
    box = page.get_by_label("Say so when something comes")
    assert not await box.is_checked()
    await box.check()
    await page.keyboard.press("Escape")
    assert await page.evaluate("Notification.permission") == "granted"
    await desk.shown(0)
    # Somewhere else meanwhile.
    await page.evaluate("location.hash = '#/people'")
    await page.wait_for_selector("mf-people .person")
    await desk.cast.bens.send(CANARY)
    (told,) = await desk.shown(1)
    assert (told["title"], told["body"]) == ("Mifeng 密封", "Something new has come.")
    assert told["tag"] == unit, "one for each unit: the next takes its place"
    assert "Ben" not in str(told)
    assert CANARY not in str(told)
    await page.evaluate("shown[0].onclick()")
    await desk.heard(CANARY)
    assert await page.evaluate("location.hash") == f"#/u/{unit}"
    assert await page.evaluate("focused") == 1
    assert not (await desk.shown(1))[0]["isOpen"]
    # One's own, and what one sees come, needs none.
    await page.locator("mf-composer textarea").fill("my own")
    await page.keyboard.press("Enter")
    await page.locator(".line:not(.waiting)", has_text="my own").wait_for()
    await page.evaluate("away = false")
    await desk.says("before my eyes")
    await page.evaluate("away = true")
    await desk.says("and behind my back")
    assert len(await desk.shown(2)) == 2


async def test_what_it_says_is_said_only_where_one_has_chosen_so(desk: Desk) -> None:
    page = desk.page
    await page.evaluate("Notification.permission = 'granted'")
    await page.keyboard.press("Control+,")
    await page.get_by_label("and what it says").check()
    await page.keyboard.press("Escape")
    mention = desk.cast.bens.mention(desk.cast.ben.person("Ada"))
    await desk.cast.bens.send(f"{CANARY} for {mention}")
    (told,) = await desk.shown(1)
    assert (told["title"], told["body"]) == ("Ben · Research", f"{CANARY} for @Ada")
    # and none at all
    await page.keyboard.press("Control+,")
    await page.get_by_label("Say so when something comes").uncheck()
    await page.keyboard.press("Escape")
    await desk.says("silence")
    await desk.says("and more of it")
    assert len(await desk.shown(1)) == 1


async def test_another_workspace_says_so_too_and_a_press_goes_over_there(
    desk: Desk, tmp_path: Path
) -> None:
    page, house = desk.page, desk.local.screen.house
    (tmp_path / "second").mkdir()
    async with (
        running_server(tmp_path / "second") as server,
        cast(tmp_path / "second", server) as c,
    ):
        keeper = house.add(tmp_path / "second" / "ada")
        await keeper.take(contextlib.nullcontext(c.ada))
        await page.evaluate("Notification.permission = 'granted'")
        await desk.local.call("set_settings", preview=True)
        await c.bens.send(CANARY)
        (told,) = await desk.shown(1)
        assert told["body"] == "Something new has come."
        await page.evaluate("shown[0].onclick()")
        await desk.heard(CANARY)
        await keeper.close()
