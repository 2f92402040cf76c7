"""For everybody: axe-core finds nothing, the keyboard reaches all, no window cuts anything off."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mifeng.web.house import profile_id
from mifeng_crypto.ledger.charter_entry import UnitRole
from tests.browser.chromium import browser, need_a_browser
from tests.browser.company import picture
from tests.e2e.people import Cast, cast
from tests.support.patience import PATIENCE_S
from tests.support.screen import Page as Local
from tests.support.screen import open_screen
from tests.support.server import running_server

if TYPE_CHECKING:
    from playwright.async_api import Page

TOOLS = Path(os.environ.get("PAGE_TOOLS_DIR", Path.home() / ".cache/mifeng-page"))
AXE = TOOLS / "node_modules/axe-core/axe.min.js"


@dataclass
class Stage:
    """Ada before her screen, in a unit in which something was said."""

    cast: Cast
    local: Local
    page: Page

    async def axe(self) -> list[str]:
        """What axe-core finds on the page as it is now."""
        # The page's own policy lets no script in: the driver evaluates it past that.
        if not await self.page.evaluate("!!window.axe"):
            await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = await self.page.evaluate("axe.run(document)")
        return [
            f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
            for one in found["violations"]
            for node in one["nodes"]
        ]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    need_a_browser()
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as both,
        open_screen(tmp_path / "screen", both.ada) as local,
        browser(tmp_path / "browser") as context,
    ):
        await both.bens.send("Good morning, **Ada**: `code` and https://a.example/b")
        await both.adas.send("> quoted\n\n- one\n- two", reply_to=(await both.adas.history())[0])
        await both.bens.react((await both.bens.history())[0], "👍")
        for name, body in (("plan.png", picture(400, 300)), ("notes.pdf", b"%PDF-1.4 x")):
            (tmp_path / name).write_bytes(body)
            await both.bens.upload(tmp_path / name)
        await both.bens.announce("Fire drill", "On Friday at *ten*.")
        await both.ada.sync()
        page = context.pages[0]
        page.set_default_timeout(PATIENCE_S * 1000)
        await page.emulate_media(reduced_motion="reduce")  # colours are what they are at once
        await page.goto(local.screen.address())
        await page.wait_for_selector(".unit-link")
        await page.evaluate(f"location.hash = '#/u/{both.adas.id.hex()}'")
        await page.wait_for_selector(".line")
        await page.wait_for_selector("mf-file img")
        yield Stage(both, local, page)


async def test_axe_finds_nothing_on_any_view_dark_and_narrow_light_and_wide(stage: Stage) -> None:
    if not AXE.exists():
        pytest.skip(f"axe-core is not in {TOOLS}: run scripts/page_tools.sh")
    page, found = stage.page, dict[str, list[str]]()

    async def look(name: str) -> None:
        for theme, width in (("dark", 320), ("light", 1360)):
            await page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            await page.set_viewport_size({"width": width, "height": 860})
            if wrong := await stage.axe():
                found[f"{name}, {theme}, {width}"] = wrong

    await page.locator(".line").first.hover()
    await look("talk")
    for key, sign in (
        ("Alt+m", ".person"),
        ("Control+k", ".hit"),
        ("Control+,", "dialog.settings"),
    ):
        await page.keyboard.press(key)
        await page.wait_for_selector(sign)
        await look(key)
        await page.keyboard.press("Escape")
    await page.keyboard.press("Control+/")
    await look("keys")
    await page.keyboard.press("Escape")
    for button, sign in (("Files", ".file-list"), ("About this unit", ".facts")):
        await page.get_by_role("button", name=button, exact=True).click()
        await page.wait_for_selector(sign)
        await look(button)
    await page.get_by_role("button", name="Change this unit").click()
    await look("a unit's settings")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Files", exact=True).click()
    await page.get_by_role("button", name="Who has fetched plan.png").last.click()
    await page.wait_for_selector("dialog[open]")
    await look("readers")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Announcement, poll, request").first.click()
    await page.get_by_role("menuitem", name="Request").click()
    await page.get_by_label("Step 1").select_option(label="Ben")
    await look("a request")
    await page.get_by_role("button", name="New form").click()
    await look("a form")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await page.locator(".line .sender").first.click()
    await page.wait_for_selector(".digits")
    await look("person")
    await page.get_by_role("button", name="New unit").click()
    await look("new unit")
    await page.keyboard.press("Escape")
    ben = stage.cast.ben.me.id.hex()
    for place, sign in (
        ("feed", ".post"),
        (f"feed/{ben}", ".profile"),
        ("people", ".wide-people .person"),
        ("requests", "mf-requests h2"),
        (f"g/{await _governed(stage)}", ".governed .person"),
        ("admin", ".digits"),
    ):
        await page.evaluate(f"location.hash = '#/{place}'")
        await page.wait_for_selector(sign)
        await look(place)
    await page.get_by_role("button", name="Invite somebody").click()
    await page.get_by_role("button", name="Make the invite").click()
    await page.wait_for_selector(".qr")
    await look("invite")
    await page.keyboard.press("Escape")
    await stage.local.call("set_settings", language="zh_CN")
    unit = stage.cast.adas.id.hex()
    for place, sign in (
        ("feed", ".post"),
        ("people", ".wide-people .person"),
        (f"u/{unit}", ".line"),
    ):
        await page.evaluate(f"location.hash = '#/{place}'")
        await page.wait_for_selector(sign)
        await look(f"{place}, in Chinese")
    for key, sign in (("Alt+m", ".person"), ("Control+,", "dialog.settings")):
        await page.keyboard.press(key)
        await page.wait_for_selector(sign)
        await look(f"{key}, in Chinese")
        await page.keyboard.press("Escape")
    await stage.local.call("set_settings", language="en")
    other = stage.local.screen.house.add(stage.cast.home("ben"))
    name = profile_id(other.folder)
    await page.evaluate(f"sessionStorage.setItem('profile', '{name}'); location.reload()")
    await page.wait_for_selector("mf-locked")
    await look("locked")
    await page.get_by_role("button", name="Another workspace").click()
    await page.wait_for_selector("mf-first-run")
    await look("first run")
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)


async def _governed(stage: Stage) -> str:
    """A unit that Ada has opened, and left to Ben: she has a say in it, and reads nothing."""
    left = await stage.cast.ada.create_unit("Left to Ben")
    await left.grant(stage.cast.ada.person("Ben"), UnitRole.MANAGER)
    await stage.cast.ben.sync()
    ben = stage.cast.ben
    await ben.unit("Left to Ben").revoke(ben.person("Ada"))
    await stage.cast.ada.sync()
    return left.id.hex()


async def test_the_keyboard_alone_goes_through_a_day(stage: Stage) -> None:
    page, keys = stage.page, stage.page.keyboard
    await keys.press("Escape")  # to writing
    await keys.type("written by keyboard")
    await keys.press("Enter")
    # Once it has its place it is drawn no more: the focus stays.
    await page.locator(".line:not(.waiting)", has_text="written by keyboard").wait_for()
    # to the message above, and answer it
    for _ in range(30):
        if await page.evaluate("!!document.activeElement.closest('mf-timeline .line')"):
            break
        await keys.press("Shift+Tab")
    await keys.press("ArrowUp")
    await keys.press("ArrowDown")
    await keys.press("r")
    await keys.type("answered by keyboard")
    await keys.press("Enter")
    await page.locator(".line .answers-to", has_text="written by keyboard").wait_for()
    # reactions
    await page.locator(".line:not(.waiting)", has_text="answered by keyboard").wait_for()
    await page.locator(".line", has_text="answered by keyboard").last.focus()
    await keys.press("+")
    await keys.press("ArrowDown")
    await keys.press("Enter")
    await page.locator(".reaction.mine").wait_for()
    # a thread, and what is done with a line in it
    await page.locator(".line", has_text="answered by keyboard").last.focus()
    await keys.press("t")
    await page.wait_for_selector("mf-thread textarea:focus")
    await keys.type("in the thread")
    await keys.press("Enter")
    answer = page.locator("mf-thread .line", has_text="in the thread")
    await answer.wait_for()
    for _ in range(30):
        if await page.evaluate("!!document.activeElement.closest('mf-thread .line')"):
            break
        await keys.press("Shift+Tab")
    await answer.focus()
    await keys.press("ArrowUp")
    await keys.press("ArrowDown")
    await keys.press("+")
    await keys.press("Enter")
    await answer.locator(".reaction.mine").wait_for()
    await keys.press("Escape")
    # find a person by pinyin or name, and go back
    await keys.press("Control+k")
    await keys.type("ben")
    await page.get_by_role("option", name="Ben", exact=True).wait_for()
    await keys.press("Enter")
    await page.wait_for_selector("mf-person .digits")
    await keys.press("Escape")
    # the tabs of the panel
    await keys.press("Alt+m")
    await page.wait_for_selector(".person")
    await keys.press("ArrowRight")
    await page.wait_for_selector(".file-list")
    await keys.press("Escape")
    # a new unit, and back to the old one
    await page.locator('[data-key="add"]').focus()
    await keys.press("Enter")
    await page.wait_for_selector("dialog[open] input:focus")
    await keys.type("By keyboard")
    await keys.press("Enter")
    await page.locator(".unit-head h1", has_text="By keyboard").wait_for()
    await keys.press("Alt+ArrowDown")
    await page.locator(".unit-head h1", has_text="Research").wait_for()
    # The composer shows it by its frame, everything else by an outline.
    framed = "document.activeElement.closest('.composer-row') !== null"
    outlined = "getComputedStyle(document.activeElement).outlineStyle !== 'none'"
    for _ in range(3):  # the page may have drawn anew what had the focus
        await keys.press("Tab")
        if await page.evaluate(f"{framed} || {outlined}"):
            break
    else:
        pytest.fail("one does not see where one is")


@pytest.mark.parametrize("width", [320, 768, 2560])
async def test_no_width_cuts_anything_off(stage: Stage, width: int) -> None:
    page = stage.page
    await page.set_viewport_size({"width": width, "height": 640})
    over = "document.documentElement.scrollWidth > innerWidth"
    assert not await page.evaluate(over)
    box = await page.locator("mf-composer .send").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= width
    wide = (
        "[...document.querySelectorAll('mf-timeline .line *')].filter("
        "e => !e.closest('pre, .actions') && e.getBoundingClientRect().right > innerWidth + 1"
        ").map(e => e.outerHTML.slice(0, 80))"
    )
    assert await page.evaluate(wide) == []
    if width == 320:
        await page.locator(".to-list").first.click()
        await page.wait_for_selector("mf-sidebar .unit-link", state="visible")
        await page.locator(".unit-link").first.click()
        await page.wait_for_selector("mf-composer textarea", state="visible")
    await page.keyboard.press("Control+,")
    await page.wait_for_selector("dialog.settings")
    assert not await page.evaluate(over)
