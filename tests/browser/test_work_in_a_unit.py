"""What one does in a unit, two before their screens: reminding, keeping, taking back, a draft."""

from __future__ import annotations

import asyncio
import random
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

import mifeng
from mifeng import Unit
from mifeng_crypto.ledger.roster_entry import Role
from tests.browser.chromium import browser, need_a_browser
from tests.e2e.people import PASSPHRASE, Cast, cast
from tests.support.patience import PATIENCE_S
from tests.support.screen import open_screen
from tests.support.server import running_server

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page, Response

LATER = "25 * 3600 * 1000"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Two:
    """Ada and Ben, each before a page of their own, in a unit that Ada manages."""

    cast: Cast
    ada: Page
    ben: Page
    adas: Unit
    bens: Unit


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pages(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Cast, Page, Page]]:
    need_a_browser()
    folder = tmp_path_factory.mktemp("company")
    async with (
        running_server(folder) as server,
        cast(folder, server) as c,
        open_screen(folder / "screen-ada", c.ada) as adas,
        open_screen(folder / "screen-ben", c.ben) as bens,
        browser(folder / "browser-ada") as hers,  # one each: a page behind another is slow
        browser(folder / "browser-ben") as his,
    ):
        both = hers.pages[0], his.pages[0]
        for page, local in zip(both, (adas, bens), strict=True):
            page.set_default_timeout(PATIENCE_S * 1000)
            await page.goto(local.screen.address())
            await page.wait_for_selector(".unit-link")
        yield c, *both


@pytest_asyncio.fixture(loop_scope="module")
async def two(pages: tuple[Cast, Page, Page], request: pytest.FixtureRequest) -> Two:
    """The same two in a unit of this test's own."""
    c, ada, ben = pages
    title = request.node.name[:60]
    adas = await c.ada.create_unit(title)
    await adas.grant(c.ada.person("Ben"))
    await c.ben.sync()
    for page in (ada, ben):
        await page.locator(".unit-link", has_text=title).wait_for()
        await page.evaluate(f"location.hash = '#/u/{adas.id.hex()}'")
        await page.locator(".unit-head h1", has_text=title).wait_for()
        await page.locator(".beginning", has_text=title).wait_for()
    return Two(c, ada, ben, adas, c.ben.unit(title))


def line(page: Page, text: str) -> Locator:
    """The last line that says so, not in what it answers."""
    said = page.locator(".text, mf-file", has_text=text)
    return page.locator("mf-timeline .line").filter(has=said).last


async def do(page: Page, text: str, act: str, item: str = "") -> None:
    """Press one of a line's actions; and an item of the menu that it opens."""
    await line(page, text).hover()
    await line(page, text).get_by_role("button", name=act, exact=True).click()
    if item:
        await page.get_by_role("menuitem", name=item).click()


async def holds(box: Locator, text: str) -> None:
    """Wait until this is written there."""
    from playwright.async_api import expect  # noqa: PLC0415 - not everywhere

    await expect(box).to_have_value(text, timeout=PATIENCE_S * 1000)


async def keeps(unit: Unit, text: str, thread: int = 0) -> None:
    """Wait until the process keeps this as what was begun."""
    async with asyncio.timeout(PATIENCE_S):
        while await unit.draft(thread) != text:
            await asyncio.sleep(0.02)


async def test_who_has_not_confirmed_is_reminded_and_the_list_fills_while_one_looks(
    two: Two,
) -> None:
    ada, ben = two.ada, two.ben
    await ada.get_by_role("button", name="Announcement, poll, request").click()
    await ada.get_by_role("menuitem", name="Announcement").click()
    await ada.get_by_label("Title").fill("Fire drill 消防演习")
    await ada.locator("dialog textarea").fill("On *Friday* at ten.")
    await ada.get_by_role("button", name="Announce", exact=True).click()
    await ada.locator(".work .who").click()
    read = ada.locator(".read-list")
    await read.locator("h3", has_text="1 has not confirmed").wait_for()
    assert await read.locator(".rows").first.locator(".cut").inner_text() == "Ben"

    # reminded, without a word of what it is about
    await ben.locator(".unit-link .asks").wait_for()
    assert await ben.locator(".work", has_text="You were reminded").count() == 0
    await read.get_by_role("button", name="Remind them").click()
    await ada.locator(".notice", has_text="They are reminded").wait_for()
    await ben.locator(".work", has_text="You were reminded").wait_for()

    # confirmed: before its author's eyes, and off the list of what waits
    await ben.get_by_role("button", name="I have read this").click()
    await read.locator("h3", has_text="0 have not confirmed").wait_for()
    assert "Ben" in await read.locator(".rows").last.inner_text()
    assert await read.get_by_role("button", name="Remind them").count() == 0
    await ben.locator(".work .tag.ok", has_text="You have confirmed").wait_for()
    await ben.locator(".unit-link .asks").wait_for(state="detached")
    await ada.keyboard.press("Escape")


async def test_an_archive_stands_above_the_unit_from_its_first_day_on(
    two: Two, tmp_path: Path
) -> None:
    ada, ben = two.ada, two.ben
    link = (await two.cast.ada.invite(Role.GUEST)).link
    async with mifeng.join(
        link, profile=tmp_path / "records", name="Records", kind="archive", passphrase=PASSPHRASE
    ):
        await two.cast.ada.sync()
        await ada.keyboard.press("Alt+m")
        await ada.get_by_role("button", name="Let somebody in").click()
        await ada.get_by_label("Whom?").fill("Records")
        await ada.locator("dialog").get_by_role("button", name="Let in").click()
        await ada.locator(".notice", has_text="Records").wait_for()
        await ada.keyboard.press("Escape")
        for page in (ada, ben):
            await page.locator(
                ".banner", has_text="Records keeps what is said here from"
            ).wait_for()
        await (
            ada.locator("mf-details .person", has_text="Records").get_by_text("Archive").wait_for()
        )
        # a day later by the page's clock
        await ben.clock.set_system_time(await ben.evaluate(f"Date.now() + {LATER}"))
        await two.adas.send("said later")
        await ben.locator(".banner", has_text="Records keeps what is said here.").wait_for()


async def test_a_file_is_kept_by_another_and_taken_back_by_its_author(
    two: Two, tmp_path: Path
) -> None:
    ada, ben = two.ada, two.ben
    (tmp_path / "plan.txt").write_text("the plan")
    await two.bens.upload(tmp_path / "plan.txt")
    await line(ada, "plan.txt").get_by_role("button", name="Keep plan.txt longer").click()
    await ada.locator(".notice", has_text="Posted again").wait_for()
    for page in (ada, ben):
        await page.locator("mf-timeline mf-file", has_text="plan.txt").nth(1).wait_for()

    # who posted it first takes it back: what was kept stays, and opens
    first = ben.locator("mf-timeline .line:has(mf-file)").first
    await first.hover()
    await first.get_by_role("button", name="More").click()
    await ben.get_by_role("menuitem", name="Take back").click()
    await ben.locator("dialog").get_by_role("button", name="Take back").click()
    for page in (ada, ben):
        await page.locator(".tomb", has_text="Taken back by its author").wait_for()
        assert await page.locator("mf-timeline mf-file").count() == 1
    async with ben.expect_download() as saved:
        await ben.get_by_role("button", name="Save plan.txt").click()
    assert Path(await (await saved.value).path()).read_text() == "the plan"

    # and by who has kept it: it is gone from the files, too
    await do(ada, "plan.txt", "More", "Take back")
    await ada.locator("dialog").get_by_role("button", name="Take back").click()
    await ben.locator(".tomb").nth(1).wait_for()
    await ben.get_by_role("button", name="Files", exact=True).click()
    await ben.locator("mf-details .empty").wait_for()
    assert await ben.locator("mf-file").count() == 0


async def test_what_was_said_is_answered_changed_reacted_to_and_taken_back(two: Two) -> None:
    ada, ben = two.ada, two.ben
    said = await two.bens.send("> quoted\n\n- **one** `two`\n- [three](https://x.example/y)")
    await do(ada, "quoted", "Answer")
    await ada.keyboard.type("Agreed")
    await ada.keyboard.press("Enter")
    # What it answers stands above it as one reads it, and leads there.
    quote = line(ben, "Agreed").locator(".answers-to")
    await quote.wait_for()
    assert await quote.inner_text() == "Ben: quoted one two three (x.example)"
    await quote.click()
    await ben.locator(f'.line.shown[data-sequence="{said.sequence}"]').wait_for()

    await do(ben, "Agreed", "React", "🎉")
    await line(ada, "Agreed").locator(".reaction", has_text="🎉 1").click()
    await line(ben, "Agreed").locator(".reaction.mine", has_text="🎉 2").click()
    await line(ada, "Agreed").locator(".reaction.mine", has_text="🎉 1").click()
    await line(ben, "Agreed").locator(".reaction").wait_for(state="detached")

    await do(ada, "Agreed", "More", "Edit")
    await ada.locator(".middle textarea").fill("Agreed, with one change")
    await ada.keyboard.press("Enter")
    await line(ben, "Agreed, with one change").locator(".edited").wait_for()

    # A thread goes on where its beginning was taken back.
    await do(ada, "Agreed", "Open the thread")
    await ada.locator("mf-thread textarea").fill("Which one?")
    await ada.keyboard.press("Enter")
    await line(ben, "Agreed").locator(".thread-link", has_text="1 answer").click()
    await ben.locator("mf-thread .line", has_text="Which one?").wait_for()
    await do(ada, "Agreed, with one change", "More", "Take back")
    await ada.locator("dialog").get_by_role("button", name="Take back").click()
    for place in ("mf-timeline", "mf-thread"):
        await ben.locator(f"{place} .tomb", has_text="Taken back").last.wait_for()
    await ben.locator("mf-thread textarea").fill("The second.")
    await ben.keyboard.press("Enter")
    await ada.locator("mf-thread .line", has_text="The second.").wait_for()
    assert await ada.locator("mf-timeline .line", has_text="with one change").count() == 0


async def test_what_was_begun_is_there_again_after_a_reload_until_it_is_sent(two: Two) -> None:
    ada, here = two.ada, "mf-timeline .line"
    box = ada.locator(".middle mf-composer textarea")
    began = await two.bens.send("What do you think?")
    await box.fill("I would wait for *both* sides")
    await keeps(two.adas, "I would wait for *both* sides")
    await ada.reload()
    await ada.locator(here, has_text="What do you think?").wait_for()
    await holds(box, "I would wait for *both* sides")
    # In a thread there is another one; neither is lost by changing what one has said, or elsewhere.
    await do(ada, "What do you think?", "Open the thread")
    answer = ada.locator("mf-thread textarea")
    await answer.fill("Not before")
    await ada.locator('[data-key="people"]').click()
    await ada.wait_for_selector("mf-people .person")
    await keeps(two.adas, "Not before", began.sequence)
    await ada.locator(".unit-link", has_text=two.adas.title).click()
    await holds(box, "I would wait for *both* sides")
    await box.press("Enter")
    await two.ben.locator(here, has_text="I would wait for both sides").wait_for()
    await do(ada, "What do you think?", "Open the thread")
    await holds(answer, "Not before")
    await ada.reload()
    await ada.locator(here, has_text="What do you think?").wait_for()
    await keeps(two.adas, "")
    await holds(box, "")


async def test_sound_plays_from_its_end_and_its_middle_stays_at_the_server(
    two: Two, tmp_path: Path
) -> None:
    """More than a player reads ahead: what lies between was never opened."""
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 48_000, 0, "NONE", ""))
        second = random.Random(1).randbytes(192_000)
        for _ in range(300):
            file.writeframesraw(second)
    served: list[Response] = []
    two.ada.on("response", lambda got: served.append(got) if "/media/" in got.url else None)
    await two.bens.upload(path)
    await two.ada.get_by_role("button", name="Play long.wav").click()
    sound = two.ada.locator("audio")
    await sound.wait_for()
    await sound.evaluate(
        """audio => new Promise((done, fail) => {
            audio.onerror = () => fail(new Error(String(audio.error?.message)));
            audio.onseeked = done;
            const seek = () => { audio.pause(); audio.currentTime = 290; };
            if (audio.readyState) seek(); else audio.onloadedmetadata = seek;
        })"""
    )
    assert await sound.evaluate("audio => [audio.duration, audio.currentTime]") == [300, 290]
    ranges = [await got.header_value("content-range") or "" for got in served]
    assert {got.status for got in served} == {206}
    starts = sorted(int(one.removeprefix("bytes ").partition("-")[0]) for one in ranges)
    assert starts[0] == 0
    assert starts[-1] > 192_000 * 280
    parts = await sound.evaluate("a => [...Array(a.buffered.length).keys()].map((n) =>"
                                 " a.buffered.end(n) - a.buffered.start(n))")  # fmt: skip
    assert sum(parts) < 200
