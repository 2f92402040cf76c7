"""`make screens`: pictures of the main views, in both languages, themes and more than one width.

A company of 60 people and 12 units is made for them and kept open while the pictures are taken, in
build/screens. `python -m tests.browser.screens --small` makes a smaller one; views, `--widths`,
`--languages` and `--themes` can be chosen.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mifeng.web.house import profile_id
from mifeng_crypto.ledger.charter_entry import UnitRole
from tests.browser.chromium import browser
from tests.browser.company import Company, company, picture, sound
from tests.support.screen import Page as Local
from tests.support.screen import open_screen
from tests.support.server import running_server

if TYPE_CHECKING:
    from playwright.async_api import Page

OUTPUT = Path(__file__).resolve().parent.parent.parent / "build" / "screens"
WIDE = 1360
HEIGHT = 860
LEFT = "旧项目 Legacy"
"""A unit that its creator has left: she has a say in it, and reads nothing."""


async def _go(page: Page, place: str, sign: str) -> None:
    """Open what has an address, as its link does, and wait for it."""
    await page.evaluate(f"location.hash = '#/{place}'")
    await page.wait_for_selector(sign)


async def _press(page: Page, keys: str, sign: str) -> None:
    await page.keyboard.press(keys)
    await page.wait_for_selector(sign)


async def _talk(page: Page, place: Company) -> None:
    await page.wait_for_selector("mf-composer textarea")


async def _list(page: Page, place: Company) -> None:
    await _go(page, "", ".unit-link")


async def _pictures(page: Page, place: Company) -> None:
    await page.locator("mf-file").first.scroll_into_view_if_needed()
    await page.wait_for_selector("mf-file img")


async def _lightbox(page: Page, place: Company) -> None:
    await _pictures(page, place)
    await page.locator("mf-file .picture").first.click()
    await page.wait_for_selector(".lightbox img")


async def _actions(page: Page, place: Company) -> None:
    await page.keyboard.press("Escape")  # from writing to the last line, by keyboard
    await page.locator("mf-timeline .line:has(.text)").last.focus()
    await page.keyboard.press("+")
    await page.wait_for_selector(".menu")


async def _thread(page: Page, place: Company) -> None:
    await page.locator(".thread-link").last.click()
    await page.wait_for_selector("mf-thread .line")


async def _requests(page: Page, place: Company) -> None:
    await _go(page, "requests", "mf-requests .work")


async def _members(page: Page, place: Company) -> None:
    await _press(page, "Alt+m", "mf-details .person")


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
    await _go(page, "people", ".wide-people .person")


async def _admin(page: Page, place: Company) -> None:
    await _go(page, "admin", ".digits")


async def _invite(page: Page, place: Company) -> None:
    await _admin(page, place)
    await page.locator(".admin-block .primary").click()
    await page.locator("dialog .primary").click()
    await page.wait_for_selector(".qr")


async def _report(page: Page, place: Company) -> None:
    await _admin(page, place)
    await page.locator(".admin-block button.bare").first.click()
    await page.wait_for_selector("dialog .tag")


async def _remove(page: Page, place: Company) -> None:
    await _admin(page, place)
    await page.locator(".admin-block .danger-quiet").click()
    await page.wait_for_selector("dialog .person")


async def _find(page: Page, place: Company) -> None:
    await _press(page, "Control+k", ".hit")
    await page.keyboard.type("li")
    await page.locator(".hit", has_text="李伟").first.wait_for()


async def _settings(page: Page, place: Company) -> None:
    await _press(page, "Control+,", "dialog")


async def _keys(page: Page, place: Company) -> None:
    await _press(page, "Control+/", "dialog")


async def _feed(page: Page, place: Company) -> None:
    await _go(page, "feed", ".post")


async def _profile(page: Page, place: Company) -> None:
    await _go(page, f"feed/{place.colleague.me.id.hex()}", ".profile")


async def _governed(page: Page, place: Company) -> None:
    await _go(page, f"g/{place.units[LEFT].id.hex()}", ".governed .person")


async def _unit_settings(page: Page, place: Company) -> None:
    await _about(page, place)
    await page.locator(".panel-body button.wide").first.click()
    await page.wait_for_selector("dialog")


async def _new_unit(page: Page, place: Company) -> None:
    await _list(page, place)
    await page.locator('[data-key="add"]').click()
    await page.wait_for_selector("dialog")


def _new(which: int) -> Callable[[Any, Company], Awaitable[None]]:
    """What the composer's plus opens: an announcement, a poll, a request."""

    async def view(page: Page, place: Company) -> None:
        await page.locator("mf-composer [aria-haspopup]").click()
        await page.locator('[role="menuitem"]').nth(which).click()
        await page.wait_for_selector("dialog")

    return view


async def _confirmed(page: Page, place: Company) -> None:
    await page.locator(".work .who").last.click()
    await page.wait_for_selector(".read-list li")


async def _day(page: Page, place: Company) -> None:
    await page.locator(".unit-head button").nth(1).click()
    await page.wait_for_selector("dialog")


async def _locked(page: Page, place: Company) -> None:
    other = profile_id(place.folder / "p12")
    await page.evaluate(f"sessionStorage.setItem('profile', '{other}'); location.reload()")
    await page.wait_for_selector("mf-locked form")


async def _first_run(page: Page, place: Company) -> None:
    await _locked(page, place)
    await page.locator(".door-foot .link").click()
    await page.wait_for_selector("mf-first-run form")


VIEWS: dict[str, Callable[[Any, Company], Awaitable[None]]] = {
    "talk": _talk,
    "list": _list,
    "pictures": _pictures,
    "lightbox": _lightbox,
    "actions": _actions,
    "thread": _thread,
    "requests": _requests,
    "announce": _new(0),
    "poll": _new(1),
    "form": _new(2),
    "confirmed": _confirmed,
    "feed": _feed,
    "profile": _profile,
    "members": _members,
    "files": _files,
    "about": _about,
    "unit": _unit_settings,
    "new-unit": _new_unit,
    "governed": _governed,
    "person": _person,
    "people": _people,
    "admin": _admin,
    "invite": _invite,
    "remove": _remove,
    "report": _report,
    "find": _find,
    "day": _day,
    "settings": _settings,
    "keys": _keys,
    "locked": _locked,
    "first-run": _first_run,
}


async def _picture(page: Page, name: str) -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    await page.evaluate(
        """Promise.all([document.fonts.ready, ...[...document.images].map((one) =>
            one.decode().catch(() => {}))])"""
    )
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
    sent = await theirs.request("leave", "年假四天", fields, [("one", [place.me.me])])
    await theirs.remind(sent.sequence)
    await place.me.sync()


async def _govern(place: Company, local: Local) -> None:
    """A unit that one has left, somebody who was removed, a profile that is locked."""
    left = place.units[LEFT] = await place.me.create_unit(LEFT)
    await left.grant(place.me.person(place.colleague.me.id.hex()), UnitRole.MANAGER)
    await place.colleague.sync()
    await place.colleague.unit(LEFT).revoke(place.colleague.person(place.me.me.id.hex()))
    await place.me.sync()
    await place.me.remove(place.me.person("周婷"))
    local.screen.house.add(place.folder / "p12")
    main = place.units["设计部"]
    read = {"unit": main.id.hex(), "sequence": (await main.history())[-1].sequence}
    await local.of("mark_read", **read)  # so that every page opens at the end


async def _views(args: argparse.Namespace, place: Company, local: Local, mark: str) -> list[str]:
    """Take the pictures of one language and theme; return what could not be opened."""
    failed = list[str]()
    main = place.units["设计部"].id.hex()
    async with browser(place.folder / f"b-{mark}", height=HEIGHT) as context:
        for width in args.widths:
            for view in args.views or VIEWS:
                page = await context.new_page()
                page.set_default_timeout(15_000)
                await page.set_viewport_size({"width": width, "height": HEIGHT})
                page.on("console", lambda said: print("console:", said.text, file=sys.stderr))
                page.on("pageerror", lambda err: print("error:", err, file=sys.stderr))
                await page.goto(local.screen.address())
                await page.wait_for_selector(".unit-link")
                await _go(page, f"u/{main}", "mf-timeline .line")
                name = f"{view}-{mark}" + (f"-{width}" if width != WIDE else "")
                try:
                    await VIEWS[view](page, place)
                except Exception as err:  # noqa: BLE001 - the picture shows what there is
                    print(f"{name}: {err}", file=sys.stderr)
                    failed.append(name)
                await _picture(page, name)
                await page.close()
    return failed


async def _all(args: argparse.Namespace) -> list[str]:
    people, messages = (14, 40) if args.small else (60, 300)
    failed = list[str]()
    with tempfile.TemporaryDirectory(prefix="mifeng-screens-") as name:
        folder = Path(name)
        async with (
            running_server(folder) as server,
            company(folder, server, people=people, messages=messages) as place,
            open_screen(folder / "screen", place.me) as local,
        ):
            await _stage(place, local)
            await _work(place)
            await _govern(place, local)
            for language in args.languages:
                await local.call("set_settings", language=language)
                for theme in args.themes:
                    await local.call("set_settings", theme=theme)
                    failed += await _views(args, place, local, f"{language}-{theme}")
    return failed


def main() -> None:
    """Make the pictures that the command line names; all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("views", nargs="*", choices=[[], *VIEWS])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--languages", nargs="+", default=["en", "zh_CN"])
    parser.add_argument("--themes", nargs="+", default=["light", "dark"])
    parser.add_argument("--widths", nargs="+", type=int, default=[320, 768, WIDE])
    failed = asyncio.run(_all(parser.parse_args()))
    if failed:
        sys.exit(f"{len(failed)} views could not be opened: {', '.join(failed)}")


if __name__ == "__main__":
    from mifeng.core import key_packages

    key_packages.STOCK = {0xF002: 20}  # what a company of a minute needs
    main()
