"""A request through its chain and out as a file, the feed with a comment, a unit changed."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mifeng
from mifeng.core.proof import verify_approval
from mifeng_crypto.ledger.charter_entry import UnitKind, UnitRole
from mifeng_crypto.ledger.policy import Posting
from tests.browser.chromium import browser, need_a_browser
from tests.browser.company import portrait
from tests.e2e.people import PASSPHRASE, Cast, cast, colleague
from tests.support.patience import PATIENCE_S
from tests.support.screen import open_screen
from tests.support.server import running_server

if TYPE_CHECKING:
    from playwright.async_api import Page


@dataclass
class Three:
    """Ada and Ben, each before a screen, and Cy, who has none."""

    cast: Cast
    cy: mifeng.Workspace
    ada: Page
    ben: Page


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Three]:
    need_a_browser()
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        server = await enter(running_server(tmp_path))
        c = await enter(cast(tmp_path, server))
        link = (await c.ada.invite()).link
        cy = await enter(
            mifeng.join(link, profile=tmp_path / "cy", name="Cy", passphrase=PASSPHRASE)
        )
        await c.ada.sync()
        await c.adas.grant(c.ada.person("Cy"))
        for me in (c.ben, cy):
            await me.sync()
        pages = []
        for name, me in (("ada", c.ada), ("ben", c.ben)):
            local = await enter(open_screen(tmp_path / f"screen-{name}", me))
            context = await enter(browser(tmp_path / f"browser-{name}"))
            page = context.pages[0]
            page.set_default_timeout(PATIENCE_S * 1000)
            await page.goto(local.screen.address())
            await page.locator(".unit-link", has_text="Research").click()
            await page.wait_for_selector("mf-composer textarea")
            pages.append(page)
        yield Three(c, cy, *pages)


async def test_a_request_goes_through_its_chain_and_out_as_a_file(
    three: Three, tmp_path: Path
) -> None:
    ada, ben = three.ada, three.ben

    # a form of the unit's own, by its manager
    await ada.get_by_role("button", name="Announcement, poll, request").click()
    await ada.get_by_role("menuitem", name="Request").click()
    await ada.get_by_role("button", name="New form").click()
    form = ada.locator("dialog").last
    await form.get_by_label("Title").fill("Travel 出差")
    await form.get_by_label("Field", exact=True).fill("Where to")
    await form.get_by_role("button", name="Another field").click()
    await form.get_by_label("Field", exact=True).last.fill("Ticket")
    await form.get_by_label("Kind").last.select_option("file")
    await form.get_by_role("button", name="Save").click()
    await ada.locator(".notice", has_text="Everybody in here").wait_for()
    await ada.keyboard.press("Escape")
    await ada.locator(".line", has_text="laid down a form").wait_for()

    # filled in by Ben, with a file; Ada decides, and then Ada and Cy both
    (tmp_path / "ticket.txt").write_text("Beijing to Hangzhou")
    await ben.get_by_role("button", name="Announcement, poll, request").click()
    await ben.get_by_role("menuitem", name="Request").click()
    dialog = ben.locator("dialog")
    await dialog.get_by_label("Form").select_option("Travel 出差")
    await dialog.get_by_label("Title").fill("To Hangzhou")
    await dialog.get_by_label("Where to").fill("杭州")
    await dialog.get_by_label("Ticket").set_input_files(tmp_path / "ticket.txt")
    await dialog.get_by_label("Step 1").select_option(label="Ada")
    await dialog.get_by_role("button", name="Another step").click()
    await dialog.get_by_label("Step 2").select_option(label="Ada")
    await dialog.get_by_label("Step 2").select_option(label="Cy")
    await dialog.get_by_role("button", name="Send it").click()
    await dialog.wait_for(state="detached")
    await ada.locator('[data-key="requests"]').click()
    waiting = ada.locator("mf-requests .work")
    await waiting.get_by_label("A comment, if you like").fill("Have a good trip")
    await waiting.get_by_role("button", name="Approve").click()
    await ben.locator(".work", has_text="Have a good trip").wait_for()
    await waiting.get_by_role("button", name="Approve").click()
    await three.cy.sync()
    theirs = three.cy.unit("Research")
    (found,) = await three.cy.requests()
    assert [file.name for file in found.message.files] == ["ticket.txt"]
    await theirs.approve(found.message.sequence)
    await ben.locator(".work .tag.ok", has_text="approved").first.wait_for()

    # out as a file that proves itself, and as a table
    async with ben.expect_download() as saved:
        await ben.get_by_role("button", name="Save with its signatures").click()
    await (await saved.value).save_as(tmp_path / "proof")
    proven = verify_approval((tmp_path / "proof").read_bytes())
    assert proven.standing == "approved"
    await ben.locator('[data-key="requests"]').click()
    async with ben.expect_download() as saved:
        await ben.get_by_role("button", name="As a table (CSV)").click()
    await (await saved.value).save_as(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["Title"], row["Standing"]) == ("To Hangzhou", "approved")


async def test_a_post_is_in_the_feed_with_its_comments_until_it_is_followed_no_more(
    three: Three,
) -> None:
    ada, ben, c = three.ada, three.ben, three.cast
    news = await c.ada.create_unit("News", kind=UnitKind.CHANNEL)
    await news.grant(c.ada.person("Ben"), UnitRole.READER)
    await c.ben.sync()
    await c.ben.set_profile(title="Chemist", picture=portrait(1))
    await news.send("The canteen is open")
    await ben.locator('[data-key="feed"]').click()
    post = ben.locator(".post", has_text="The canteen is open")
    await post.get_by_role("button", name="React").click()
    await ben.get_by_role("menuitem", name="🎉").click()
    await post.locator(".reaction", has_text="🎉 1").wait_for()

    # he only reads there: he comments once the channel lets everybody do that
    assert await post.get_by_role("button", name="Comment").count() == 0
    await news.set_policy(posting=Posting.COMMENTS)
    await post.get_by_role("button", name="Comment").click()
    await ben.locator("mf-thread textarea").fill("At last")
    await ben.keyboard.press("Enter")
    await post.get_by_role("button", name="1 comment").wait_for()

    # what is newest stands first, and Ada sees who has said what, with his picture
    await ada.locator('[data-key="feed"]').click()
    await (
        ada.locator(".post", has_text="The canteen is open")
        .get_by_role("button", name="1 comment")
        .click()
    )
    await ada.locator("mf-thread .line", has_text="At last").wait_for()
    await ada.locator("mf-thread .avatar img").wait_for()
    await c.bens.send("A post of Ben's")
    await ada.locator(".post").first.locator(".text", has_text="A post of Ben's").wait_for()

    # written in the feed, into a unit that she chooses; what is typed survives what comes meanwhile
    writing = ada.locator("mf-feed .writing")
    await writing.get_by_label("Post in").select_option(label="News")
    await writing.locator("textarea").fill("Open until nine")
    await c.bens.send("Meanwhile")
    await ada.locator(".post").first.locator(".text", has_text="Meanwhile").wait_for()
    await writing.locator("textarea").press("Enter")
    await ben.locator(".post", has_text="Open until nine").wait_for()

    # his page; left out of the feed, and taken in again
    ben_id = c.ben.me.id.hex()
    await ada.evaluate(f"location.hash = '#/feed/{ben_id}'")
    await ada.locator(".profile", has_text="Chemist").wait_for()
    await ada.locator(".post", has_text="A post of Ben's").wait_for()
    await ada.get_by_role("button", name="Leave out of the feed").click()
    await ada.get_by_role("button", name="Take into the feed again").wait_for()
    await ada.locator('[data-key="feed"]').click()
    await ada.locator(".post", has_text="The canteen is open").wait_for()
    assert await ada.locator(".post", has_text="A post of Ben's").count() == 0

    # a unit that is followed no more is gone from the feed, and comes back
    await ben.keyboard.press("Escape")
    await post.get_by_role("button", name="More").click()
    await ben.get_by_role("menuitem", name="Follow News no longer").click()
    await post.wait_for(state="detached")
    await ben.get_by_role("button", name="What I follow").click()
    await ben.get_by_label("News").check()
    await post.wait_for()


async def test_a_manager_changes_a_unit_and_closes_it(three: Three) -> None:
    ada, ben = three.ada, three.ben
    await ada.get_by_role("button", name="About this unit").click()
    await ada.get_by_role("button", name="Change this unit").click()
    dialog = ada.locator("dialog").first
    await dialog.get_by_label("Title").fill("Research & Bees")
    await dialog.get_by_role("button", name="Save").first.click()
    await ben.locator(".unit-head h1", has_text="Research & Bees").wait_for()
    await ada.get_by_role("button", name="Change this unit").click()
    await dialog.get_by_label("Kept for (days)").fill("7")
    await dialog.get_by_label("Who comes in reads").select_option("window")
    await dialog.get_by_label("Who writes").select_option("publishers")
    await dialog.get_by_role("button", name="Save").last.click()
    await ada.locator(".facts", has_text="Kept for 7 days").wait_for()
    await ben.locator(".composer-closed", has_text="You read here").wait_for()
    await three.cast.adas.send("before Dan")
    async with colleague(three.cast, "Dan"):
        for page in (ada, ben):
            await page.locator(".came", has_text="from before over to Dan").wait_for()
    await ada.get_by_role("button", name="New unit below this one").click()
    await ada.get_by_label("Title").fill("Hives")
    await ada.get_by_role("button", name="Open it").click()
    await ada.locator(".unit-link", has_text="Hives").wait_for()
    await ada.locator(".unit-link", has_text="Research & Bees").click()
    await ada.get_by_role("button", name="Change this unit").click()
    await ada.get_by_role("button", name="Close it").click()
    await ada.locator("dialog").last.get_by_role("button", name="Close it").click()
    await ben.locator(".banner", has_text="has closed this unit").wait_for()
