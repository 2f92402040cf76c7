"""What was kept and is then refused, on the page: why, once more, or away with it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from mifeng.session import delivery
from mifeng_crypto.api.problems import ProblemCode
from tests.attacks.evil_server import evil_server
from tests.browser.chromium import need_a_browser
from tests.browser.people import somebody
from tests.support.patience import until


async def test_what_is_refused_later_stands_below_until_one_decides(tmp_path: Path) -> None:
    need_a_browser()
    async with (
        evil_server(tmp_path / "server") as evil,
        somebody(tmp_path / "ada", "Ada") as ada,
    ):
        await ada.come_in(evil.server.founding_link)
        await ada.page.get_by_role("button", name="New unit").click()
        await ada.page.get_by_label("Title").fill("Research")
        await ada.page.get_by_role("button", name="Open it").click()
        await ada.page.locator("dialog").wait_for(state="detached")  # it has the focus until then
        await ada.page.wait_for_selector("mf-composer textarea")
        await ada.say("heard")
        await ada.sees("heard")
        (device,) = {device for device, name in evil.asked if name == "message"}
        me = cast("Any", SimpleNamespace(device_id=device))

        evil.refuse(me, "message", ProblemCode.UNAVAILABLE)
        for n, text in enumerate(("first", "second"), 1):
            await ada.say(text)
            await ada.page.locator(".line", has_text=text).wait_for()
            # Each time the first one is tried; after that it is kept for later.
            tried = 1 + n * delivery.REACHES
            await until(lambda tried=tried: evil.asked[device, "message"] >= tried)  # type: ignore[misc]
        evil.refuse(me, "message", ProblemCode.TOO_LARGE)
        await ada.say("third")
        unsent = ada.page.locator("mf-timeline .banner.bad")
        await unsent.filter(has_text="Not sent: second").wait_for()
        assert await unsent.count() == 2
        assert "send less" in await unsent.first.inner_text()
        writing = ada.page.locator(".middle mf-composer textarea")
        # Who is told at once has the text still.
        await ada.page.locator(".notice", has_text="too_large").wait_for()
        assert await writing.input_value() == "third"

        await unsent.filter(has_text="second").get_by_role("button", name="Forget").click()
        await unsent.filter(has_text="second").wait_for(state="detached")
        evil.be_honest()
        await unsent.get_by_role("button", name="Send again").click()
        await unsent.wait_for(state="detached")
        await ada.sees("first")
