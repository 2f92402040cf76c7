"""`make screens`: pictures of the main views, in both languages and both themes, in build/screens.

A company of 60 people and 12 units is made for them; `python -m tests.browser.screens --small`
makes a smaller one, and only some views can be named.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.browser.chromium import browser
from tests.browser.company import Company, company, picture, sound
from tests.support.screen import Page as Local
from tests.support.screen import open_screen
from tests.support.server import running_server

if TYPE_CHECKING:
    from playwright.async_api import Page

OUTPUT = Path(__file__).resolve().parent.parent.parent / "build" / "screens"


async def _talk(page: Page, place: Company) -> None:
    await page.wait_for_timeout(300)


async def _files_in_talk(page: Page, place: Company) -> None:
    await page.locator("mf-file").first.scroll_into_view_if_needed()
    await page.wait_for_timeout(300)


async def _requests(page: Page, place: Company) -> None:
    await page.locator('[data-key="requests"]').click()
    await page.wait_for_selector("mf-requests .work")


async def _members(page: Page, place: Company) -> None:
    await page.keyboard.press("Alt+m")
    await page.wait_for_selector(".person")


async def _files(page: Page, place: Company) -> None:
    await page.locator(".unit-head button").nth(2).click()
    await page.wait_for_selector(".file-list")


async def _about(page: Page, place: Company) -> None:
    await page.locator(".unit-head button").nth(3).click()
    await page.wait_for_selector(".facts")


async def _person(page: Page, place: Company) -> None:
    await page.locator(".line:not(.follows) .sender").last.click()
    await page.wait_for_selector(".digits")


async def _people(page: Page, place: Company) -> None:
    await page.locator('[data-key="people"]').click()
    await page.wait_for_selector(".wide-people .person")


async def _admin(page: Page, place: Company) -> None:
    await page.locator('[data-key="admin"]').click()
    await page.wait_for_selector(".digits")


async def _invite(page: Page, place: Company) -> None:
    await page.locator('[data-key="admin"]').click()
    await page.locator(".admin-block .primary").click()
    await page.locator("dialog .primary").click()
    await page.wait_for_selector(".qr")


async def _find(page: Page, place: Company) -> None:
    await page.keyboard.press("Control+k")
    await page.keyboard.type("li")
    await page.wait_for_timeout(300)


async def _settings(page: Page, place: Company) -> None:
    await page.keyboard.press("Control+,")
    await page.wait_for_timeout(200)


async def _keys(page: Page, place: Company) -> None:
    await page.keyboard.press("Control+/")
    await page.wait_for_timeout(200)


async def _thread(page: Page, place: Company) -> None:
    await page.locator(".thread-link").last.click()
    await page.wait_for_selector("mf-thread .line")


async def _feed(page: Page, place: Company) -> None:
    await page.locator('[data-key="feed"]').click()
    await page.wait_for_selector(".post")


async def _profile(page: Page, place: Company) -> None:
    person = place.colleague.me.id.hex()
    await page.evaluate(f"location.hash = '#/feed/{person}'")
    await page.wait_for_selector(".profile")


async def _unit_settings(page: Page, place: Company) -> None:
    await _about(page, place)
    await page.locator(".panel-body button.wide").first.click()
    await page.wait_for_selector("dialog")


async def _form(page: Page, place: Company) -> None:
    await page.locator("mf-composer [aria-haspopup]").click()
    await page.locator('[role="menuitem"]').last.click()
    await page.wait_for_selector("dialog")


VIEWS: dict[str, Callable[[Any, Company], Awaitable[None]]] = {
    "talk": _talk,
    "pictures": _files_in_talk,
    "thread": _thread,
    "requests": _requests,
    "form": _form,
    "feed": _feed,
    "profile": _profile,
    "members": _members,
    "files": _files,
    "about": _about,
    "unit": _unit_settings,
    "person": _person,
    "people": _people,
    "admin": _admin,
    "invite": _invite,
    "find": _find,
    "settings": _settings,
    "keys": _keys,
}


async def _picture(page: Page, name: str) -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=OUTPUT / f"{name}.png")


async def _upload(local: Local, unit: str, name: str, body: bytes) -> None:
    assert (await local.upload(unit, name, body))["state"] == "done"


async def _stage(place: Company, local: Local) -> None:
    main = place.units["设计部"]
    await _upload(local, main.id.hex(), "首页设计稿 v3.png", picture())
    await _upload(local, main.id.hex(), "Interview 04.wav", sound())
    await _upload(local, main.id.hex(), "用户访谈纪要.docx", b"PK\x03\x04" + bytes(48_000))
    lines = [one for one in await main.history() if one.text]
    await main.react(lines[-3], "👍")
    await place.colleague.sync()
    theirs = place.colleague.unit("设计部")
    await theirs.react(lines[-3].sequence, "👍")
    await theirs.react(lines[-3].sequence, "🎉")
    await theirs.send("这个间距我再确认一下，@ 一下设计规范的负责人。", thread=lines[-2].sequence)
    await main.send("按 8 的倍数来，不要例外。", thread=lines[-2].sequence)
    await theirs.send(
        f"{theirs.mention(place.me.me)} 首页已经更新，请看一下 👆", reply_to=lines[-1].sequence
    )
    for title in ("研发部", "海外 Overseas", "news"):
        for unit in place.colleague.units():
            if unit.id == place.units[title].id and unit.may_post:
                await unit.send("收到，今天处理。")
    await place.me.sync()


async def _work(place: Company) -> None:
    """An announcement that waits, a poll under way, a request that somebody has to decide."""
    theirs = place.colleague.unit("设计部")
    text = "电力检修，**上午十点至十二点**停电。Please save your work before ten."
    await theirs.announce("周六停电通知 Power cut on Saturday", text)
    await theirs.ask("团建去哪里？", "杭州", "苏州", "莫干山")
    await place.me.sync()
    main = place.units["设计部"]
    asked = (await main.history())[-1]
    await main.vote(asked, 1)
    await place.colleague.sync()
    await theirs.vote(asked.sequence, 3)
    fields = {"kind": "annual", "days": "2026-12-21..2026-12-24", "reason": "回老家"}
    await theirs.request("leave", "年假四天", fields, [("one", [place.me.me])])
    await place.me.sync()


async def _all(args: argparse.Namespace) -> None:
    people, messages = (12, 40) if args.small else (60, 300)
    with tempfile.TemporaryDirectory(prefix="mifeng-screens-") as name:
        folder = Path(name)
        async with (
            running_server(folder) as server,
            company(folder, server, people=people, messages=messages) as place,
            open_screen(folder / "screen", place.me) as local,
        ):
            await _stage(place, local)
            await _work(place)
            main = place.units["设计部"].id.hex()
            for language in args.languages:
                await local.call("set_settings", language=language)
                for theme in args.themes:
                    await local.call("set_settings", theme=theme)
                    size = {"width": args.width, "height": 860}
                    async with browser(
                        folder / f"b-{language}-{theme}", width=size["width"], height=860
                    ) as context:
                        for view in args.views or VIEWS:
                            page = await context.new_page()
                            page.on(
                                "console",
                                lambda said: print("console:", said.text, file=sys.stderr),
                            )
                            page.on("pageerror", lambda err: print("error:", err, file=sys.stderr))
                            await page.goto(local.screen.address())
                            await page.wait_for_selector(".unit-link")
                            await page.evaluate(f"location.hash = '#/u/{main}'")
                            await page.wait_for_selector(".line")
                            await page.wait_for_timeout(500)
                            try:
                                await VIEWS[view](page, place)
                            except Exception as err:  # noqa: BLE001 - the picture shows what there is
                                print(f"{view}: {err}", file=sys.stderr)
                            await _picture(
                                page,
                                f"{view}-{language}-{theme}"
                                + (f"-{args.width}" if args.width != 1360 else ""),
                            )
                            await page.close()


def main() -> None:
    """Make the pictures that the command line names; all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("views", nargs="*", choices=[[], *VIEWS])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--languages", nargs="+", default=["en", "zh_CN"])
    parser.add_argument("--themes", nargs="+", default=["light", "dark"])
    parser.add_argument("--width", type=int, default=1360)
    asyncio.run(_all(parser.parse_args()))


if __name__ == "__main__":
    from mifeng.core import key_packages

    key_packages.STOCK = {0xF002: 20}  # what a company of a minute needs
    main()
