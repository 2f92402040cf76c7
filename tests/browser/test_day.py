"""A day before the screen: two people, each with a client process and a browser of their own."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.chromium import need_a_browser
from tests.browser.people import PASSPHRASE, somebody
from tests.support.server import running_server


def film(path: Path) -> Path:
    """Six seconds of a moving picture."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is missing: run scripts/ci_setup.sh")
    source = ["-f", "lavfi", "-i", "testsrc=duration=6:size=320x180:rate=10"]
    command = ["ffmpeg", "-loglevel", "error", *source, "-c:v", "libvpx", "-b:v", "300k", str(path)]
    subprocess.run(command, check=True)
    return path


async def test_two_people_come_in_talk_share_a_film_and_part(tmp_path: Path) -> None:
    need_a_browser()
    async with (
        running_server(tmp_path) as server,
        somebody(tmp_path / "ada", "Ada Weiß") as ada,
        somebody(tmp_path / "ben", "李本") as ben,
    ):
        await ada.come_in(server.founding_link)

        # an invite, made and used on the screen
        await ada.page.locator('[data-key="admin"]').click()
        await ada.page.get_by_role("button", name="Invite somebody").click()
        await ada.page.get_by_role("button", name="Make the invite").click()
        link = await ada.page.get_by_role("textbox", name="The link").input_value()
        await ada.page.keyboard.press("Escape")
        await ben.come_in(link)

        # a unit, and Ben in it
        await ada.page.get_by_role("button", name="New unit").click()
        await ada.page.get_by_label("Title").fill("Research 研究")
        await ada.page.get_by_role("button", name="Open it").click()
        await ada.page.wait_for_selector("mf-composer textarea")
        await ada.page.keyboard.press("Alt+m")
        await ada.page.get_by_role("button", name="Let somebody in").click()
        await ada.page.get_by_label("Whom?").fill("liben")
        await ada.page.locator("dialog").get_by_role("button", name="Let in").click()
        await ada.page.locator(".notice", has_text="李本").wait_for()
        await ada.page.keyboard.press("Escape")
        await ben.open("Research 研究")

        # both ways, answered in a thread, with a reaction
        await ada.say("Guten Morgen, **Ben**")
        await ben.sees("Guten Morgen, Ben")
        await ben.say("早上好")
        await ada.sees("早上好")
        writing = ben.page.locator(".middle mf-composer textarea")
        await writing.press_sequentially("请看 @ad")
        await ben.page.get_by_role("option", name="Ada Weiß").wait_for()
        await writing.press("Enter")  # takes the name
        await writing.press("Enter")  # sends it
        await ada.page.locator(".line.calls .mention.me", has_text="Ada Weiß").wait_for()
        saying = ada.page.locator(".middle mf-composer textarea")
        await saying.press_sequentially("收到 @lb")  # by the initials of 李本
        await ada.page.get_by_role("option", name="李本").wait_for()
        await saying.press("Enter")
        await saying.press("Enter")
        await ben.page.locator(".line.calls .mention.me", has_text="李本").wait_for()
        await ada.line("早上好").hover()
        await ada.line("早上好").get_by_role("button", name="React").click()
        await ada.page.get_by_role("menuitem", name="👍").click()
        await ben.page.locator(".reaction", has_text="👍").wait_for()
        await ben.line("Guten Morgen").hover()
        await ben.line("Guten Morgen").get_by_role("button", name="Open the thread").click()
        await ben.page.locator("mf-thread textarea").fill("In the thread")
        await ben.page.keyboard.press("Enter")
        await ada.page.locator(".thread-link", has_text="1 answer").click()
        await ada.page.locator("mf-thread .line", has_text="In the thread").wait_for()
        await ada.page.keyboard.press("Escape")

        # edited, taken back
        await ada.page.locator(".middle mf-composer textarea").press("ArrowUp")
        await ada.page.locator(".middle mf-composer textarea").fill("Guten Abend")
        await ada.page.keyboard.press("Enter")
        await ben.sees("Guten Abend")
        assert await ben.line("Guten Abend").locator(".edited").count() == 1

        # elsewhere meanwhile: what was begun is kept, and a line stands above what is new
        await ben.page.locator(".middle mf-composer textarea").fill("half a sen")
        await ben.page.locator('[data-key="people"]').click()
        await ben.page.wait_for_selector("mf-people")
        await ada.say("said while Ben was away")
        await ada.say("and this")
        # One might still be what was not marked as read before he left.
        await ben.page.locator(".unit-link .count", has_text=re.compile("[2-9]")).wait_for()
        await ben.open("Research 研究")
        await ben.page.locator(".unread-line").wait_for()
        writing = ben.page.locator(".middle mf-composer textarea")
        assert await writing.input_value() == "half a sen"
        await writing.fill("")

        # an announcement, whose list fills before its author's eyes
        await ada.page.get_by_role("button", name="Announcement, poll, request").click()
        await ada.page.get_by_role("menuitem", name="Announcement").click()
        await ada.page.get_by_label("Title").fill("停电通知 Power cut")
        await ada.page.locator("dialog textarea").fill("Saturday, **10 to 12**.")
        await ada.page.get_by_role("button", name="Announce", exact=True).click()
        await ada.page.locator(".work .who").click()
        await ada.page.locator(".read-list h3", has_text="1 has not confirmed").wait_for()
        await ben.page.locator(".mark.asks").wait_for()
        await ben.page.get_by_role("button", name="I have read this").click()
        await ada.page.locator(".read-list h3", has_text="0 have not confirmed").wait_for()
        await ada.page.keyboard.press("Escape")

        # a poll, and a request through its chain
        await ada.page.get_by_role("button", name="Announcement, poll, request").click()
        await ada.page.get_by_role("menuitem", name="Poll").click()
        await ada.page.get_by_label("Question").fill("Where to?")
        await ada.page.get_by_label("Choices, one a line").fill("Hangzhou\nSuzhou")
        await ada.page.get_by_role("button", name="Ask", exact=True).click()
        await ben.page.get_by_role("button", name="Suzhou").click()
        await ada.page.locator(".work", has_text="1 of 2 have voted").wait_for()
        await ben.page.get_by_role("button", name="Announcement, poll, request").click()
        await ben.page.get_by_role("menuitem", name="Request").click()
        await ben.page.get_by_label("Form").select_option("free")
        await ben.page.get_by_label("Title").fill("A new screen")
        for input_ in await ben.page.locator("dialog .request-list input").all():
            await input_.fill("27 inches")
        await ben.page.get_by_label("Step 1").select_option(label="Ada Weiß")
        await ben.page.get_by_role("button", name="Send it").click()
        await ada.page.locator('[data-key="requests"]').click()
        await ada.page.locator("mf-requests .work").get_by_role("button", name="Approve").click()
        await ben.page.locator(".work .tag.ok", has_text="approved").first.wait_for()
        await ada.open("Research 研究")

        # a film that plays while it is fetched, from its middle
        path = film(tmp_path / "day.webm")
        async with ada.page.expect_file_chooser() as chooser:
            await ada.page.get_by_role("button", name="Attach files").click()
        await (await chooser.value).set_files(path)
        await ben.sees("day.webm")
        await ben.line("day.webm").get_by_role("button", name="Play day.webm").click()
        video = ben.page.locator("video")
        await video.wait_for()
        await video.evaluate(
            """video => new Promise((done, fail) => {
                video.onerror = () => fail(new Error(String(video.error?.message)));
                video.onseeked = () => done();
                const seek = () => { video.pause(); video.currentTime = 4.5; };
                if (video.readyState) seek(); else video.onloadedmetadata = seek;
            })"""
        )
        assert await video.evaluate("video => video.currentTime") == pytest.approx(4.5, abs=0.3)
        assert await video.evaluate("video => video.videoWidth") == 320

        # locked, and opened again
        await ben.page.keyboard.press("Alt+l")
        await ben.page.get_by_label("Passphrase").fill("wrong")
        await ben.page.get_by_role("button", name="Unlock").click()
        await ben.page.locator(".bad", has_text="passphrase").wait_for()
        await ben.page.get_by_label("Passphrase").fill(PASSPHRASE)
        await ben.page.get_by_role("button", name="Unlock").click()
        await ben.sees("Guten Abend")

        # out of the company: the one who is removed is told so
        await ada.page.locator('[data-key="admin"]').click()
        await ada.page.get_by_role("button", name="Remove somebody").click()
        await ada.page.locator("dialog").get_by_role("button", name="Remove").click()
        await ada.page.locator("dialog").get_by_role("button", name="Remove").click()
        await ada.page.locator("dialog .tag", has_text="out").wait_for()
        await ben.page.locator(".banner", has_text="no longer").first.wait_for()


async def test_the_page_goes_on_when_the_server_comes_back(tmp_path: Path) -> None:
    need_a_browser()
    async with somebody(tmp_path / "ada", "Ada") as ada:
        async with running_server(tmp_path) as server:
            await ada.come_in(server.founding_link)
            await ada.page.get_by_role("button", name="New unit").click()
            await ada.page.get_by_label("Title").fill("Research")
            await ada.page.get_by_role("button", name="Open it").click()
            await ada.page.wait_for_selector("mf-composer textarea")
            await ada.say("before")
            await ada.sees("before")
        await ada.page.locator(".banner", has_text="no line to the server").wait_for()
        await ada.say("meanwhile")
        await ada.page.locator(".line.waiting", has_text="meanwhile").wait_for()
        async with running_server(tmp_path, restart=True):
            await ada.page.locator(".line-state.up").wait_for()
            await ada.page.locator(".line:not(.waiting)", has_text="meanwhile").wait_for()
            assert await ada.page.locator(".line", has_text="meanwhile").count() == 1
