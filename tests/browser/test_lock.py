"""Locking: after idle, in the process and not only on the page; several profiles; a busy one."""

from __future__ import annotations

import gc
import weakref
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mifeng
from mifeng.web.house import profile_id
from tests.browser.chromium import browser, need_a_browser
from tests.browser.company import picture
from tests.browser.people import PASSPHRASE
from tests.support.patience import PATIENCE_S, until
from tests.support.screen import Page as Local
from tests.support.screen import open_screen
from tests.support.server import running_server

if TYPE_CHECKING:
    from playwright.async_api import Page

CANARY = "zephyr quartz"
MINUTE = 60


class Uptime:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Desk:
    """A screen with two profiles, of two workspaces, both locked; and a page that shows it."""

    local: Local
    page: Page
    uptime: Uptime
    first: Path
    second: Path

    @property
    def keeper(self):  # type: ignore[no-untyped-def]  # noqa: ANN201 - the keeper of the first
        return self.local.screen.house.keepers[profile_id(self.first)]

    async def unlock(self, *, word: str = PASSPHRASE) -> None:
        """Type the passphrase."""
        await self.page.get_by_label("Passphrase").fill(word)
        await self.page.get_by_role("button", name="Unlock").click()


async def made(folder: Path, link: str, name: str, unit: str, text: str) -> None:
    """Somebody's workspace with a unit in which something was said; closed."""
    async with mifeng.found(link, profile=folder, name=name, passphrase=PASSPHRASE) as me:
        await me.sync()
        place = await me.create_unit(unit)
        await place.send(text)
        drawn = folder.parent / "plan.png"
        drawn.write_bytes(picture(400, 300))
        await place.upload(drawn)


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    need_a_browser()
    monkeypatch.setattr("mifeng.web.house.CHECK_IDLE_S", 0.01)
    folder, uptime = tmp_path / "screen", Uptime()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    folder.mkdir()
    async with running_server(tmp_path / "a") as one, running_server(tmp_path / "b") as two:
        await made(folder / "profile", one.founding_link, "Ada", "Research", CANARY)
        await made(folder / "other", two.founding_link, "Ada at Two", "Harbour", "ships only")
        async with (
            open_screen(folder, uptime_s=uptime) as local,
            browser(tmp_path / "browser") as context,
        ):
            local.screen.house.save(profiles=[str(folder / "other")])
            local.screen.house.add(folder / "other")
            page = context.pages[0]
            page.set_default_timeout(PATIENCE_S * 1000)
            await page.goto(local.screen.address())
            await page.wait_for_selector("mf-locked")
            yield Desk(local, page, uptime, folder / "profile", folder / "other")


async def test_what_nobody_touches_is_locked_in_the_process_and_opens_by_its_passphrase(
    desk: Desk,
) -> None:
    page, keeper, house = desk.page, desk.keeper, desk.local.screen.house
    await desk.unlock()
    await page.locator(".line", has_text=CANARY).wait_for()
    workspace = weakref.ref(keeper.workspace)
    unit = keeper.workspace.units()[0].id.hex()
    entry = (await desk.local.of("files", unit=unit))["entries"][0]
    sequence, file = entry["sequence"], entry["files"][0]["id"]
    way = await desk.local.of("show_file", unit=unit, sequence=sequence, file=file, save=False)
    async with desk.local.http.get(desk.local.screen.origin + way["url"]) as answer:
        assert answer.status == 200
    # Somebody who types is there: his half hour begins anew.
    desk.uptime.now += 29 * MINUTE
    await page.keyboard.press("Shift")
    await until(lambda: keeper.idle_s == 0)
    desk.uptime.now += 29 * MINUTE
    await house.lock_if_idle(keeper)
    assert keeper.is_open
    desk.uptime.now += MINUTE
    await page.wait_for_selector("mf-locked")
    # Not the page alone: the keys have left the process, and its way to the file is closed.
    assert CANARY not in await page.content()
    assert not keeper.is_open
    async with desk.local.http.get(desk.local.screen.origin + way["url"]) as answer:
        assert answer.status == 404
    del entry
    gc.collect()
    assert workspace() is None, "something in this process still holds the open profile"
    # Another process may have it now. While it does, one is told so, and may try again.
    async with mifeng.open(desk.first, passphrase=PASSPHRASE):
        await desk.unlock()
        await page.locator(".bad", has_text="in use by process").wait_for()
    await desk.unlock(word="not this one")
    await page.locator(".bad", has_text="wrong").wait_for()
    await desk.unlock()
    await page.locator(".line", has_text=CANARY).wait_for()


async def test_whoever_comes_too_late_does_not_revive_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine has slept, say, and the first key is pressed before anybody has looked."""
    await desk.unlock()
    await desk.page.locator(".line", has_text=CANARY).wait_for()
    keeper, house = desk.keeper, desk.local.screen.house
    monkeypatch.setattr("mifeng.web.house.CHECK_IDLE_S", 10**9)
    await desk.local.of("active")
    desk.uptime.now += 8 * 60 * MINUTE
    await desk.local.of("active")
    assert not keeper.is_open
    await desk.page.wait_for_selector("mf-locked")
    house.save(lock_after_min=0)
    await desk.unlock()
    await desk.page.locator(".line", has_text=CANARY).wait_for()
    desk.uptime.now += 8 * 60 * MINUTE
    await house.lock_if_idle(keeper)
    assert keeper.is_open, "whoever has chosen so is never locked out"


async def test_two_workspaces_stand_side_by_side_each_with_its_own_lock(desk: Desk) -> None:
    page, house = desk.page, desk.local.screen.house
    await desk.unlock()
    await page.locator(".line", has_text=CANARY).wait_for()
    # to the other one, which is locked and has a passphrase to itself
    await page.locator(".myself").click()
    await page.get_by_role("menuitem", name="other", exact=True).click()
    await page.wait_for_selector("mf-locked")
    assert CANARY not in await page.content()
    await desk.unlock()
    await page.locator(".line", has_text="ships only").wait_for()
    assert await page.locator(".unit-link", has_text="Research").count() == 0
    assert await page.locator(".myself .name").text_content() == "Ada at Two"
    for folder in (desk.first, desk.second):
        with pytest.raises(mifeng.ProfileBusyError):
            async with mifeng.open(folder, passphrase=PASSPHRASE):
                pass
    # what comes in the one is not in the other
    theirs = desk.keeper.workspace.units()[0]
    await theirs.send("meanwhile in the first")
    # back, without a passphrase: it is open still
    await page.locator(".myself").click()
    await page.get_by_role("menuitem", name="Ada · ").click()
    await page.locator(".line", has_text="meanwhile in the first").wait_for()
    assert "ships only" not in await page.content()
    # a second window shows what it is opened for, and the first one stays where it is
    other = await page.context.new_page()
    other.set_default_timeout(PATIENCE_S * 1000)
    await other.goto(desk.local.screen.address())
    await other.evaluate(f"sessionStorage.setItem('profile', '{profile_id(desk.second)}')")
    await other.reload()
    await other.locator(".line", has_text="ships only").wait_for()
    # locking one locks that one
    await other.keyboard.press("Alt+l")
    await other.wait_for_selector("mf-locked")
    assert [keeper.is_open for keeper in house.keepers.values()] == [True, False]
    await page.locator(".line", has_text="meanwhile in the first").wait_for()
    # and from the lock one gets to the other one as well
    await other.get_by_label("Profile").select_option(profile_id(desk.first))
    await other.locator(".line", has_text="meanwhile in the first").wait_for()
    await other.close()
